//! A configuration as `--config.check` prints it.
//!
//! Owns that text: one setting a line, in the file's own order and names. Tokens print as `<secret>`.

use std::fmt::{self, Display, Formatter};

use super::{Config, Target, TokenSource, duration::show};

impl Display for Config {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "targets:")?;
        for target in &self.targets {
            target.fmt(f)?;
        }
        writeln!(f, "poll:")?;
        writeln!(f, "  interval: {}", show(self.poll.interval))?;
        writeln!(f, "  settle_delay: {}", show(self.poll.settle_delay))?;
        writeln!(f, "  lookback: {}", show(self.poll.lookback))?;
        writeln!(f, "  hourly_lookback: {}", show(self.poll.tiers.hourly))?;
        writeln!(f, "  nightly_lookback: {}", show(self.poll.tiers.nightly))?;
        writeln!(f, "  nightly_hour: {}", self.poll.tiers.nightly_hour)?;
        writeln!(f, "  start_from: {}", self.poll.start_from)?;
        writeln!(f, "menu:")?;
        writeln!(f, "  buckets: [{}]", listed(&self.menu.buckets))?;
        writeln!(f, "  label_length: {}", self.menu.label_length)?;
        writeln!(f, "  zero_hold: {}", show(self.menu.zero_hold))?;
        writeln!(f, "state:")?;
        writeln!(f, "  path: {}", self.state_path.display())?;
        writeln!(f, "web:")?;
        writeln!(
            f,
            "  listen_addresses: [{}]",
            listed(self.web.listen.iter().map(|at| format!("{:?}", at.to_string())))
        )?;
        writeln!(f, "  telemetry_path: {}", self.web.telemetry_path)
    }
}

impl Display for Target {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "- name: {:?}", self.name)?;
        writeln!(f, "  server: {}", self.endpoint)?;
        match &self.token {
            TokenSource::File(path) => writeln!(f, "  token: <secret> in {}", path.display())?,
            TokenSource::Fixed(token) => writeln!(f, "  token: {token} from the environment")?,
        }
        writeln!(f, "  timezone: {}", self.timezone.iana_name().unwrap_or("unknown"))?;
        match self.licences {
            Some(licences) => writeln!(f, "  licences: {licences}")?,
            None => writeln!(f, "  licences: unknown")?,
        }
        for menu in &self.expected {
            let options = listed(menu.options.iter().map(|option| format!("{option:?}")));
            writeln!(
                f,
                "  expected: rp_id {:?}, channel {:?}, options [{options}]",
                menu.rp_id, menu.channel
            )?;
        }
        Ok(())
    }
}

fn listed(items: impl IntoIterator<Item = impl Display>) -> String {
    let items: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    items.join(", ")
}
