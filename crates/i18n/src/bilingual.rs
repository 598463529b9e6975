//! A message in every language: made where its values are known, and read where the reader's
//! language is known.

use std::{error::Error, fmt};

use crate::Language;

/// A message in every language. In the log it is English.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bilingual {
    english: String,
    spanish: String,
}

impl Bilingual {
    /// Writes a message once for each language.
    pub fn new(write: impl Fn(Language) -> String) -> Self {
        Self { english: write(Language::En), spanish: write(Language::Es) }
    }

    /// Makes a message of foreign words, which are the same in every language.
    pub fn verbatim(words: impl fmt::Display) -> Self {
        let words = words.to_string();
        Self { english: words.clone(), spanish: words }
    }

    /// Returns the message in a language.
    pub fn in_language(&self, language: Language) -> &str {
        match language {
            Language::En => &self.english,
            Language::Es => &self.spanish,
        }
    }
}

impl fmt::Display for Bilingual {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.english)
    }
}

impl Error for Bilingual {}

/// A [`Bilingual`] of an English and a Spanish format string. What follows is for both, as for
/// `format!`; a value that is itself a [`Bilingual`] and stands behind `in` is written in the
/// language of the string around it.
#[macro_export]
macro_rules! bilingual {
    ($english:literal, $spanish:literal $(,)? $(; $($value:tt)*)?) => {
        $crate::Bilingual::new(|language| match language {
            $crate::Language::En => format!($english $(, $($value)*)?),
            $crate::Language::Es => format!($spanish $(, $($value)*)?),
        })
    };
    (in $($inner:ident),+: $english:literal, $spanish:literal $(,)? $(; $($value:tt)*)?) => {
        $crate::Bilingual::new(|language| {
            $(let $inner = $inner.in_language(language);)+
            match language {
                $crate::Language::En => format!($english $(, $($value)*)?),
                $crate::Language::Es => format!($spanish $(, $($value)*)?),
            }
        })
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_language_has_its_words_and_all_have_the_values() {
        let seven = 7;
        let told = bilingual!("{seven} of {}", "{seven} de {}"; 8 + 1);
        assert_eq!(
            (told.in_language(Language::En), told.in_language(Language::Es)),
            ("7 of 9", "7 de 9")
        );
        assert_eq!(told.to_string(), "7 of 9");
        let outer = bilingual!(in told: "only {told}", "solo {told}");
        assert_eq!(outer.in_language(Language::Es), "solo 7 de 9");
        assert_eq!(Bilingual::verbatim("x").in_language(Language::Es), "x");
    }
}
