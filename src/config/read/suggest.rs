//! "Did you mean ...?"
//!
//! Owns the search for the word that a person probably meant. Pure; it must never replace a value, only
//! suggest one.

/// Nothing longer than this was meant to be a key or a zone.
const LONGEST: usize = 64;

/// The candidate closest to `word`, if one is close enough to be a slip of the hand.
pub(crate) fn closest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if word.len() > LONGEST {
        return None;
    }
    let word = word.to_lowercase();
    let limit = (word.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (distance(&word, &candidate.to_lowercase()), candidate))
        .filter(|&(distance, _)| distance <= limit)
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, candidate)| candidate)
}

/// `; did you mean X?` to end a message with, or nothing.
pub(crate) fn did_you_mean<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    closest(word, candidates).map(|found| format!("; did you mean `{found}`?")).unwrap_or_default()
}

/// Levenshtein's distance, one row of the table at a time.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, &to) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(from != to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_edits() {
        for (a, b, edits) in [("", "", 0), ("", "abc", 3), ("kitten", "sitting", 3), ("targets", "target", 1)]
        {
            assert_eq!((distance(a, b), distance(b, a)), (edits, edits), "{a} {b}");
        }
    }

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
