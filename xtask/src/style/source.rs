//! Rust files as text, with the same text without comments, strings and tests.
//!
//! Owns the blanking, which keeps every line where it is, so that a place in one text is the same
//! place in the other.

use std::{fs, path::Path};

use anyhow::Context;

/// One Rust file.
#[derive(Debug)]
pub struct Source {
    /// Path from the root of the repository.
    pub path: String,
    /// Its lines, as written; those of `#[cfg(test)]` items are empty.
    pub lines: Vec<String>,
    /// The same lines with comments, strings and characters blanked.
    pub code: Vec<String>,
}

impl Source {
    /// Makes a source from a file's text.
    pub fn new(path: String, text: String) -> Self {
        let mut code: Vec<String> =
            blanked(&text).lines().map(|line| line.trim_end().to_owned()).collect();
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        for range in test_items(&code) {
            for line in range {
                code[line].clear();
                lines[line].clear();
            }
        }
        Self { path, lines, code }
    }

    /// Returns the number of lines that have code.
    pub fn code_lines(&self) -> usize {
        self.code.iter().filter(|line| !line.is_empty()).count()
    }

    /// Returns the first two parts of the path, such as `src/store`.
    pub fn room(&self) -> &str {
        let end = self.path.match_indices('/').nth(1).map_or(self.path.len(), |(at, _)| at);
        &self.path[..end]
    }
}

/// Reads all Rust files below a folder, except those that only tests compile. A missing folder has
/// no files.
pub fn read(root: &Path, folder: &str) -> anyhow::Result<Vec<Source>> {
    let mut sources = Vec::new();
    if !root.join(folder).is_dir() {
        return Ok(sources);
    }
    let mut entries = fs::read_dir(root.join(folder))
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .with_context(|| format!("cannot list {folder}"))?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{folder}/{name}");
        if entry.path().is_dir() {
            if name != "tests" && name != "target" {
                sources.extend(read(root, &path)?);
            }
        } else if name.ends_with(".rs") && !name.ends_with("tests.rs") {
            let text =
                fs::read_to_string(entry.path()).with_context(|| format!("cannot read {path}"))?;
            sources.push(Source::new(path, text));
        }
    }
    Ok(sources)
}

/// Replaces every character of comments, strings and character literals by a space, except line
/// ends and quotes.
fn blanked(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let after_word = code.ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let length = match first {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => ends_after(rest, 2, "*/"),
            '"' => quoted_length(rest, '"'),
            '\'' => character_length(rest).unwrap_or(0),
            'r' | 'b' if !after_word => raw_string_length(rest).unwrap_or(0),
            _ => 0,
        };
        if length == 0 {
            code.push(first);
            rest = &rest[first.len_utf8()..];
            continue;
        }
        let (literal, after) = rest.split_at(length);
        code.extend(literal.chars().map(|c| if matches!(c, '\n' | '"') { c } else { ' ' }));
        rest = after;
    }
    code
}

/// Returns the length up to and including `end`, searched from `from` on.
fn ends_after(text: &str, from: usize, end: &str) -> usize {
    text[from..].find(end).map_or(text.len(), |at| from + at + end.len())
}

/// Returns the length of a literal that begins and ends with the same quote, with backslash
/// escapes.
fn quoted_length(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return at + c.len_utf8(),
            _ => {}
        }
    }
    text.len()
}

/// Returns the length of a character literal; `None` if the quote begins a lifetime.
fn character_length(text: &str) -> Option<usize> {
    let mut chars = text.chars().skip(1);
    match (chars.next()?, chars.next()?) {
        ('\\', _) | (_, '\'') => Some(quoted_length(text, '\'')),
        _ => None,
    }
}

/// Returns the length of a raw string: `r"..."`, `r#"..."#` and their byte forms.
fn raw_string_length(text: &str) -> Option<usize> {
    let after_r = text.strip_prefix("br").or_else(|| text.strip_prefix('r'))?;
    let hashes = after_r.len() - after_r.trim_start_matches('#').len();
    let content = after_r[hashes..].strip_prefix('"')?;
    Some(ends_after(text, text.len() - content.len(), &format!("\"{}", "#".repeat(hashes))))
}

/// Returns the line ranges of items that only tests compile.
fn test_items(code: &[String]) -> Vec<std::ops::RangeInclusive<usize>> {
    let mut items = Vec::new();
    for (number, line) in code.iter().enumerate() {
        if line.contains("#[cfg(test)]") || line.contains("#[cfg(all(test") {
            items.push(number..=item_end(code, number));
        }
    }
    items
}

/// Returns the line on which the item that begins at or below a line ends: at its closing brace, or
/// at a semicolon before any.
pub(super) fn item_end(code: &[String], begin: usize) -> usize {
    let mut braces = 0_usize;
    let mut brackets = 0_usize;
    for (number, line) in code.iter().enumerate().skip(begin) {
        for c in line.chars() {
            match c {
                '(' | '[' => brackets += 1,
                ')' | ']' => brackets = brackets.saturating_sub(1),
                '{' => braces += 1,
                '}' if braces <= 1 => return number,
                '}' => braces -= 1,
                ';' if braces == 0 && brackets == 0 => return number,
                _ => {}
            }
        }
    }
    code.len() - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_strings_and_characters_are_blank() {
        let text = "a /* } */ \"{\\\"\" b // }\nc '{' 'x '\\'' r#\"}\"\n}\"# d br\"{\" e";
        let code = blanked(text);
        assert_eq!(code.chars().count(), text.chars().count());
        assert_eq!(code.lines().count(), text.lines().count());
        let words: Vec<&str> =
            code.split_whitespace().filter(|word| !word.starts_with('"')).collect();
        assert_eq!(words, ["a", "b", "c", "'x", "d", "e"]);
    }

    #[test]
    fn a_word_that_ends_in_r_begins_no_raw_string() {
        assert_eq!(blanked("for\"{\" r"), "for\" \" r");
    }

    #[test]
    fn items_of_tests_are_left_out_whole() {
        let text = "struct A;\n#[cfg(test)]\nmod tests {\n    fn f() { g([1; 2]); }\n}\nstruct B;\n#[cfg(test)]\nuse c;\nfn d() {}\n";
        let source = Source::new("src/a/b.rs".to_owned(), text.to_owned());
        let kept: Vec<&str> =
            source.lines.iter().map(String::as_str).filter(|line| !line.is_empty()).collect();
        assert_eq!(kept, ["struct A;", "struct B;", "fn d() {}"]);
        assert_eq!(source.code_lines(), 3);
        assert_eq!(source.room(), "src/a");
    }
}
