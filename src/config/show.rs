//! Prints a configuration, for `--config.check`.
//!
//! Owns that text: one setting per line, in the order and with the names of the file. Tokens print
//! as `<secret>`.

use std::fmt::{self, Display, Formatter};

use crate::{
    config::{
        Config, NameSources, TargetConfig, TokenSource,
        setting::{listed, show_section},
    },
    wolkvox::Egress,
};

impl Display for Config {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "targets:")?;
        for target in &self.targets {
            target.fmt(f)?;
        }
        show_section(&self.poll, f)?;
        show_section(&self.menu, f)?;
        show_section(&self.journey, f)?;
        show_section(&self.baseline, f)?;
        show_section(&self.state, f)?;
        show_section(&self.web, f)
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
        writeln!(f, "  outcomes: {}", self.outcomes)?;
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

/// Describes the trusted certificate authorities.
fn authorities(egress: &Egress) -> String {
    match (&egress.authorities, &egress.system_authorities) {
        (Some(own), _) => format!("those in {} only", own.file.display()),
        (None, Some(named)) => format!("those in {named}"),
        (None, None) => "the system's".to_owned(),
    }
}
