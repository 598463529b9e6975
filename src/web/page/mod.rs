//! The page at `/`, for a person who opened the exporter's address in a browser: how every target is, and what to do.
//!
//! HTML by hand, made for each request from the model of the last publication. No script, nothing from elsewhere, and
//! one style that the policy names by its hash. Every value that comes from configuration, state or the vendor is
//! escaped; a text of ours never holds markup.

mod chart;
mod day;
mod escape;
mod target;

use std::{
    fmt::{self, Write as _},
    sync::{Arc, LazyLock},
};

use aws_lc_rs::digest;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use jiff::Timestamp;

use self::escape::Escaped;
use crate::{
    i18n::{Language, count, say},
    status::{StatusText, TargetStatus},
};

const STYLE: &str = include_str!("style.css");
/// Three bars of a chart, in the accent colour.
const ICON: &str = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Cpath \
                    d='M3 14V8M8 14V2M13 14V5' stroke='%232f7fc4' stroke-width='3'/%3E%3C/svg%3E";

/// Nothing may be loaded, run, framed or sent from the page; its own style and icon are all it has.
pub(super) static POLICY: LazyLock<String> = LazyLock::new(|| {
    let hash = BASE64_STANDARD.encode(digest::digest(&digest::SHA256, STYLE.as_bytes()));
    format!(
        "default-src 'none'; style-src 'sha256-{hash}'; img-src data:; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'"
    )
});

/// What the page is made from.
pub(super) struct View<'a> {
    pub(super) version: &'a str,
    pub(super) telemetry_path: &'a str,
    /// Why the exporter cannot be scraped yet.
    pub(super) not_ready: Option<&'a str>,
    /// As of their last publications.
    pub(super) targets: &'a [Arc<TargetStatus>],
    pub(super) now: Timestamp,
    pub(super) language: Language,
}

/// The whole page.
pub(super) fn page(view: &View<'_>) -> String {
    let mut page = String::with_capacity(16 * 1024 + view.targets.len() * 32 * 1024);
    // Writing to a `String` cannot fail.
    let _ = document(view, &mut page);
    page
}

fn document(view: &View<'_>, page: &mut String) -> fmt::Result {
    let language = view.language;
    let text = |text: StatusText| say(text, language, &[]);
    let code = language.code();
    write!(
        page,
        "<!doctype html>\n<html lang=\"{code}\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\">\n<title>{}</title>\n<link rel=\"icon\" href=\"{ICON}\">\n\
         <style>{STYLE}</style>\n</head>\n<body>\n",
        text(StatusText::Title)
    )?;
    let other = match language {
        Language::En => Language::Es,
        Language::Es => Language::En,
    };
    let version = say(StatusText::Version, language, &[("version", view.version.to_owned())]);
    writeln!(
        page,
        "<header class=\"top\"><h1>{}</h1> <span class=\"quiet\">{}</span> <a href=\"?lang={other}\" \
         hreflang=\"{other}\" lang=\"{other}\">{}</a></header>",
        text(StatusText::Title),
        Escaped(version),
        text(StatusText::OtherLanguage),
        other = other.code(),
    )?;
    links(view, page)?;
    writeln!(page, "<main>")?;
    summary(view, page)?;
    for target in view.targets {
        target::section(target, view.now, language, page)?;
    }
    writeln!(page, "</main>\n<footer><details><summary>{}</summary>", text(StatusText::Explained))?;
    for explained in [
        StatusText::ExplainedPoll,
        StatusText::ExplainedComplete,
        StatusText::ExplainedHit,
        StatusText::ExplainedTimes,
    ] {
        writeln!(page, "<p>{}</p>", Escaped(text(explained)))?;
    }
    writeln!(page, "</details></footer>\n</body>\n</html>")
}

fn links(view: &View<'_>, page: &mut String) -> fmt::Result {
    let text = |text: StatusText| say(text, view.language, &[]);
    write!(page, "<nav aria-label=\"{}\">", text(StatusText::Links))?;
    let json = format!("/status.json?lang={}", view.language.code());
    for (path, name) in [
        (view.telemetry_path, StatusText::Metrics),
        (&json, StatusText::Json),
        ("/-/healthy", StatusText::Healthy),
        ("/-/ready", StatusText::Ready),
    ] {
        write!(page, "<a href=\"{}\">{}</a> ", Escaped(path), Escaped(text(name)))?;
    }
    writeln!(page, "</nav>")
}

/// What holds for all targets together.
fn summary(view: &View<'_>, page: &mut String) -> fmt::Result {
    let language = view.language;
    if let Some(reason) = view.not_ready {
        let words = say(StatusText::NotReadyReason, language, &[("reason", reason.to_owned())]);
        writeln!(
            page,
            "<p><strong>{}.</strong> {}</p>",
            say(StatusText::NotReady, language, &[]),
            Escaped(words)
        )?;
    }
    let number = view.targets.len();
    let ill = view.targets.iter().filter(|target| target.state(view.now).needs_attention()).count();
    let words = match (number, ill) {
        (0, _) => StatusText::NoTargets,
        // One says it all itself.
        (1, _) => return Ok(()),
        (_, 0) => StatusText::AllWell,
        (_, 1) => StatusText::OneIll,
        _ => StatusText::SomeIll,
    };
    let written = |number| count(number as u64, language);
    let values = [("number", written(number)), ("ill", written(ill))];
    writeln!(page, "<p>{}</p>", Escaped(say(words, language, &values)))
}

#[cfg(test)]
mod tests;
