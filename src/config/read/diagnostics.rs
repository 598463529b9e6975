//! What is wrong with a configuration, and where.
//!
//! Owns the list that a resolution fills, so that a person mends everything in one go instead of one error
//! per start. It must never hold a secret: places and messages are printed and logged.

use std::fmt;

/// One thing to mend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// A flag, or a file with line, column and key.
    pub place: String,
    /// What is wrong there and what to do about it.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

/// A configuration that cannot be used, with everything that is wrong with it: at least one problem.
#[derive(Debug)]
pub struct ConfigError {
    /// In the order in which they were found.
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

/// What a resolution has found so far.
#[derive(Debug, Default)]
pub(crate) struct Diagnostics {
    pub(crate) problems: Vec<Problem>,
    pub(crate) warnings: Vec<Problem>,
}

impl Diagnostics {
    pub(crate) fn problem(&mut self, place: impl Into<String>, message: impl fmt::Display) {
        self.problems.push(Problem { place: place.into(), message: message.to_string() });
    }

    pub(crate) fn warn(&mut self, place: impl Into<String>, message: impl fmt::Display) {
        self.warnings.push(Problem { place: place.into(), message: message.to_string() });
    }

    /// The value, or nothing after noting why not: the rest can still be checked.
    pub(crate) fn keep<T>(&mut self, place: &str, result: Result<T, impl fmt::Display>) -> Option<T> {
        result.map_err(|reason| self.problem(place, reason)).ok()
    }

    pub(crate) fn into_error(self) -> ConfigError {
        ConfigError { problems: self.problems }
    }
}
