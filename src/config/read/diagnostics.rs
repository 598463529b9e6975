//! The problems of a configuration, with their places.
//!
//! Owns the list that a resolution fills, so that all problems can be fixed together instead of one
//! per start. It must never hold a secret: places and messages are printed and logged.

use std::fmt;

use crate::i18n::{Bilingual, Language, bilingual};

/// One problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// A flag, or a file with line, column and key.
    pub place: String,
    /// The problem, and what to do about it.
    pub message: Bilingual,
}

impl Problem {
    /// The problem for a reader of this language.
    pub fn in_language(&self, language: Language) -> String {
        format!("{}: {}", self.place, self.message.in_language(language))
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

/// The problems of a configuration that cannot be used, at least one.
#[derive(Debug)]
pub struct ConfigError {
    /// The problems in the order in which they were found.
    pub problems: Vec<Problem>,
}

impl std::error::Error for ConfigError {}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

/// Adds a hint to a reason if the value shows its cause: quotes that an env file keeps, or a mark
/// that an editor left.
pub(crate) fn with_hint(text: &str, reason: Bilingual) -> Bilingual {
    let text = text.trim();
    if text.starts_with('\u{feff}') {
        return bilingual!(in reason:
            "{reason} (the value begins with a byte-order mark, which an editor put there: save the file as UTF-8 without \
             one)",
            "{reason} (el valor empieza con una marca de orden de bytes, que puso un editor: guarde el archivo como UTF-8 \
             sin ella)"
        );
    }
    if in_quotes(text) {
        return bilingual!(in reason:
            "{reason} (the value is in quotes: an env file keeps them as part of it, so leave them out there)",
            "{reason} (el valor está entre comillas: un archivo env las conserva como parte de él, así que quítelas allí)"
        );
    }
    reason
}

/// Returns true if a text begins and ends with the same quotes.
pub(crate) fn in_quotes(text: &str) -> bool {
    text.len() > 1
        && ['"', '\''].iter().any(|quote| text.starts_with(*quote) && text.ends_with(*quote))
}

/// The problems and warnings that a resolution has found so far.
#[derive(Debug, Default)]
pub(crate) struct Diagnostics {
    pub(crate) problems: Vec<Problem>,
    pub(crate) warnings: Vec<Problem>,
}

impl Diagnostics {
    pub(crate) fn problem(&mut self, place: impl Into<String>, message: Bilingual) {
        self.problems.push(Problem { place: place.into(), message });
    }

    pub(crate) fn warn(&mut self, place: impl Into<String>, message: Bilingual) {
        self.warnings.push(Problem { place: place.into(), message });
    }

    /// Returns the value, or reports the problem and returns `None`, so that the rest can still be
    /// checked.
    pub(crate) fn keep<T>(
        &mut self,
        place: &str,
        result: Result<T, impl Into<Bilingual>>,
    ) -> Option<T> {
        result.map_err(|reason| self.problem(place, reason.into())).ok()
    }

    pub(crate) fn into_error(self) -> ConfigError {
        ConfigError { problems: self.problems }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_and_marks_are_pointed_out() {
        for (text, part) in [
            ("\"5m\"", Some("in quotes")),
            (" '0042' ", Some("in quotes")),
            ("\u{feff}0042", Some("byte-order mark")),
            ("0042", None),
            ("\"", None),
            ("a\"b\"", None),
        ] {
            let hinted = with_hint(text, Bilingual::verbatim("wrong")).to_string();
            assert!(
                hinted.starts_with("wrong")
                    && part.map_or(hinted == "wrong", |part| hinted.contains(part)),
                "{hinted}"
            );
        }
    }
}
