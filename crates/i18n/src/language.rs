//! The languages of messages to people.

/// English or Spanish.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Language {
    /// English
    #[default]
    En,
    /// Spanish
    Es,
}

impl Language {
    /// Both.
    pub const ALL: [Self; 2] = [Self::En, Self::Es];

    /// Its code, as in `lang` and `Content-Language`.
    pub fn code(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Es => "es",
        }
    }

    /// Returns the language of a locale such as `es_CO.UTF-8`: English, unless it is Spanish.
    pub fn of_locale(locale: &str) -> Self {
        let name = locale.split(['_', '.', '@', '-']).next().unwrap_or_default();
        if name.eq_ignore_ascii_case("es") { Self::Es } else { Self::En }
    }

    /// Returns true if a tag such as `es`, `es-CO` or `ES-419` names this language.
    pub fn is_named_by(self, range: &str) -> bool {
        range.split('-').next().is_some_and(|name| name.eq_ignore_ascii_case(self.code()))
    }
}

#[cfg(test)]
mod tests {
    use super::Language;

    #[test]
    fn the_locale_chooses() {
        for (locale, language) in [
            ("es_CO.UTF-8", Language::Es),
            ("es", Language::Es),
            ("ES-mx", Language::Es),
            ("es@euro", Language::Es),
            ("est", Language::En),
            ("en_US.UTF-8", Language::En),
            ("C", Language::En),
            ("", Language::En),
        ] {
            assert_eq!(Language::of_locale(locale), language, "{locale}");
        }
    }
}
