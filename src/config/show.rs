//! A configuration as `--config.check` prints it.
//!
//! Owns that text: one setting a line, in the file's own order and names. Tokens print as `<secret>`.

use std::fmt::{self, Display, Formatter};

use crate::config::{
    BaselineConfig, Config, JourneyConfig, MetricsConfig, NameSources, TargetConfig, TokenSource,
    read::duration::show,
};
use crate::{model::OptionKind, wolkvox::Egress};

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
        writeln!(f, "  max_clock_skew: {}", show(self.poll.max_clock_skew))?;
        writeln!(f, "  requests_in_flight: {}", self.poll.requests_in_flight)?;
        writeln!(f, "menu:")?;
        self.menu.fmt(f)?;
        writeln!(f, "journey:")?;
        self.journey.fmt(f)?;
        writeln!(f, "baseline:")?;
        self.baseline.fmt(f)?;
        writeln!(f, "state:")?;
        writeln!(f, "  path: {}", self.state_path.display())?;
        writeln!(f, "web:")?;
        writeln!(
            f,
            "  listen_addresses: [{}]",
            listed(self.web.listen.iter().map(|at| format!("{:?}", at.to_string())))
        )?;
        writeln!(f, "  telemetry_path: {}", self.web.telemetry_path)?;
        if let Some(path) = &self.web.config_file {
            writeln!(f, "  config_file: {}", path.display())?;
        }
        writeln!(f, "  enable_lifecycle: {}", self.web.lifecycle)?;
        if let Some(url) = &self.web.runbooks_url {
            writeln!(f, "  runbooks_url: {url}")?;
        }
        Ok(())
    }
}

impl Display for BaselineConfig {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "  warm_up: {}", show(self.warm_up))?;
        writeln!(f, "  warm_up_requests: {}", self.warm_up_requests)?;
        writeln!(f, "  weeks: {}", self.weeks)?;
        writeln!(f, "  holidays: [{}]", listed(&self.holidays))?;
        if let Some(path) = &self.holidays_file {
            writeln!(f, "  holidays_file: {}", path.display())?;
        }
        Ok(())
    }
}

impl Display for MetricsConfig {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "  buckets: [{}]", listed(&self.buckets))?;
        writeln!(f, "  label_length: {}", self.label_length)?;
        writeln!(f, "  zero_hold: {}", show(self.zero_hold))?;
        for (key, kind) in [
            ("no_input_codes", OptionKind::NoInput),
            ("opt_out_codes", OptionKind::OptOut),
            ("terminal_codes", OptionKind::Terminal),
        ] {
            writeln!(f, "  {key}: [{}]", quoted(self.kinds.codes(kind)))?;
        }
        writeln!(f, "  options:")?;
        writeln!(f, "    allow: [{}]", quoted(self.rules.allowed()))?;
        writeln!(f, "    deny: [{}]", quoted(self.rules.denied()))?;
        let renamed = self.rules.renamed().map(|(from, to)| format!("{{match: {from:?}, to: {to:?}}}"));
        writeln!(f, "    rename: [{}]", listed(renamed))?;
        writeln!(f, "  series_limit: {}", self.series_limit)?;
        writeln!(f, "  options_limit: {}", self.options_limit)?;
        writeln!(f, "  transitions_limit: {}", self.transitions_limit)?;
        writeln!(f, "  expire_after: {}", show(self.expire_after))?;
        writeln!(f, "  fold_digits: {}", self.fold.digits())
    }
}

impl Display for JourneyConfig {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "  idle: {}", show(self.idle))?;
        let channels = self.by_channel.iter().map(|(channel, idle)| format!("{channel:?}: {}", show(*idle)));
        writeln!(f, "  idle_by_channel: {{{}}}", listed(channels))
    }
}

impl Display for NameSources {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match (self.vendor, &self.file) {
            (true, None) => f.write_str("vendor"),
            (true, Some(path)) => write!(f, "vendor, and over them {}", path.display()),
            (false, Some(path)) => write!(f, "{}", path.display()),
            (false, None) => f.write_str("off"),
        }
    }
}

impl Display for TargetConfig {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "- name: {:?}", self.name)?;
        writeln!(f, "  server: {}", self.endpoint)?;
        writeln!(f, "  connection: {}", self.egress)?;
        if self.endpoint.scheme() == "https" {
            writeln!(f, "  authorities: {}", authorities(&self.egress))?;
        }
        match &self.token {
            TokenSource::File(path) => writeln!(f, "  token: <secret> in {}", path.display())?,
            TokenSource::Fixed(token) => writeln!(f, "  token: {token} from the environment")?,
        }
        writeln!(f, "  timezone: {}", self.timezone.iana_name().unwrap_or("unknown"))?;
        match self.licences {
            Some(licences) => writeln!(f, "  licences: {licences}")?,
            None => writeln!(f, "  licences: unknown")?,
        }
        writeln!(f, "  names: {}", self.names)?;
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

/// Whose certificates are believed.
fn authorities(egress: &Egress) -> String {
    match (&egress.authorities, &egress.system_authorities) {
        (Some(own), _) => format!("those in {} only", own.file.display()),
        (None, Some(named)) => format!("those in {named}"),
        (None, None) => "the system's".to_owned(),
    }
}

fn quoted<'a>(items: impl IntoIterator<Item = &'a str>) -> String {
    listed(items.into_iter().map(|item| format!("{item:?}")))
}

fn listed(items: impl IntoIterator<Item = impl Display>) -> String {
    let items: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    items.join(", ")
}
