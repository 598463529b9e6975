//! Tests that each text for people exists once: in one of the tables of texts, in both languages,
//! and in no second table.

use std::{collections::BTreeMap, fs};

use regex::Regex;

use crate::support::repository::root;

/// Returns the English and Spanish literals of every `texts!` table below `src`, with their files.
fn literals() -> Vec<(String, String)> {
    let literal = Regex::new(r#"(?s)"((?:[^"\\]|\\.)*)""#).expect("an expression");
    let mut found = Vec::new();
    let mut folders = vec![root().join("src"), root().join("crates")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = fs::read_to_string(&path).unwrap_or_default();
            for (at, _) in text.match_indices("\ntexts! {") {
                let table = text[at..].split("\n}").next().unwrap_or_default();
                let words = literal.captures_iter(table).map(|words| words[1].to_owned());
                found.extend(words.map(|words| (words, path.display().to_string())));
            }
        }
    }
    found
}

#[test]
fn no_text_stands_twice() {
    let mut places = BTreeMap::<String, Vec<String>>::new();
    for (words, place) in literals() {
        let words = words.split_whitespace().filter(|word| *word != "\\").collect::<Vec<_>>();
        // Labels of one or two words may occur twice, and may be the same in both languages.
        if words.len() > 3 {
            places.entry(words.join(" ")).or_default().push(place);
        }
    }
    assert!(places.len() > 200, "only {} texts", places.len());
    let twice: Vec<_> = places.iter().filter(|(_, places)| places.len() > 1).collect();
    assert!(twice.is_empty(), "texts that stand more than once: {twice:#?}");
}

#[test]
fn in_spanish_it_is_the_exportador() {
    for (words, place) in literals() {
        let spanish = ["ó", "á", " el ", " la ", " los ", " las ", " de "]
            .iter()
            .any(|mark| words.contains(mark));
        let mut tokens = words.split(|c: char| !c.is_alphanumeric() && !"-_/.".contains(c));
        let is_english = tokens.any(|token| token.eq_ignore_ascii_case("exporter"));
        assert!(!spanish || !is_english, "{place}: {words}");
    }
}
