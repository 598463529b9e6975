//! The language in which `doctor` speaks.

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
    /// By the value of a locale variable such as `es_CO.UTF-8`; English for everything that is not Spanish.
    pub fn of_locale(locale: &str) -> Self {
        let name = locale.split(['_', '.', '@', '-']).next().unwrap_or_default();
        if name.eq_ignore_ascii_case("es") { Self::Es } else { Self::En }
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
