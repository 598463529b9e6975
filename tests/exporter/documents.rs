//! Tests that the documents agree: links lead to a file or a heading, both READMEs have the same
//! commands, and Spanish pages use one word for one thing.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use crate::support::repository::root;

/// Returns all documents: those in the root folder, and all below `docs/`.
fn documents() -> Vec<PathBuf> {
    let mut documents = Vec::new();
    let mut directories = vec![root().join("docs")];
    let mut look = |directory: &Path, directories: &mut Vec<PathBuf>, below: bool| {
        for entry in fs::read_dir(directory).expect("a directory of documents") {
            let path = entry.expect("an entry").path();
            if below && path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|end| end == "md") {
                documents.push(path);
            }
        }
    };
    look(root(), &mut directories, false);
    while let Some(directory) = directories.pop() {
        look(&directory, &mut directories, true);
    }
    documents
}

/// Returns the targets of links, `[...](target)`, outside of blocks of code.
fn links(text: &str) -> Vec<&str> {
    let prose = text.split("```").step_by(2);
    let targets =
        prose.flat_map(|part| part.split("](").skip(1).filter_map(|rest| rest.split(')').next()));
    targets.filter(|target| !target.contains("://") && !target.starts_with("mailto:")).collect()
}

/// Returns the anchors of a document's headings, as GitHub makes them.
fn anchors(text: &str) -> Vec<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let anchor = |heading: &str| -> String {
        let words = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = words.chars().filter(|c| c.is_alphanumeric() || "-_ ".contains(*c));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    headings.map(anchor).collect()
}

#[test]
fn every_link_leads_somewhere() {
    let (mut broken, mut seen) = (Vec::new(), 0);
    for document in documents() {
        let text = fs::read_to_string(&document).expect("a document is text");
        for link in links(&text) {
            seen += 1;
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let to = match path {
                "" => document.clone(),
                path => document.parent().expect("a directory").join(path),
            };
            let found = to.exists()
                && (anchor.is_empty()
                    || fs::read_to_string(&to)
                        .is_ok_and(|text| anchors(&text).iter().any(|a| a == anchor)));
            if !found {
                broken.push(format!(
                    "{}: {link}",
                    document.strip_prefix(root()).unwrap_or(&document).display()
                ));
            }
        }
    }
    assert!(seen > 50, "only {seen} links");
    assert!(broken.is_empty(), "broken links:\n{}", broken.join("\n"));
}

/// Returns the lines that a document tells people to type or to write into a file, without
/// comments.
fn commands(document: &str) -> Vec<String> {
    let text = fs::read_to_string(root().join(document)).expect("a document is text");
    let blocks = text.split("```").skip(1).step_by(2);
    let lines = blocks
        .flat_map(str::lines)
        .map(|line| line.split(" # ").next().unwrap_or_default().trim_end());
    lines.map(|line| line.replace(" --lang=es", "")).collect()
}

#[test]
fn the_spanish_readme_says_to_do_the_same() {
    let english = commands("README.md");
    assert!(english.len() > 30, "{english:?}");
    assert_eq!(commands("README.es.md"), english);
}

/// Returns the prose of a Spanish document, without code and link targets.
fn spanish_prose(text: &str) -> String {
    let prose = text.split("```").step_by(2).collect::<String>();
    let words = prose.split('`').step_by(2).collect::<Vec<_>>().join("`");
    words.split("](").map(|part| part.split_once(')').map_or(part, |(_, rest)| rest)).collect()
}

/// Returns the words in the last column of the glossary.
fn avoided_words(glossary: &str) -> Vec<String> {
    let rows = glossary.lines().filter(|line| line.starts_with("| ")).skip(2);
    let cells = rows.filter_map(|row| row.strip_suffix('|')?.rsplit('|').next());
    cells
        .flat_map(|cell| cell.split(", "))
        .map(|word| word.trim().to_owned())
        .filter(|word| word.len() > 1)
        .collect()
}

#[test]
fn spanish_pages_have_one_word_for_one_thing() {
    let glossary = fs::read_to_string(root().join("docs/es/glosario.md")).expect("the glossary");
    let avoided = avoided_words(&glossary);
    assert!(avoided.len() > 5, "{avoided:?}");
    let mut found = Vec::new();
    for document in documents() {
        let path = document.strip_prefix(root()).expect("below the root").display().to_string();
        let is_spanish = path == "README.es.md" || path.contains("/es/");
        if !is_spanish || path.ends_with("glosario.md") {
            continue;
        }
        let text = spanish_prose(&fs::read_to_string(&document).expect("a document is text"));
        for word in text.split(|c: char| !c.is_alphanumeric() && c != '-') {
            if avoided.contains(&word.to_lowercase()) {
                found.push(format!("{path}: {word}"));
            }
        }
    }
    assert!(found.is_empty(), "words that docs/es/glosario.md replaces:\n{}", found.join("\n"));
}

/// Avoided words that are also English, or part of a name in the code.
const ALSO_ENGLISH: [&str; 11] = [
    "exporter",
    "exporters",
    "agente",
    "agentes",
    "pedido",
    "pedidos",
    "dashboard",
    "runbook",
    "runbooks",
    "log",
    "logs",
];

/// Returns all files below a directory whose names end with this extension.
fn files_below(directory: &str, extension: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut directories = vec![root().join(directory)];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).expect("a directory") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|end| end == extension) {
                files.push(path);
            }
        }
    }
    files
}

#[test]
fn messages_alerts_and_dashboards_use_the_words_of_the_glossary() {
    let glossary = fs::read_to_string(root().join("docs/es/glosario.md")).expect("the glossary");
    let mut avoided = avoided_words(&glossary);
    avoided.retain(|word| !ALSO_ENGLISH.contains(&word.as_str()));
    assert!(avoided.len() > 5, "{avoided:?}");
    let mut files = vec![root().join("rules/wolkvox-alerts.es.yaml")];
    for (directory, extension) in [
        ("src", "rs"),
        ("src", "yaml"),
        ("crates", "rs"),
        ("xtask", "rs"),
        ("dashboards/es", "json"),
    ] {
        files.extend(files_below(directory, extension));
    }
    let mut found = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).expect("a text");
        // Source files with texts hold the English words, too.
        let is_source = file.extension().is_some_and(|end| end == "rs");
        for word in text.split(|c: char| !c.is_alphanumeric()) {
            let is_english = is_source && word.eq_ignore_ascii_case("usual");
            if avoided.contains(&word.to_lowercase()) && !is_english {
                found.push(format!("{}: {word}", file.display()));
            }
        }
    }
    assert!(found.is_empty(), "words that docs/es/glosario.md replaces:\n{}", found.join("\n"));
}

#[test]
fn every_chore_has_a_time_and_every_named_chore_exists() {
    let makefile = fs::read_to_string(root().join("Makefile")).expect("the Makefile");
    let lines = makefile.lines().filter_map(|line| line.split_once(": ## "));
    let chores: BTreeMap<&str, &str> = lines.collect();
    assert!(chores.len() > 20, "{chores:?}");
    for (chore, help) in &chores {
        let time = help.split_once("| ").map(|(time, _)| time.trim());
        assert!(
            *chore == "help" || time.is_some_and(|time| !time.is_empty()),
            "make {chore} has no time"
        );
    }
    let contributing = fs::read_to_string(root().join("CONTRIBUTING.md")).expect("CONTRIBUTING.md");
    for named in contributing.split("`make ").skip(1) {
        let name = named.split('`').next().unwrap_or_default();
        assert!(chores.contains_key(name), "there is no `make {name}`");
    }
}
