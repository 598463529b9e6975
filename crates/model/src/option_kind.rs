//! The meaning of an option to the operator: an ordinary choice, no input, a way out, or an end.
//!
//! Owns the four kinds and the list of codes of each. Pure. The report has only codes, so the
//! operator configures their kinds; nothing here may guess a kind from the look of a code.

use std::collections::BTreeMap;

/// The code that Wolkvox writes when a caller pressed nothing.
pub(super) const PULSE: &str = "PULSE";

/// The `kind` label of an option.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OptionKind {
    /// An ordinary choice: every code that is not listed.
    Option,
    /// The caller entered nothing.
    NoInput,
    /// The caller asked to leave the menu, usually for a person (zero-out).
    OptOut,
    /// The menu gave the caller what was asked for.
    Terminal,
}

impl OptionKind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Option, Self::NoInput, Self::OptOut, Self::Terminal];

    /// The value of the label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Option => "option",
            Self::NoInput => "no_input",
            Self::OptOut => "opt_out",
            Self::Terminal => "terminal",
        }
    }
}

/// The kind of each listed code.
///
/// Codes are compared letter by letter with the exposed option: cleaned, cut as a label value, and
/// renamed by the rules. Operators who want several spellings to be one code rename them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptionKinds(BTreeMap<String, OptionKind>);

impl OptionKinds {
    /// Makes an empty list: every option is an ordinary choice.
    pub fn none() -> Self {
        Self(BTreeMap::new())
    }

    /// Lists a code. Returns the kind under which it was listed before, if any.
    pub fn list(&mut self, code: &str, kind: OptionKind) -> Option<OptionKind> {
        self.0.insert(code.to_owned(), kind)
    }

    /// The kind of an option.
    pub fn kind(&self, option: &str) -> OptionKind {
        self.0.get(option).copied().unwrap_or(OptionKind::Option)
    }

    /// The codes listed as `kind`, in their order as text.
    pub fn codes(&self, kind: OptionKind) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(_, listed)| **listed == kind).map(|(code, _)| code.as_str())
    }
}

impl Default for OptionKinds {
    /// Lists `PULSE` as no input, as the vendor defines it.
    fn default() -> Self {
        let mut kinds = Self::none();
        kinds.list(PULSE, OptionKind::NoInput);
        kinds
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_listed_is_an_ordinary_option() {
        let mut kinds = OptionKinds::default();
        assert_eq!(kinds.list("AGENTE", OptionKind::OptOut), None);
        assert_eq!(kinds.list("SALDO", OptionKind::Terminal), None);
        for (option, kind) in [
            ("PULSE", "no_input"),
            ("AGENTE", "opt_out"),
            ("SALDO", "terminal"),
            ("1", "option"),
            ("agente", "option"),
            ("AGENTE ", "option"),
            ("other", "option"),
        ] {
            assert_eq!(kinds.kind(option).as_str(), kind, "{option}");
        }
        assert_eq!(kinds.codes(OptionKind::OptOut).collect::<Vec<_>>(), ["AGENTE"]);
        assert_eq!(OptionKinds::none().kind("PULSE"), OptionKind::Option);
    }

    #[test]
    fn a_code_listed_twice_shows_its_earlier_kind() {
        let mut kinds = OptionKinds::default();
        assert_eq!(kinds.list("PULSE", OptionKind::Terminal), Some(OptionKind::NoInput));
    }
}
