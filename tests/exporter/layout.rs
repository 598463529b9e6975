//! The house is as `ARCHITECTURE.md` draws it: its rooms are those of `src/`, arrows go down its list, and who follows
//! "Where to begin" finds what is named there. And its tests start no program that may not be there.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use regex::Regex;

use crate::support::repository::{quoted, root};

fn architecture() -> String {
    fs::read_to_string(root().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md")
}

/// The rows of the table below this head, cell by cell.
fn table<'a>(text: &'a str, head: &str) -> Vec<Vec<&'a str>> {
    let (_, below) = text.split_once(head).unwrap_or_else(|| panic!("no table {head}"));
    let rows = below.lines().skip(2).take_while(|line| line.starts_with('|'));
    rows.map(|line| line.trim_matches('|').split('|').map(str::trim).collect()).collect()
}

/// The rooms from top to bottom, and how far down each is.
fn rooms(text: &str) -> BTreeMap<&str, usize> {
    table(text, "| room | owns |").iter().flat_map(|row| quoted(row[0])).zip(0..).collect()
}

/// All files of Rust below a folder.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let files = entries.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] });
    files.filter(|path| path.extension().is_some_and(|end| end == "rs")).collect()
}

/// The rooms that a file names, leaving out its tests and comments.
fn imported(text: &str) -> BTreeSet<String> {
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    let code: String =
        code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let mut rooms = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        let Some(group) = rest.strip_prefix('{') else {
            rooms.insert(first_word(rest));
            continue;
        };
        let (mut depth, mut begins) = (0_usize, true);
        for (at, c) in group.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => begins = true,
                c if begins && c.is_alphabetic() => {
                    rooms.insert(first_word(&group[at..]));
                    begins = false;
                }
                _ => {}
            }
        }
    }
    rooms
}

fn first_word(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

/// Whatever is not the exporter's own, or given by path, is started by `support/debian.rs`; a shell is everywhere.
#[test]
fn tests_start_no_program_that_may_not_be_there() {
    let started = Regex::new(r#"Command::new\(\s*"([^"]+)"#).expect("a pattern");
    for path in sources(&root().join("tests")) {
        let text = fs::read_to_string(&path).expect("a source");
        for found in started.captures_iter(&text) {
            assert_eq!(&found[1], "/bin/sh", "{}: to be started by support::debian", path.display());
        }
    }
}

#[test]
fn imports_are_found_in_every_form() {
    let text = "use crate::{\n    a::{B, c::D},\n    e::F, g,\n};\nuse crate::h::I;\n// crate::j\nlet k = crate::l::m();\n\
                #[cfg(test)]\nmod tests { use crate::n; }";
    assert_eq!(imported(text).into_iter().collect::<Vec<_>>(), ["a", "e", "g", "h", "l"]);
}

#[test]
fn every_room_is_drawn_and_arrows_go_down() {
    let text = architecture();
    let rooms = rooms(&text);
    let library = fs::read_to_string(root().join("src/lib.rs")).expect("src/lib.rs");
    let declared: BTreeSet<&str> =
        library.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    assert_eq!(
        rooms.keys().copied().collect::<BTreeSet<_>>(),
        declared,
        "rooms of ARCHITECTURE.md and of src/lib.rs"
    );

    let mut upward = Vec::new();
    for file in sources(&root().join("src")) {
        let path = file.strip_prefix(root().join("src")).expect("below src").display().to_string();
        let room = first_word(&path);
        // `tests.rs`, `tests/`, `detector_tests.rs`: only compiled for tests, which may look at anything.
        let Some(from) = rooms.get(room.as_str()).filter(|_| !path.contains("tests")) else { continue };
        for to in imported(&fs::read_to_string(&file).expect("a source")) {
            if to != room && rooms.get(to.as_str()).is_none_or(|to| to < from) {
                upward.push(format!("{path} imports {to}"));
            }
        }
    }
    assert!(upward.is_empty(), "arrows that do not go down:\n{}", upward.join("\n"));
}

#[test]
fn who_follows_where_to_begin_finds_it() {
    let text = architecture();
    let name = Regex::new("^[A-Z][A-Za-z]+$").expect("an expression");
    let (mut lost, mut seen) = (Vec::new(), 0);
    for row in table(&text, "| to | look at |") {
        let mut names = Vec::new();
        for word in quoted(row[1]) {
            if name.is_match(word) {
                names.push(word);
            } else if word.contains('/') {
                let path = [root().join("src").join(word), root().join(word)];
                let found = path.iter().find(|path| path.exists());
                seen += 1;
                match found {
                    // A name stands before the file that it is in.
                    Some(path) => lost.extend(
                        names
                            .drain(..)
                            .filter(|name| !fs::read_to_string(path).is_ok_and(|text| text.contains(name)))
                            .map(|name| format!("{}: no {name} in {word}", row[0])),
                    ),
                    None if word.contains('*') => {}
                    None => lost.push(format!("{}: no {word}", row[0])),
                }
            }
        }
    }
    assert!(seen > 10, "only {seen} places");
    assert!(lost.is_empty(), "what is not where ARCHITECTURE.md says:\n{}", lost.join("\n"));
}
