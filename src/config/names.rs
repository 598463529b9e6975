//! Where the names of routing points and options come from, from what was written.
//!
//! Owns the choice between Wolkvox, the operator's own file, both, and neither.

use std::path::PathBuf;

use super::{
    NameSources,
    given::{Given, flag_place},
    problem::Findings,
};

/// A file and where it was named.
pub(super) type NamedFile = (PathBuf, String);

/// `from` is what was written of it, `file` what was named.
pub(super) fn resolve(
    from: Option<Given<'_>>,
    file: Option<NamedFile>,
    findings: &mut Findings,
) -> Option<NameSources> {
    let place = from.as_ref().map_or_else(|| flag_place("names.from"), |from| from.place.clone());
    let from = match from {
        Some(from) => from.read(findings, source)?.value,
        None => From::Vendor,
    };
    let reason = match (from, &file) {
        (From::File, None) => "`from: file` needs a file: name it in `names.file` (or --names.file)",
        (From::Off, Some(_)) => "`from: off` has no use for a file: take one of the two away",
        _ => return Some(NameSources { vendor: from == From::Vendor, file: file.map(|(path, _)| path) }),
    };
    findings.problem(place, reason);
    None
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum From {
    Vendor,
    File,
    Off,
}

fn source(text: &str) -> Result<From, String> {
    match text.trim() {
        "vendor" => Ok(From::Vendor),
        "file" => Ok(From::File),
        "off" => Ok(From::Off),
        other => Err(format!("{other:?} must be `vendor`, `file` or `off`")),
    }
}
