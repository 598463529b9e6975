//! The measures: each finds the places of one habit in the source.

use std::{collections::BTreeMap, fmt, sync::LazyLock};

use regex::Regex;

use super::source::{Source, item_end};

/// Longest line, in characters.
const LINE: usize = 100;

/// Longest function, in lines of code.
const FUNCTION: usize = 50;

/// The divisor of a number of places.
#[derive(Debug, Clone, Copy)]
enum Unit {
    /// No divisor.
    Count,
    /// A thousand lines of code.
    ThousandLines,
    /// A hundredth of all doc comments.
    PercentOfDocs,
}

/// One habit that is counted.
#[derive(Debug)]
pub struct Measure {
    /// Name on the command line.
    pub name: &'static str,
    /// The habit, in words.
    pub counts: &'static str,
    /// The lowest and highest value among six projects that serve as models.
    pub models: &'static str,
    /// Finds the habit's places.
    pub find: fn(&[Source]) -> Vec<Place>,
    unit: Unit,
}

/// All measures, in the order of the table.
pub const MEASURES: &[Measure] = &[
    Measure {
        name: "fragments",
        counts: "doc comments that begin with What, How, Whether, Of, So many, ... (% of all)",
        models: "0 to 4",
        find: fragments,
        unit: Unit::PercentOfDocs,
    },
    Measure {
        name: "tuple-lets",
        counts: "`let (a, b) = (x, y)` (per 1,000 lines)",
        models: "0 to 0.8",
        find: |sources| matching(sources, &TUPLE_LET),
        unit: Unit::ThousandLines,
    },
    Measure {
        name: "named-closures",
        counts: "`let name = |...|` (per 1,000 lines)",
        models: "0 to 0.5",
        find: |sources| matching(sources, &NAMED_CLOSURE),
        unit: Unit::ThousandLines,
    },
    Measure {
        name: "long-lines",
        counts: "lines over 100 characters (per 1,000 lines)",
        models: "0.2 to 12",
        find: long_lines,
        unit: Unit::ThousandLines,
    },
    Measure {
        name: "shared-names",
        counts: "names that more than one type has",
        models: "1 to 23",
        find: shared_names,
        unit: Unit::Count,
    },
    Measure {
        name: "long-functions",
        counts: "functions of more than 50 lines of code",
        models: "",
        find: long_functions,
        unit: Unit::Count,
    },
];

impl Measure {
    /// Counts the places, in the measure's unit.
    pub fn value(&self, sources: &[Source]) -> f64 {
        let places = (self.find)(sources).len() as f64;
        match self.unit {
            Unit::Count => places,
            Unit::ThousandLines => {
                1_000.0 * places
                    / sources.iter().map(Source::code_lines).sum::<usize>().max(1) as f64
            }
            Unit::PercentOfDocs => 100.0 * places / doc_comments(sources).len().max(1) as f64,
        }
    }
}

/// A place in a file.
#[derive(Debug, PartialEq, Eq)]
pub struct Place {
    path: String,
    /// Line number, counted from 1.
    line: usize,
    text: String,
}

impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}: {}", self.path, self.line, self.text)
    }
}

impl Place {
    fn new(source: &Source, index: usize, text: impl Into<String>) -> Self {
        Self { path: source.path.clone(), line: index + 1, text: text.into() }
    }
}

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("patterns are constants")
}

static FRAGMENT: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"^(What|How|Whether|Of|So many|Those|That|Who|When|Until|Since|Where|By so|For so|Why|Which)\b",
    )
});
static TUPLE_LET: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"\blet\s+\((?:[^()]|\([^()]*\))*,(?:[^()]|\([^()]*\))*\)\s*=\s*\("));
static NAMED_CLOSURE: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"\blet\s+(?:mut\s+)?[a-z_]\w*\s*=\s*(?:move\s+)?\|"));
static TYPE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"^\s*(?:pub(?:\([^)]*\))?\s+)?(?:struct|enum|trait|union)\s+([A-Za-z_]\w*)")
});
static ALIAS: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^(?:pub(?:\([^)]*\))?\s+)?type\s+([A-Za-z_]\w*)"));
static FUNCTION_NAME: LazyLock<Regex> = LazyLock::new(|| pattern(r"\bfn\s+([a-z_]\w*)"));

/// Returns the first line of every doc comment.
fn doc_comments(sources: &[Source]) -> Vec<Place> {
    let mut comments = Vec::new();
    for source in sources {
        let mut within = false;
        for (index, line) in source.lines.iter().enumerate() {
            let comment = line.trim_start().strip_prefix("///");
            if let Some(text) = comment.filter(|_| !within) {
                comments.push(Place::new(source, index, text.trim()));
            }
            within = comment.is_some();
        }
    }
    comments
}

fn fragments(sources: &[Source]) -> Vec<Place> {
    let mut comments = doc_comments(sources);
    comments.retain(|comment| FRAGMENT.is_match(&comment.text));
    comments
}

/// Returns the places at which a pattern begins, even if it goes on for several lines.
fn matching(sources: &[Source], pattern: &Regex) -> Vec<Place> {
    let mut places = Vec::new();
    for source in sources {
        let code = source.code.join("\n");
        for found in pattern.find_iter(&code) {
            let index = code[..found.start()].matches('\n').count();
            places.push(Place::new(source, index, source.lines[index].trim()));
        }
    }
    places
}

fn long_lines(sources: &[Source]) -> Vec<Place> {
    let mut places = Vec::new();
    for source in sources {
        for (index, line) in source.lines.iter().enumerate() {
            if line.chars().count() > LINE {
                places.push(Place::new(source, index, line.trim()));
            }
        }
    }
    places
}

/// Returns the places at which each type is defined, by its name.
pub fn types(sources: &[Source]) -> BTreeMap<String, Vec<Place>> {
    let mut types = BTreeMap::<String, Vec<Place>>::new();
    for source in sources {
        for (index, line) in source.code.iter().enumerate() {
            if let Some(found) = TYPE.captures(line).or_else(|| ALIAS.captures(line)) {
                let place = Place::new(source, index, line.trim());
                types.entry(found[1].to_owned()).or_default().push(place);
            }
        }
    }
    types
}

/// Returns one place for each name, which lists the others.
fn shared_names(sources: &[Source]) -> Vec<Place> {
    let mut shared = Vec::new();
    for (name, mut places) in types(sources) {
        if places.len() > 1 {
            let others: Vec<String> =
                places.drain(1..).map(|place| format!("{}:{}", place.path, place.line)).collect();
            let first = places.remove(0);
            shared.push(Place { text: format!("{name}, also in {}", others.join(", ")), ..first });
        }
    }
    shared
}

fn long_functions(sources: &[Source]) -> Vec<Place> {
    let mut places = Vec::new();
    for source in sources {
        for (index, line) in source.code.iter().enumerate() {
            let Some(found) = FUNCTION_NAME.captures(line) else { continue };
            let body = &source.code[index..=item_end(&source.code, index)];
            let lines = body.iter().filter(|line| !line.is_empty()).count();
            if lines > FUNCTION {
                places.push(Place::new(source, index, format!("{} has {lines} lines", &found[1])));
            }
        }
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(name: &str, text: &str) -> Vec<usize> {
        let sources = [Source::new("src/a.rs".to_owned(), text.to_owned())];
        let measure = MEASURES.iter().find(|measure| measure.name == name).expect("a measure");
        (measure.find)(&sources).iter().map(|place| place.line).collect()
    }

    #[test]
    fn fragments_are_judged_by_their_first_line() {
        let text = "/// What it is.\nstruct A;\n/// The thing\n/// Which goes on.\nstruct B;\n/// Offset of it.\nstruct C;\n";
        assert_eq!(found("fragments", text), [1]);
        let sources = [Source::new("src/a.rs".to_owned(), text.to_owned())];
        assert_eq!(MEASURES[0].value(&sources).round(), 33.0);
    }

    #[test]
    fn tuples_and_closures_are_found_over_lines() {
        let text = "let (a, b) =\n    (1, 2);\nlet (c, d) = e;\nlet f = |x| x;\nlet g = move || 1;\nlet h = i(|x| x);\n";
        assert_eq!(found("tuple-lets", text), [1]);
        assert_eq!(found("named-closures", text), [4, 5]);
    }

    #[test]
    fn long_lines_count_characters() {
        let text = format!("{}\n{}\n// {}\n", "é".repeat(100), "e".repeat(101), "long ".repeat(30));
        assert_eq!(found("long-lines", &text), [2, 3]);
    }

    #[test]
    fn names_of_types_are_compared_without_associated_ones() {
        let text = "struct A;\nimpl B for A {\n    type A = u8;\n}\nmod c {\n    pub(crate) enum A {}\n}\n// struct D;\nstruct D;\n";
        assert_eq!(found("shared-names", text), [1]);
        let sources = [Source::new("src/a.rs".to_owned(), text.to_owned())];
        let shared = shared_names(&sources);
        assert_eq!(shared[0].to_string(), "src/a.rs:1: A, also in src/a.rs:6");
    }

    #[test]
    fn functions_are_as_long_as_their_code() {
        let function = |lines: usize| {
            format!(
                "fn f(a: [u8; 2]) {{\n{}{}}}\n",
                "    // a {\n\n".repeat(30),
                "    g();\n".repeat(lines)
            )
        };
        assert_eq!(found("long-functions", &function(48)), [] as [usize; 0]);
        assert_eq!(found("long-functions", &function(49)), [1]);
        assert_eq!(found("long-functions", "trait A {\n    fn f();\n}\n"), [] as [usize; 0]);
    }
}
