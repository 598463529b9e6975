//! Which of flag, file and default wins.
//!
//! Owns the one rule: a flag (or its environment twin) wins over the file, the file over the default; and
//! remembers where the winner stood, for messages. It must never parse.

use std::fmt;

use super::{
    file::{ConfigFile, Text},
    problem::Findings,
};

/// A value that somebody wrote.
#[derive(Debug)]
pub(super) struct Given<'a> {
    pub(super) text: &'a str,
    pub(super) place: String,
}

/// A setting that was read, or is its default.
#[derive(Debug)]
pub(super) struct Setting<T> {
    pub(super) value: T,
    /// Where to change it, whether it was given or not.
    pub(super) place: String,
    given: bool,
}

impl<T> Setting<T> {
    /// Where the value comes from, to follow the value in another setting's message.
    pub(super) fn origin(&self) -> String {
        if self.given { format!(", from {}", self.place) } else { " by default".to_owned() }
    }
}

/// The name of a flag and its twin, as messages show them.
pub(super) fn flag_place(flag: &str) -> String {
    let name = flag.strip_prefix("wolkvox.").unwrap_or(flag).replace(['.', '-'], "_").to_uppercase();
    format!("--{flag} (or WOLKVOX_{name})")
}

/// The flag if it was given, else the file's `key`.
pub(super) fn given<'a>(
    flag: Option<&'a str>,
    flag_name: &str,
    file: &ConfigFile,
    value: Option<&'a Text>,
    key: &str,
) -> Option<Given<'a>> {
    match (flag, value) {
        (Some(text), _) => Some(Given { text, place: flag_place(flag_name) }),
        (None, Some(text)) => Some(Given { text: &text.value, place: file.place(&text.referenced, key) }),
        (None, None) => None,
    }
}

impl Given<'_> {
    /// Reads it; a problem is noted and leaves nothing.
    pub(super) fn read<T, E: fmt::Display>(
        self,
        findings: &mut Findings,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<Setting<T>> {
        let value = findings.keep(&self.place, parse(self.text))?;
        Some(Setting { value, place: self.place, given: true })
    }
}

/// Reads what was given, or takes the default; a problem is noted and leaves nothing.
pub(super) fn read_or<T, E: fmt::Display>(
    given: Option<Given<'_>>,
    default: T,
    flag_name: &str,
    findings: &mut Findings,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Option<Setting<T>> {
    match given {
        Some(given) => given.read(findings, parse),
        None => Some(Setting { value: default, place: flag_place(flag_name), given: false }),
    }
}
