//! Tests that the source is laid out as `ARCHITECTURE.md` and its own headers say: rooms, arrows,
//! invariants, names of files.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use regex::Regex;
use xtask::style::{
    measures::types,
    source::{Source, read},
};

use crate::support::repository::{quoted, root};

fn architecture() -> String {
    fs::read_to_string(root().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md")
}

/// Returns the rows of the table below this head, cell by cell.
fn table<'a>(text: &'a str, head: &str) -> Vec<Vec<&'a str>> {
    let (_, below) = text.split_once(head).unwrap_or_else(|| panic!("no table {head}"));
    let rows = below.lines().skip(2).take_while(|line| line.starts_with('|'));
    rows.map(|line| line.trim_matches('|').split('|').map(str::trim).collect()).collect()
}

/// Returns each room with its position, counted from the top.
fn rooms(text: &str) -> BTreeMap<&str, usize> {
    table(text, "| room | owns |").iter().flat_map(|row| quoted(row[0])).zip(0..).collect()
}

/// Returns all Rust files below a folder.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries =
        fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let files = entries.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] });
    files.filter(|path| path.extension().is_some_and(|end| end == "rs")).collect()
}

/// Returns the rooms that a file imports, apart from its tests and comments.
fn imported(text: &str) -> BTreeSet<String> {
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    let code: String = code
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n");
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

/// Tests may start only the exporter itself, programs given by their path, `/bin/sh`, and what
/// `support/debian.rs` starts, so that no test depends on a program that happens to be installed.
#[test]
fn tests_start_no_program_that_may_not_be_there() {
    let started = Regex::new(r#"Command::new\(\s*"([^"]+)"#).expect("a pattern");
    for path in sources(&root().join("tests")) {
        let text = fs::read_to_string(&path).expect("a source");
        for found in started.captures_iter(&text) {
            assert_eq!(
                &found[1],
                "/bin/sh",
                "{}: to be started by support::debian",
                path.display()
            );
        }
    }
}

#[test]
fn imports_are_found_in_every_form() {
    let text = "use crate::{\n    a::{B, c::D},\n    e::F, g,\n};\nuse crate::h::I;\n// crate::j\nlet k = crate::l::m();\n\
                #[cfg(test)]\nmod tests { use crate::n; }";
    assert_eq!(imported(text).into_iter().collect::<Vec<_>>(), ["a", "e", "g", "h", "l"]);
}

/// Returns the names under which rooms use the crates below them.
fn crates(library: &str) -> BTreeSet<&str> {
    let list = library
        .split("pub use {")
        .nth(1)
        .and_then(|rest| rest.split('}').next())
        .unwrap_or_default();
    list.split(',').filter_map(|name| name.split(" as ").last()).map(str::trim).collect()
}

#[test]
fn every_crate_is_drawn() {
    let text = architecture();
    let drawn = table(&text, "| crate | owns |");
    let drawn: BTreeSet<&str> = drawn.iter().flat_map(|row| quoted(row[0])).collect();
    let folders = fs::read_dir(root().join("crates"))
        .expect("crates")
        .map(|entry| entry.expect("a crate").path());
    let folders: BTreeSet<String> = folders.map(|path| stem(&path)).collect();
    assert_eq!(drawn, folders.iter().map(String::as_str).collect());
}

#[test]
fn every_room_is_drawn_and_arrows_go_down() {
    let text = architecture();
    let rooms = rooms(&text);
    let library = fs::read_to_string(root().join("src/lib.rs")).expect("src/lib.rs");
    let crates = crates(&library);
    let declared: BTreeSet<&str> = library
        .lines()
        .filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'))
        .collect();
    assert_eq!(
        rooms.keys().copied().collect::<BTreeSet<_>>(),
        declared,
        "rooms of ARCHITECTURE.md and of src/lib.rs"
    );

    let mut upward = Vec::new();
    for file in sources(&root().join("src")) {
        let path = file.strip_prefix(root().join("src")).expect("below src").display().to_string();
        let room = first_word(&path);
        // `tests.rs`, `tests/` and `detector_tests.rs` are compiled for tests only, and may import
        // any room.
        let Some(from) = rooms.get(room.as_str()).filter(|_| !path.contains("tests")) else {
            continue;
        };
        for to in imported(&fs::read_to_string(&file).expect("a source")) {
            let is_down = rooms
                .get(to.as_str())
                .map_or_else(|| crates.contains(to.as_str()), |to| to >= from);
            if to != room && !is_down {
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
                    // In the table, names come before the file that holds them.
                    Some(path) => lost.extend(
                        names
                            .drain(..)
                            .filter(|name| {
                                !fs::read_to_string(path).is_ok_and(|text| text.contains(name))
                            })
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

/// Returns the source of the exporter, without its tests.
fn library() -> Vec<Source> {
    ["src", "crates"].iter().flat_map(|folder| read(root(), folder).expect("the source")).collect()
}

/// Returns the rooms whose code matches an expression.
fn rooms_with(expression: &str) -> BTreeSet<String> {
    let expression = Regex::new(expression).expect("an expression");
    let sources = library();
    let with =
        sources.iter().filter(|source| source.code.iter().any(|line| expression.is_match(line)));
    with.map(|source| {
        first_word(source.path.trim_start_matches("src/").trim_start_matches("crates/"))
    })
    .collect()
}

#[test]
fn rooms_reach_outside_as_the_invariants_say() {
    let text = architecture();
    for (invariant, expression) in [
        (
            "read the environment",
            r"\benv::(args|args_os|var|var_os|vars|vars_os|current_dir|temp_dir)\b",
        ),
        ("touch the disk", r"\b(fs::[a-z_]+|File::[a-z_]+|OpenOptions::new)\b"),
        ("ask the wall clock", r"\b(SystemTime|Timestamp|Zoned)::now\b"),
    ] {
        let sentence =
            text.split(invariant).next().and_then(|before| before.rsplit("Only ").next());
        let named =
            quoted(sentence.unwrap_or_default()).map(str::to_owned).collect::<BTreeSet<_>>();
        assert_eq!(
            rooms_with(expression),
            named,
            "rooms that {invariant}, and those that ARCHITECTURE.md names"
        );
    }
}

/// Names that still have more than one type. Rename them one by one; the list must only get
/// shorter.
const SHARED_NAMES: [&str; 7] = ["Answer", "Clock", "Day", "Options", "Row", "Slot", "Usual"];

#[test]
fn a_type_name_has_one_meaning() {
    let sources = library();
    let types = types(&sources);
    let shared: BTreeSet<&str> = types
        .iter()
        .filter(|(_, places)| places.len() > 1)
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(
        shared,
        BTreeSet::from(SHARED_NAMES),
        "names of more than one type, and the list of exceptions"
    );
}

/// Words between backticks in file headers that are neither modules nor in the file's own code:
/// keys, fields and functions of Wolkvox, Prometheus and other programs.
const FOREIGN: [&str; 12] = [
    "customer_id",
    "data",
    "date_end",
    "date_ini",
    "debug",
    "group_left",
    "json_encode",
    "le",
    "msg",
    "proxy_url",
    "rate",
    "telephone",
];

/// Returns the header (`//!`) of each file with the file's other text.
fn headers() -> Vec<(PathBuf, String, String)> {
    let folders = ["src", "crates", "xtask/src", "tests"].map(|folder| root().join(folder));
    let files = folders.iter().filter(|folder| folder.is_dir()).flat_map(|folder| sources(folder));
    let split = |path: PathBuf| {
        let text = fs::read_to_string(&path).expect("a source");
        let (header, code): (Vec<&str>, Vec<&str>) =
            text.lines().partition(|line| line.starts_with("//!"));
        let code = code.into_iter().filter(|line| !line.trim_start().starts_with("//"));
        (path, header.join("\n"), code.collect::<Vec<_>>().join("\n"))
    };
    files.map(split).collect()
}

fn stem(path: &Path) -> String {
    path.file_stem().expect("a name").to_string_lossy().into_owned()
}

#[test]
fn headers_name_modules_that_exist() {
    let headers = headers();
    let lock = fs::read_to_string(root().join("Cargo.lock")).expect("Cargo.lock");
    let packages =
        lock.lines().filter_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'));
    let mut known: BTreeSet<String> = packages.map(|name| name.replace('-', "_")).collect();
    for (path, ..) in &headers {
        known.extend(path.ancestors().filter(|part| part.starts_with(root())).map(stem));
    }
    let module = Regex::new("^[a-z][a-z0-9_]*(::[a-z][a-z0-9_]*)*$").expect("an expression");
    let mut lost = Vec::new();
    for (path, header, code) in &headers {
        for word in quoted(header).filter(|word| module.is_match(word)) {
            let in_code = Regex::new(&format!(r"\b{word}\b")).expect("an expression");
            let exists = word.split("::").all(|part| known.contains(part));
            if !exists && !FOREIGN.contains(&word) && !in_code.is_match(code) {
                lost.push(format!(
                    "{}: `{word}`",
                    path.strip_prefix(root()).unwrap_or(path).display()
                ));
            }
        }
    }
    assert!(lost.is_empty(), "no module of these names:\n{}", lost.join("\n"));
}

#[test]
fn a_table_of_files_names_the_modules() {
    let declared = Regex::new(r"^\s*(?:pub(?:\([a-z]+\))? )?mod (\w+);").expect("an expression");
    let mut tables = 0;
    for (path, header, _) in headers() {
        let header =
            header.lines().map(|line| line.trim_start_matches("//!").trim()).collect::<Vec<_>>();
        let Some(head) = header.iter().find(|line| line.starts_with("| file |")) else { continue };
        tables += 1;
        let header = header.join("\n");
        let rows = table(&header, head);
        let named = rows.iter().flat_map(|row| quoted(row[0])).filter(|name| *name != "mod");
        let source = Source::new(String::new(), fs::read_to_string(&path).expect("a source"));
        let modules =
            source.code.iter().filter_map(|line| Some(declared.captures(line)?.get(1)?.as_str()));
        assert_eq!(
            named.collect::<BTreeSet<_>>(),
            modules.collect::<BTreeSet<_>>(),
            "files in the table of {}, and its modules",
            path.display()
        );
    }
    assert!(tables > 10, "only {tables} tables");
}
