//! Which of flag, file and default wins.
//!
//! Owns the one rule: a flag (or its environment twin) wins over the file, the file over the default; and
//! remembers where the winner stood, for messages. It must never parse.

use std::fmt;

use crate::config::read::{
    diagnostics::{Diagnostics, with_hint},
    file::{ConfigFile, Scalar},
};

/// A value that somebody wrote.
#[derive(Debug)]
pub(crate) struct Written<'a> {
    pub(crate) text: &'a str,
    pub(crate) place: String,
}

/// A setting that was read, or is its default.
#[derive(Debug)]
pub(crate) struct Setting<T> {
    pub(crate) value: T,
    /// Where to change it, whether it was given or not.
    pub(crate) place: String,
    given: bool,
}

impl<T> Setting<T> {
    /// Where the value comes from, to follow the value in another setting's message.
    pub(crate) fn origin(&self) -> String {
        if self.given { format!(", from {}", self.place) } else { " by default".to_owned() }
    }
}

/// The name of a flag and its twin, as messages show them.
pub(crate) fn flag_place(flag: &str) -> String {
    let name = flag.strip_prefix("wolkvox.").unwrap_or(flag).replace(['.', '-'], "_").to_uppercase();
    format!("--{flag} (or WOLKVOX_{name})")
}

/// The flag if it was given, else the file's `key`.
pub(crate) fn given<'a>(
    flag: Option<&'a str>,
    flag_name: &str,
    file: &ConfigFile,
    value: Option<&'a Scalar>,
    key: &str,
) -> Option<Written<'a>> {
    match (flag, value) {
        (Some(text), _) => Some(Written { text, place: flag_place(flag_name) }),
        (None, Some(text)) => Some(Written { text: &text.value, place: file.place(&text.referenced, key) }),
        (None, None) => None,
    }
}

impl Written<'_> {
    /// Reads it; a problem is noted and leaves nothing.
    pub(crate) fn read<T, E: fmt::Display>(
        self,
        findings: &mut Diagnostics,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<Setting<T>> {
        let value = parse(self.text).map_err(|reason| with_hint(self.text, reason));
        let value = findings.keep(&self.place, value)?;
        Some(Setting { value, place: self.place, given: true })
    }
}

/// Reads a setting that has a flag, a key in the file, of which the flag has its name, and a default. A problem is noted and
/// leaves nothing.
pub(crate) fn setting<T, E: fmt::Display>(
    key: &str,
    (flag, value): (&Option<String>, &Option<Scalar>),
    default: T,
    (file, findings): (&ConfigFile, &mut Diagnostics),
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Option<Setting<T>> {
    let flag_name = key.replace('_', "-");
    let written = given(flag.as_deref(), &flag_name, file, value.as_ref(), key);
    read_or(written, default, &flag_name, findings, parse)
}

/// Reads what was given, or takes the default; a problem is noted and leaves nothing.
pub(crate) fn read_or<T, E: fmt::Display>(
    given: Option<Written<'_>>,
    default: T,
    flag_name: &str,
    findings: &mut Diagnostics,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Option<Setting<T>> {
    match given {
        Some(given) => given.read(findings, parse),
        None => Some(Setting { value: default, place: flag_place(flag_name), given: false }),
    }
}
