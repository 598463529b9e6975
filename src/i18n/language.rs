//! The languages that people are spoken to in, and which one somebody wants.

use crate::web::qvalue::{elements, quality};

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

    /// By the value of a locale variable such as `es_CO.UTF-8`; English for everything that is not Spanish.
    pub fn of_locale(locale: &str) -> Self {
        let name = locale.split(['_', '.', '@', '-']).next().unwrap_or_default();
        if name.eq_ignore_ascii_case("es") { Self::Es } else { Self::En }
    }

    /// By the `lang` of a query such as `lang=es`, if it has one that there is.
    pub fn of_query(query: Option<&str>) -> Option<Self> {
        let value = query?.split('&').find_map(|pair| pair.strip_prefix("lang="))?;
        Self::ALL.into_iter().find(|language| language.is_named_by(value))
    }

    /// By the values of the `Accept-Language` headers: the language of the highest quality; of two, the one that is
    /// named first; English where nobody says anything.
    pub fn of_accept<'a>(headers: impl IntoIterator<Item = &'a str>) -> Self {
        let ranges: Vec<(&str, u16)> = elements(headers)
            .filter_map(|element| {
                let (range, parameters) = element.split_once(';').unwrap_or((element, ""));
                Some((range.trim(), quality(parameters)?))
            })
            .collect();
        // `*` speaks for the languages that are not named.
        let any = ranges.iter().find(|(range, _)| *range == "*").map_or(0, |(_, quality)| *quality);
        let mut best = (Self::default(), 0, usize::MAX);
        for language in Self::ALL {
            let named = ranges.iter().enumerate().filter(|(_, (range, _))| language.is_named_by(range));
            let (position, quality) = named
                .map(|(position, (_, quality))| (position, *quality))
                .max_by_key(|(position, quality)| (*quality, usize::MAX - position))
                .unwrap_or((usize::MAX, any));
            if quality > best.1 || (quality == best.1 && quality > 0 && position < best.2) {
                best = (language, quality, position);
            }
        }
        best.0
    }

    /// `es`, `es-CO`, `ES-419`.
    fn is_named_by(self, range: &str) -> bool {
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

    #[test]
    fn the_browser_chooses() {
        for (headers, language) in [
            (&[][..], Language::En),
            (&[""], Language::En),
            (&["es"], Language::Es),
            (&["es-CO,es;q=0.9,en;q=0.8"], Language::Es),
            (&["en-GB,en;q=0.9,es;q=0.8"], Language::En),
            (&["ES-419"], Language::Es),
            (&["en;q=0.5, es;q=0.7"], Language::Es),
            (&["en;q=0.5", "es;q=0.7"], Language::Es),
            (&["es, en"], Language::Es),
            (&["en, es"], Language::En),
            (&["pt-BR,pt;q=0.9,es;q=0.5,en;q=0.4"], Language::Es),
            (&["fr, *;q=0.5"], Language::En),
            (&["*"], Language::En),
            (&["es;q=0.4, *"], Language::En),
            (&["en;q=0, *"], Language::Es),
            (&["es;q=0"], Language::En),
            (&["es;q=2"], Language::En),
            (&["est, esx-CO"], Language::En),
            (&[";;;,=,q=1"], Language::En),
        ] {
            assert_eq!(Language::of_accept(headers.iter().copied()), language, "{headers:?}");
        }
    }

    #[test]
    fn the_query_chooses_before_both() {
        for (query, language) in [
            (None, None),
            (Some("lang=es"), Some(Language::Es)),
            (Some("a=b&lang=en"), Some(Language::En)),
            (Some("lang=es-CO"), Some(Language::Es)),
            (Some("lang=fr"), None),
            (Some("xlang=es"), None),
            (Some("lang"), None),
        ] {
            assert_eq!(Language::of_query(query), language, "{query:?}");
        }
    }
}
