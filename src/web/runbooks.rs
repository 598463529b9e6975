//! The runbooks at `/runbooks/NAME`: for each alert a page on what it means and what to do, in both
//! languages.
//!
//! Owns the embedded texts of `docs/runbooks/` and the Markdown in which they are written:
//! headings, paragraphs, lists, code, emphasis and links to other runbooks. Everything else is
//! text, and `maud` escapes it: a runbook cannot bring markup.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::page::{STYLE, other_language};
use crate::i18n::{Language, say, texts};

texts! {
    /// A text around the runbooks.
    pub(crate) RunbookText;
    Title: "What to do", "Qué hacer";
    OtherLanguage: "Español", "English";
    All: "All guides", "Todas las guías";
    Status: "Status page", "Página de estado";
}

/// A runbook in both languages.
struct Runbook {
    /// The alert's name.
    name: &'static str,
    en: &'static str,
    es: &'static str,
}

/// All of `docs/runbooks/`, sorted by name, as the build script found them.
const RUNBOOKS: &[Runbook] = include!(concat!(env!("OUT_DIR"), "/runbooks.rs"));

impl Runbook {
    fn text(&self, language: Language) -> &'static str {
        match language {
            Language::En => self.en,
            Language::Es => self.es,
        }
    }

    /// Returns the first sentence of what it means.
    fn summary(&self, language: Language) -> &'static str {
        let paragraph = blocks(self.text(language)).find(|block| !block.starts_with('#'));
        let paragraph = paragraph.unwrap_or_default();
        let end = paragraph.find(". ").into_iter().chain(paragraph.find(".\n")).min();
        end.map_or(paragraph, |end| &paragraph[..=end])
    }
}

/// Returns the page of a runbook: for the empty name the list of all runbooks, for an unknown name
/// `None`.
pub(super) fn page(name: &str, language: Language) -> Option<String> {
    if name.is_empty() {
        return Some(document(
            say(RunbookText::Title, language, &[]).as_str(),
            &list(language),
            language,
        ));
    }
    // The files link to one another as `NAME.md`.
    let name = name.strip_suffix(".md").unwrap_or(name);
    let runbook = RUNBOOKS.iter().find(|runbook| runbook.name == name)?;
    Some(document(runbook.name, &body(runbook.text(language), language), language))
}

fn list(language: Language) -> Markup {
    html! {
        h2 { (say(RunbookText::Title, language, &[])) }
        @for runbook in RUNBOOKS {
            h3 { a href={ (runbook.name) "?lang=" (language.code()) } { (runbook.name) } }
            p { (line(runbook.summary(language), language)) }
        }
    }
}

/// Writes the page. Links are relative, so that they work behind a proxy that serves the exporter
/// under another path.
fn document(title: &str, content: &Markup, language: Language) -> String {
    let page = html! {
        (DOCTYPE)
        html lang=(language.code()) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header class="top" {
                    h1 { "wolkvox-exporter" } " "
                    (other_language(language, RunbookText::OtherLanguage))
                }
                nav {
                    a href={ "./?lang=" (language.code()) } { (say(RunbookText::All, language, &[])) } " "
                    a href={ "../?lang=" (language.code()) } { (say(RunbookText::Status, language, &[])) }
                }
                main { article class="runbook" { (content) } }
            }
        }
    };
    page.into_string()
}

/// Returns the blocks of a Markdown text, which are separated by blank lines.
fn blocks(text: &str) -> impl Iterator<Item = &str> {
    text.split("\n\n").map(str::trim).filter(|block| !block.is_empty())
}

fn body(text: &str, language: Language) -> Markup {
    html! {
        @for block in blocks(text) {
            @if let Some(heading) = block.strip_prefix("## ") {
                h3 { (line(heading, language)) }
            } @else if let Some(title) = block.strip_prefix("# ") {
                h2 { (line(title, language)) }
            } @else if block.starts_with("1. ") {
                ol { (items(block, language)) }
            } @else if block.starts_with("- ") {
                ul { (items(block, language)) }
            } @else {
                p { (line(block, language)) }
            }
        }
    }
}

/// Writes the items of a list. A line without a mark continues the previous item.
fn items(block: &str, language: Language) -> Markup {
    let mut items: Vec<String> = Vec::new();
    for text in block.lines() {
        match (without_mark(text), items.last_mut()) {
            (None, Some(item)) => {
                item.push('\n');
                item.push_str(text.trim());
            }
            (item, _) => items.push(item.unwrap_or(text).to_owned()),
        }
    }
    html! {
        @for item in &items {
            li { (line(item, language)) }
        }
    }
}

/// Returns the text after `- ` or a number such as `2. `, if the line begins with one.
fn without_mark(text: &str) -> Option<&str> {
    let after_dash = text.strip_prefix("- ");
    after_dash.or_else(|| text.trim_start_matches(|c: char| c.is_ascii_digit()).strip_prefix(". "))
}

/// Writes text with `code`, *emphasis* and [links](NAME.md). A mark that is not closed is text.
fn line(text: &str, language: Language) -> Markup {
    let Some(start) = text.find(['`', '*', '[']) else { return html! { (text) } };
    let rest = &text[start..];
    let found = match rest.as_bytes()[0] {
        b'`' => {
            enclosed(rest, "`", "`").map(|(inside, after)| (html! { code { (inside) } }, after))
        }
        b'*' => enclosed(rest, "*", "*").map(|(inside, after)| (html! { em { (inside) } }, after)),
        _ => link(rest, language),
    };
    let (marked, after) = found.unwrap_or_else(|| (html! { (&rest[..1]) }, &rest[1..]));
    html! { (&text[..start]) (marked) (line(after, language)) }
}

/// Returns the text between two marks, and the rest.
fn enclosed<'a>(text: &'a str, open: &str, close: &str) -> Option<(&'a str, &'a str)> {
    text.strip_prefix(open)?.split_once(close)
}

/// Writes a link to another runbook, and returns it with the rest. A link to any other address
/// stays text.
fn link(text: &str, language: Language) -> Option<(Markup, &str)> {
    let (title, rest) = enclosed(text, "[", "](")?;
    let (address, after) = rest.split_once(')')?;
    let name = address.strip_suffix(".md")?;
    let known = RUNBOOKS.iter().any(|runbook| runbook.name == name);
    known.then(|| (html! { a href={ (name) "?lang=" (language.code()) } { (title) } }, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_languages_have_every_text() {
        crate::i18n::assert_good(RunbookText::ALL, &[]);
    }

    #[test]
    fn every_runbook_is_a_page_in_both_languages() {
        assert!(RUNBOOKS.len() > 25, "{} runbooks", RUNBOOKS.len());
        for runbook in RUNBOOKS {
            for language in Language::ALL {
                let page = page(runbook.name, language).expect("a page");
                assert!(page.matches("<h3>").count() >= 5, "{}: {page}", runbook.name);
                // Marks that `line` and `body` do not know would be seen as text.
                let content = page.split("<article").nth(1).expect("content");
                for mark in ["](", "**", "`", "\n- ", "\n|", "\n1. ", "## "] {
                    assert!(!content.contains(mark), "{} has {mark:?}: {content}", runbook.name);
                }
                let links = page.split("href=\"").skip(1).filter_map(|rest| rest.split('?').next());
                for name in links.filter(|link| link.starts_with("Wolkvox")) {
                    assert!(super::page(name, language).is_some(), "{}: {name}", runbook.name);
                }
            }
        }
        let list = page("", Language::Es).expect("a list");
        assert!(RUNBOOKS.iter().all(|runbook| list.contains(runbook.name)), "{list}");
        assert!(list.contains("href=\"../?lang=es\""), "{list}");
    }

    #[test]
    fn every_runbook_has_the_same_parts_in_the_same_order() {
        for (language, parts) in [
            (
                Language::En,
                [
                    "What it means",
                    "What to look at",
                    "Usual causes",
                    "What to do",
                    "When to silence",
                ],
            ),
            (
                Language::Es,
                [
                    "Qué significa",
                    "Qué mirar",
                    "Causas habituales",
                    "Qué hacer",
                    "Cuándo silenciarla",
                ],
            ),
        ] {
            for runbook in RUNBOOKS {
                let headings =
                    blocks(runbook.text(language)).filter_map(|block| block.strip_prefix("## "));
                assert_eq!(headings.collect::<Vec<_>>(), parts, "{}", runbook.name);
            }
        }
    }

    /// Readers of one language are told neither more nor less than those of the other.
    #[test]
    fn both_languages_name_the_same_things() {
        for runbook in RUNBOOKS {
            let [english, spanish] =
                [Language::En, Language::Es].map(|language| named(runbook.text(language)));
            assert_eq!(english, spanish, "{}", runbook.name);
        }
    }

    /// The code that a text holds, and the number of its steps and blocks.
    fn named(text: &str) -> (Vec<String>, usize, usize) {
        let code = text.split('`').skip(1).step_by(2);
        let code = code.map(|code| {
            code.split_whitespace().collect::<Vec<_>>().join(" ").replace(" --lang=es", "")
        });
        let mut code: Vec<String> = code.collect();
        code.sort_unstable();
        let steps = text.lines().filter(|line| without_mark(line).is_some()).count();
        (code, steps, blocks(text).count())
    }

    #[test]
    fn the_summary_is_the_first_sentence_over_several_lines() {
        for language in Language::ALL {
            for runbook in RUNBOOKS {
                let summary = runbook.summary(language);
                assert!(
                    summary.ends_with('.') && summary.len() > 40,
                    "{}: {summary}",
                    runbook.name
                );
            }
        }
    }

    #[test]
    fn lists_are_lists_and_their_lines_may_go_on() {
        let steps = "1. Call\n   the menu.\n2. Read `class`.";
        let list = "<ol><li>Call\nthe menu.</li><li>Read <code>class</code>.</li></ol>";
        assert_eq!(body(steps, Language::En).into_string(), list);
        assert_eq!(
            body("- a\n- 1. b", Language::En).into_string(),
            "<ul><li>a</li><li>1. b</li></ul>"
        );
    }

    #[test]
    fn unknown_names_have_no_page() {
        for name in
            ["WolkvoxNothing", "../status.json", "en/WolkvoxDataLate", "wolkvoxdatalate", "/"]
        {
            assert_eq!(page(name, Language::En), None, "{name}");
        }
        assert_eq!(page("WolkvoxDataLate.md", Language::En), page("WolkvoxDataLate", Language::En));
    }

    #[test]
    fn markup_is_text_and_marks_are_closed_or_text() {
        for (text, html) in [
            ("a <b> & \"c\"", "a &lt;b&gt; &amp; &quot;c&quot;"),
            ("run `a < b` *now*", "run <code>a &lt; b</code> <em>now</em>"),
            ("5 * 3 `open", "5 * 3 `open"),
            ("[x](https://elsewhere.example)", "[x](https://elsewhere.example)"),
            ("[x](javascript:alert(1).md)", "[x](javascript:alert(1).md)"),
            ("[late](WolkvoxDataLate.md).", "<a href=\"WolkvoxDataLate?lang=en\">late</a>."),
        ] {
            assert_eq!(line(text, Language::En).into_string(), html, "{text}");
        }
    }
}
