//! The output of `doctor`, printed line by line during the check.
//!
//! Owns the layout and the number of things to do. Texts come only from the table, and never
//! contain a value of a row.

use std::io::{self, Write};

use super::texts::Text;
use crate::i18n::{self, Language, Values, Words};

/// Column of the texts, after the mark and the name of the check.
const INDENT: usize = 18;
/// The widest line, in characters.
const WIDTH: usize = 100;

/// Result of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    /// Nothing to do.
    Good,
    /// Worth knowing, or impossible to find out.
    Note,
    /// Something to do.
    Todo,
}

/// The printed report.
pub(super) struct Report<'a> {
    out: &'a mut dyn Write,
    language: Language,
    todo: u64,
}

impl<'a> Report<'a> {
    pub(super) fn new(out: &'a mut dyn Write, language: Language) -> Self {
        Self { out, language, todo: 0 }
    }

    /// Returns the number of things to do.
    pub(super) fn todo(&self) -> u64 {
        self.todo
    }

    /// Returns a text in this report's language.
    pub(super) fn say(&self, text: impl Words, values: Values<'_>) -> String {
        i18n::say(text, self.language, values)
    }

    /// Prints a paragraph.
    pub(super) fn paragraph(&mut self, text: Text, values: Values<'_>) -> io::Result<()> {
        let text = self.say(text, values);
        self.wrapped(0, "", &text)
    }

    /// Prints an empty line.
    pub(super) fn gap(&mut self) -> io::Result<()> {
        writeln!(self.out)
    }

    /// Prints the result of a check.
    pub(super) fn line(
        &mut self,
        mark: Mark,
        check: Text,
        text: impl Words,
        values: Values<'_>,
    ) -> io::Result<()> {
        let sign = match mark {
            Mark::Good => "[ok]",
            Mark::Note => "[--]",
            Mark::Todo => "[!!]",
        };
        self.todo += u64::from(mark == Mark::Todo);
        let head = format!("{sign} {}", self.say(check, &[]));
        let text = self.say(text, values);
        self.wrapped(INDENT, &head, &text)
    }

    /// Prints the remedy for the line above.
    pub(super) fn remedy(&mut self, text: impl Words, values: Values<'_>) -> io::Result<()> {
        let text = self.say(text, values);
        self.wrapped(INDENT + 3, &format!("{:INDENT$}->", ""), &text)
    }

    /// Prints an item of a list below the line above.
    pub(super) fn item(&mut self, name: &str, text: &str) -> io::Result<()> {
        self.wrapped(INDENT + 15, &format!("{:INDENT$}{name}", ""), text)
    }

    /// Prints `head`, and the text from column `indent` on, broken at spaces.
    fn wrapped(&mut self, indent: usize, head: &str, text: &str) -> io::Result<()> {
        let mut line = format!("{head:<indent$}");
        let mut length = line.chars().count();
        let mut begun = false;
        for word in text.split(' ') {
            let wide = word.chars().count();
            if begun && length + 1 + wide > WIDTH {
                writeln!(self.out, "{line}")?;
                line = " ".repeat(indent);
                (length, begun) = (indent, false);
            }
            if begun {
                line.push(' ');
                length += 1;
            }
            line.push_str(word);
            length += wide;
            begun = true;
        }
        writeln!(self.out, "{line}")?;
        // The next check can take a minute.
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_broken_below_their_beginning() {
        let mut out = Vec::new();
        let mut report = Report::new(&mut out, Language::En);
        report.wrapped(4, "ab", &"word ".repeat(40)).unwrap();
        let out = String::from_utf8(out).unwrap();
        assert!(out.lines().count() > 1 && out.lines().all(|line| line.len() <= WIDTH), "{out}");
        assert!(out.lines().skip(1).all(|line| line.starts_with("    word")), "{out}");
    }
}
