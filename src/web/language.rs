//! Chooses the language of an answer: by the query of the request, or else by its `Accept-Language`
//! (RFC 9110).

use super::qvalue::{elements, quality};
use crate::i18n::Language;

/// Returns the language of a query such as `lang=es`, if it names a known one.
pub(super) fn of_query(query: Option<&str>) -> Option<Language> {
    let value = query?.split('&').find_map(|pair| pair.strip_prefix("lang="))?;
    Language::ALL.into_iter().find(|language| language.is_named_by(value))
}

/// Returns the known language with the highest quality in the `Accept-Language` headers. The first
/// of equal ones wins; without any, it is English.
pub(super) fn of_accept<'a>(headers: impl IntoIterator<Item = &'a str>) -> Language {
    let mut best = 0;
    let mut chosen = Language::default();
    for element in elements(headers) {
        let (range, parameters) = element.split_once(';').unwrap_or((element, ""));
        let language =
            Language::ALL.into_iter().find(|language| language.is_named_by(range.trim()));
        let (Some(language), Some(quality)) = (language, quality(parameters)) else { continue };
        if quality > best {
            best = quality;
            chosen = language;
        }
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

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
            (&["es;q=0"], Language::En),
            (&["es;q=2"], Language::En),
            (&["est, esx-CO"], Language::En),
            (&[";;;,=,q=1"], Language::En),
        ] {
            assert_eq!(of_accept(headers.iter().copied()), language, "{headers:?}");
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
            assert_eq!(of_query(query), language, "{query:?}");
        }
    }
}
