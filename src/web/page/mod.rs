//! The status page at `/`: the state of every target and the remedies, for people with a browser.
//!
//! Made for each request from the model of the last publication. It has no script, no other
//! resources, and one style sheet, which the content security policy names by its hash. `maud`'s
//! templates escape every value; texts never contain markup.

mod chart;
mod day;
mod outcomes;
mod target;
mod usual;

use std::sync::{Arc, LazyLock};

use aws_lc_rs::digest;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use jiff::Timestamp;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::{
    i18n::{Language, Words, count, say},
    status::{Notice, StatusText, TargetStatus},
};

pub(super) const STYLE: &str = include_str!("style.css");
/// Three bars of a chart, in the accent colour.
const ICON: &str = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Cpath \
                    d='M3 14V8M8 14V2M13 14V5' stroke='%232f7fc4' stroke-width='3'/%3E%3C/svg%3E";

/// Content security policy: the page may use its own style and icon, and load, run, frame or send
/// nothing.
pub(super) static POLICY: LazyLock<String> = LazyLock::new(|| {
    let hash = BASE64_STANDARD.encode(digest::digest(&digest::SHA256, STYLE.as_bytes()));
    format!(
        "default-src 'none'; style-src 'sha256-{hash}'; img-src data:; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'"
    )
});

/// The data of the page.
pub(super) struct PageView<'a> {
    pub(super) version: &'a str,
    pub(super) telemetry_path: &'a str,
    /// The reason why the exporter cannot be scraped yet.
    pub(super) not_ready: Option<&'a str>,
    /// Notices about the exporter as a whole.
    pub(super) notices: &'a [Notice],
    /// The targets, as of their last publications.
    pub(super) targets: &'a [Arc<TargetStatus>],
    pub(super) now: Timestamp,
    pub(super) language: Language,
}

/// Writes the whole page.
pub(super) fn page(view: &PageView<'_>) -> String {
    let language = view.language;
    let version = say(StatusText::Version, language, &[("version", view.version.to_owned())]);
    let explained = [
        StatusText::ExplainedPoll,
        StatusText::ExplainedComplete,
        StatusText::ExplainedHit,
        StatusText::ExplainedUsual,
        StatusText::ExplainedTimes,
    ];
    let page = html! {
        (DOCTYPE)
        html lang=(language.code()) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (say(StatusText::Title, language, &[])) }
                link rel="icon" href=(ICON);
                style { (PreEscaped(STYLE)) }
            }
            body {
                header class="top" {
                    h1 { (say(StatusText::Title, language, &[])) } " "
                    span class="quiet" { (version) } " "
                    (other_language(language, StatusText::OtherLanguage))
                }
                (links(view))
                main {
                    (summary(view))
                    @for target in view.targets { (target::section(target, view.now, language)) }
                }
                footer {
                    details {
                        summary { (say(StatusText::Explained, language, &[])) }
                        @for paragraph in explained { p { (say(paragraph, language, &[])) } }
                    }
                }
            }
        }
    };
    page.into_string()
}

/// Writes the link to the same page in the other language.
pub(super) fn other_language(language: Language, text: impl Words) -> Markup {
    let other = match language {
        Language::En => Language::Es.code(),
        Language::Es => Language::En.code(),
    };
    html! {
        a href={ "?lang=" (other) } hreflang=(other) lang=(other) { (say(text, language, &[])) }
    }
}

/// Writes the links, relative, so that they work behind a proxy that serves the page under its own
/// path.
fn links(view: &PageView<'_>) -> Markup {
    let json = format!("status.json?lang={}", view.language.code());
    let links = [
        (view.telemetry_path.trim_start_matches('/'), StatusText::Metrics),
        (&json, StatusText::Json),
        ("-/healthy", StatusText::Healthy),
        ("-/ready", StatusText::Ready),
    ];
    html! {
        nav aria-label=(say(StatusText::Links, view.language, &[])) {
            @for (path, name) in links { a href=(path) { (say(name, view.language, &[])) } " " }
        }
    }
}

/// Summarises all targets.
fn summary(view: &PageView<'_>) -> Markup {
    let language = view.language;
    let number = view.targets.len();
    let ill = view.targets.iter().filter(|target| target.state(view.now).needs_attention()).count();
    let words = match (number, ill) {
        (0, _) => Some(StatusText::NoTargets),
        // A single target needs no summary.
        (1, _) => None,
        (_, 0) => Some(StatusText::AllWell),
        (_, 1) => Some(StatusText::OneIll),
        _ => Some(StatusText::SomeIll),
    };
    let values = [("number", count(number as u64, language)), ("ill", count(ill as u64, language))];
    html! {
        @if let Some(reason) = view.not_ready {
            p {
                strong { (say(StatusText::NotReady, language, &[])) "." } " "
                (say(StatusText::NotReadyReason, language, &[("reason", reason.to_owned())]))
            }
        }
        @for notice in view.notices {
            p class="notice" { (notice.sentence(language)) }
        }
        @if let Some(words) = words { p { (say(words, language, &values)) } }
    }
}

#[cfg(test)]
mod tests;
