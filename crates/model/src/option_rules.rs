//! The rules that decide which options get a series of their own, and under which name.
//!
//! Owns the rules of `menu.options`: rename, then deny, then allow. Pure, and linear in the length
//! of an option whatever the pattern is, because the vendor's server sends the options. A rule must
//! never lose a row: an option without a series is still counted, as [`OTHER`].

use regex::{Regex, RegexBuilder};

use crate::OTHER;

/// Most memory of one compiled pattern, in bytes: far more than any useful rule needs.
const LARGEST: usize = 1 << 20;
/// Length of the longest pattern, in bytes.
const LONGEST: usize = 1024;

/// The label value for every option in which a caller typed a number: see [`DigitFold`].
pub const NUMBER: &str = "number";

/// Length of `a@b.c`, in bytes.
const SHORTEST_EMAIL: usize = 5;

/// The number of digits from which an option is personal data and no code: an identity card or a
/// telephone number that a caller typed into a menu. An e-mail address is personal at any length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DigitFold(usize);

impl Default for DigitFold {
    /// Seven digits: the shortest telephone numbers and identity cards; codes of options have one
    /// to four.
    fn default() -> Self {
        Self(7)
    }
}

impl DigitFold {
    /// Folds options with a number of at least this many digits, and e-mail addresses; with 0,
    /// neither.
    pub fn of(digits: usize) -> Self {
        Self(digits)
    }

    /// The least number of digits, or 0.
    pub fn digits(self) -> usize {
        self.0
    }

    /// Returns true if an option, not yet cut to the length of a label, must be counted as
    /// [`NUMBER`].
    ///
    /// Any characters except letters may separate the digits of one number: `300 123 4567`,
    /// `1.023.456.789` and `+57 (300) 123-45-67` are numbers of ten and twelve digits.
    pub fn folds(self, option: &str) -> bool {
        // Most options are shorter than any such number.
        if self.0 == 0 || option.len() < self.0.min(SHORTEST_EMAIL) {
            return false;
        }
        let mut digits = 0;
        for c in option.chars() {
            if c.is_numeric() {
                digits += 1;
            } else if c.is_alphabetic() {
                digits = 0;
            }
            if digits >= self.0 {
                return true;
            }
        }
        has_email(option)
    }
}

/// Returns true if a text holds an e-mail address: something, an at sign, and a name with a dot.
/// Spaces around the sign are tolerated.
fn has_email(text: &str) -> bool {
    if !text.contains(['@', '＠', '﹫', '%', '(', '[']) {
        return false;
    }
    let signs = ["@", "＠", "﹫", "%40", "(at)", "[at]"];
    let lower = text.to_lowercase();
    signs.iter().flat_map(|sign| lower.match_indices(sign)).any(|(at, sign)| {
        let before = lower[..at].trim_end().chars().next_back();
        let domain: String =
            lower[at + sign.len()..].trim_start().chars().take_while(is_address_char).collect();
        let has_dot = domain
            .trim_end_matches('.')
            .split_once('.')
            .is_some_and(|(host, top)| !host.is_empty() && top.contains(char::is_alphabetic));
        before.as_ref().is_some_and(is_address_char) && has_dot
    })
}

fn is_address_char(c: &char) -> bool {
    c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '+' | '%')
}

/// The rules' decision about an option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ruled<'a> {
    /// It has a series under this name.
    Keep(&'a str),
    /// It is counted as [`OTHER`].
    Other,
}

impl<'a> Ruled<'a> {
    /// The value of the label.
    pub fn label(self) -> &'a str {
        match self {
            Self::Keep(option) => option,
            Self::Other => OTHER,
        }
    }
}

/// The rules for options. Patterns match a whole value, not a part of it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct OptionRules {
    allow: Vec<Pattern>,
    deny: Vec<Pattern>,
    rename: Vec<(Pattern, String)>,
}

/// The reason why a pattern is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PatternError {
    /// It is empty.
    Empty,
    /// It has more bytes than this.
    TooLong(usize),
    /// It takes too much memory when compiled.
    TooLarge,
    /// It is not a regular expression; with the parser's reason.
    NoExpression(String),
}

/// A regular expression with its source text.
#[derive(Debug, Clone)]
struct Pattern {
    written: String,
    whole: Regex,
}

/// Compares the source texts.
impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.written == other.written
    }
}

impl OptionRules {
    /// Adds a pattern of options that keep their series. Once there is one, all other options are
    /// folded.
    ///
    /// # Errors
    /// If the pattern is empty, too large, or not a regular expression.
    pub fn allow(&mut self, pattern: &str) -> Result<(), PatternError> {
        self.allow.push(Pattern::new(pattern)?);
        Ok(())
    }

    /// Adds a pattern of options that are folded.
    ///
    /// # Errors
    /// As for [`Self::allow`].
    pub fn deny(&mut self, pattern: &str) -> Result<(), PatternError> {
        self.deny.push(Pattern::new(pattern)?);
        Ok(())
    }

    /// Adds a pattern of options that are all called `to`, which must be a clean label value.
    ///
    /// # Errors
    /// As for [`Self::allow`].
    pub fn rename(&mut self, pattern: &str, to: &str) -> Result<(), PatternError> {
        self.rename.push((Pattern::new(pattern)?, to.to_owned()));
        Ok(())
    }

    /// Applies the rules to an option, cleaned and cut as a label value: the first renaming that
    /// matches, and to what comes of it first the denying patterns, then the allowing ones.
    pub fn apply<'a>(&'a self, option: &'a str) -> Ruled<'a> {
        let renamed = self.rename.iter().find(|(pattern, _)| pattern.matches(option));
        self.judge(renamed.map_or(option, |(_, to)| to.as_str()))
    }

    fn judge<'a>(&'a self, option: &'a str) -> Ruled<'a> {
        let is_denied = option == OTHER || any_matches(&self.deny, option);
        let is_allowed = self.allow.is_empty() || any_matches(&self.allow, option);
        if is_allowed && !is_denied { Ruled::Keep(option) } else { Ruled::Other }
    }

    /// The patterns of options that keep their series, as written; none means all.
    pub fn allowed(&self) -> impl Iterator<Item = &str> {
        self.allow.iter().map(|pattern| pattern.written.as_str())
    }

    /// The patterns of options that are folded, as written.
    pub fn denied(&self) -> impl Iterator<Item = &str> {
        self.deny.iter().map(|pattern| pattern.written.as_str())
    }

    /// The patterns of options that are renamed, as written, and their new names.
    pub fn renamed(&self) -> impl Iterator<Item = (&str, &str)> {
        self.rename.iter().map(|(pattern, to)| (pattern.written.as_str(), to.as_str()))
    }
}

fn any_matches(patterns: &[Pattern], option: &str) -> bool {
    patterns.iter().any(|pattern| pattern.matches(option))
}

impl Pattern {
    fn new(written: &str) -> Result<Self, PatternError> {
        if written.is_empty() {
            return Err(PatternError::Empty);
        }
        if written.len() > LONGEST {
            return Err(PatternError::TooLong(LONGEST));
        }
        // Compiled without our brackets first, because `a)|(b` is valid only between them.
        compile(written)?;
        let whole = compile(&format!(r"\A(?:{written})\z"))?;
        Ok(Self { written: written.to_owned(), whole })
    }

    fn matches(&self, option: &str) -> bool {
        self.whole.is_match(option)
    }
}

fn compile(pattern: &str) -> Result<Regex, PatternError> {
    RegexBuilder::new(pattern).size_limit(LARGEST).build().map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => PatternError::TooLarge,
        // The last line names the mistake; the lines above draw the pattern, which a log would tear
        // apart.
        other => {
            let text = other.to_string();
            let reason = text.lines().last().unwrap_or_default().trim();
            PatternError::NoExpression(reason.strip_prefix("error: ").unwrap_or(reason).to_owned())
        }
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rules(allow: &[&str], deny: &[&str], rename: &[(&str, &str)]) -> OptionRules {
        let mut rules = OptionRules::default();
        allow.iter().for_each(|pattern| rules.allow(pattern).expect(pattern));
        deny.iter().for_each(|pattern| rules.deny(pattern).expect(pattern));
        rename.iter().for_each(|(pattern, to)| rules.rename(pattern, to).expect(pattern));
        rules
    }

    #[test]
    fn a_number_that_somebody_typed_is_folded_however_it_is_written() {
        for option in [
            "1234567",
            "opción 3001234567",
            "123 4567",
            "300 123 4567",
            "1.023.456.789",
            "52-345-678",
            "+57 (300) 123-45-67",
            "300_123_4567",
            "3-0-0-1-2-3-4",
            "300 / 123 / 4567",
            "CC: 1'032'456",
            "CC1032456789",
            "٣٠٠١٢٣٤",
            "３００１２３４",
            "300\u{a0}123\u{2011}4567",
        ] {
            assert!(DigitFold::default().folds(option), "{option}");
            assert!(!DigitFold::of(0).folds(option), "{option}");
        }
        for option in [
            "",
            "1",
            "AGENTE",
            "123456",
            "123-456",
            "12345a67",
            "OPC 1 DE 2026 PLAN 300",
            "N/D",
            "1 2 3",
        ] {
            assert!(!DigitFold::default().folds(option), "{option}");
        }
        assert!(DigitFold::of(1).folds("a1") && !DigitFold::of(2).folds("a1"));
        assert!(DigitFold::of(4).folds("12-34") && !DigitFold::of(5).folds("12-34"));
    }

    #[test]
    fn an_e_mail_address_is_folded() {
        for option in [
            "ana@example.com",
            "ANA.GOMEZ+ivr@EXAMPLE.COM.CO",
            "correo: ana@example.com.",
            "<ana@example.com>",
            "ana @ example.com",
            "ana＠example.com",
            "ana%40example.com",
            "ana(at)example.com",
            "ñandú@correo.co",
        ] {
            assert!(DigitFold::default().folds(option), "{option}");
            assert!(!DigitFold::of(0).folds(option), "{option}");
        }
        for option in [
            "@",
            "AGENTE@",
            "@VENTAS",
            "AGENTE @ VENTAS",
            "VENTAS@2",
            "a@b",
            "www.example.com",
            "1@2.3",
        ] {
            assert!(!DigitFold::default().folds(option), "{option}");
        }
    }

    #[test]
    fn applies_rename_then_deny_then_allow() {
        let all = rules(
            &["[0-9]", "AGENTE|BUZON", "(?i)menú.*"],
            &["9", "BUZON"],
            &[
                ("(?i)agente ?[0-9]*", "AGENTE"),
                ("(?i)agente", "never"),
                ("cero", "0"),
                ("x|y", "other"),
            ],
        );
        for (option, label) in [
            ("1", "1"),
            ("9", "other"),
            ("10", "other"),
            ("agente", "AGENTE"),
            ("Agente 7", "AGENTE"),
            ("NO_PASA_AGENTE", "other"),
            ("BUZON", "other"),
            ("CV_BUZON", "other"),
            ("cero", "0"),
            ("MENÚ PRINCIPAL", "MENÚ PRINCIPAL"),
            ("x", "other"),
            ("unknown", "other"),
            ("other", "other"),
        ] {
            assert_eq!(all.apply(option).label(), label, "{option}");
        }
    }

    #[test]
    fn a_pattern_matches_the_whole_value() {
        let deny = rules(&[], &["a|b", "c$", "(?m)^d$"], &[]);
        for (option, folded) in [
            ("a", true),
            ("b", true),
            ("ab", false),
            ("xb", false),
            ("c", true),
            ("xc", false),
            ("d\ne", false),
        ] {
            assert_eq!(deny.apply(option) == Ruled::Other, folded, "{option}");
        }
    }

    #[test]
    fn refuses_what_is_no_pattern() {
        let refusal = |pattern: &str| OptionRules::default().deny(pattern).expect_err(pattern);
        for (pattern, reason) in [
            ("(", "unclosed group"),
            ("a)|(?:b", "unopened group"),
            ("*", "repetition operator missing expression"),
            (r"(a)\1", "backreferences are not supported"),
            ("(?=a)", "look-around"),
        ] {
            let PatternError::NoExpression(told) = refusal(pattern) else { panic!("{pattern}") };
            assert!(told.starts_with(reason) && !told.contains('\n'), "{pattern}: {told}");
        }
        assert_eq!(refusal(r"(\w{100}){1000}"), PatternError::TooLarge);
        assert_eq!(refusal(""), PatternError::Empty);
        assert_eq!(refusal(&"a".repeat(1025)), PatternError::TooLong(1024));
    }

    #[test]
    fn rules_are_equal_when_they_are_written_the_same() {
        assert_eq!(rules(&["a"], &[], &[("b", "c")]), rules(&["a"], &[], &[("b", "c")]));
        assert_ne!(rules(&["a"], &[], &[]), rules(&[], &["a"], &[]));
        assert_ne!(rules(&[], &[], &[("b", "c")]), rules(&[], &[], &[("b", "d")]));
    }

    proptest! {
        #[test]
        fn without_rules_every_option_but_other_is_kept(option in "\\PC{1,40}") {
            prop_assume!(option != OTHER);
            let none = OptionRules::default();
            prop_assert_eq!(none.apply(&option), Ruled::Keep(&option));
        }

        #[test]
        fn folding_case_is_stable(option in "[a-zA-Z]{1,8}") {
            let (upper, lower) = (option.to_uppercase(), option.to_lowercase());
            let fold = rules(&[], &[], &[(&format!("(?i){option}"), &upper)]);
            prop_assert_eq!(fold.apply(&option), Ruled::Keep(&upper));
            prop_assert_eq!(fold.apply(&lower), Ruled::Keep(&upper));
            prop_assert_eq!(fold.apply(&upper), Ruled::Keep(&upper));
        }

        #[test]
        fn a_pattern_that_reads_is_applied_without_a_panic(pattern in "\\PC{1,30}", option in "\\PC{0,60}") {
            let mut hostile = OptionRules::default();
            if hostile.deny(&pattern).is_ok() {
                hostile.apply(&option);
            }
        }
    }
}
