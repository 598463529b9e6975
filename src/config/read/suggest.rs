//! "Did you mean ...?"
//!
//! Owns the search for the word that was probably meant. Pure; it must never replace a value, only
//! suggest one.

use crate::i18n::{Bilingual, bilingual};

/// Longest word that can be a misspelt key or zone, in bytes.
const LONGEST: usize = 64;

/// Returns the candidate closest to `word`, if one is close enough to be a misspelling.
pub(crate) fn closest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    if word.len() > LONGEST {
        return None;
    }
    let word = word.to_lowercase();
    let limit = (word.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (strsim::levenshtein(&word, &candidate.to_lowercase()), candidate))
        .filter(|&(distance, _)| distance <= limit)
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, candidate)| candidate)
}

/// Returns the end of a message, `; did you mean X?`, or nothing.
pub(crate) fn did_you_mean<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<Bilingual> {
    closest(word, candidates)
        .map(|found| bilingual!("; did you mean `{found}`?", "; ¿quiso decir `{found}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggests_slips_and_nothing_else() {
        let keys = ["interval", "settle_delay", "lookback"];
        assert_eq!(closest("intervall", keys), Some("interval"));
        assert_eq!(closest("Settle-Delay", keys), Some("settle_delay"));
        assert_eq!(closest("password", keys), None);
        assert_eq!(closest("", keys), None);
        assert_eq!(closest(&"interval".repeat(100_000), keys), None);
    }
}
