//! One target's part of the page: its state in words, the facts, and its last polls.

use std::fmt::{self, Write as _};

use jiff::Timestamp;

use super::{Escaped, chart, day};
use crate::{
    i18n::{Language, count, duration, moment, say, span},
    status::{StatusText, TargetState, TargetStatus, class_words, remedy, sentence, state_words},
};

pub(super) fn section(
    target: &TargetStatus,
    now: Timestamp,
    language: Language,
    page: &mut String,
) -> fmt::Result {
    let state = target.state(now);
    let class = if state.needs_attention() { "target attention" } else { "target" };
    writeln!(
        page,
        "<section class=\"{class}\">\n<div class=\"head\"><h2>{}</h2> <span class=\"state\">{}{}</span> \
         <small>{}</small></div>",
        Escaped(&target.name),
        icon(state),
        say(state_words(state), language, &[]),
        Escaped(say(StatusText::AsOf, language, &[("time", moment(now, now, &target.zone, language))]))
    )?;
    writeln!(page, "<p class=\"sentence\">{}</p>", Escaped(sentence(target, now, language)))?;
    if let Some(remedy) = remedy(target, now, language) {
        let to_do = say(StatusText::ToDo, language, &[]);
        writeln!(page, "<p class=\"remedy\"><strong>{to_do}</strong> {}</p>", Escaped(remedy))?;
    }
    facts(target, now, language, page)?;
    polls(target, now, language, page)?;
    day::section(target, language, page)?;
    writeln!(page, "</section>")
}

/// A shape for each state, beside its name.
fn icon(state: TargetState) -> String {
    let path = match state {
        TargetState::Well => "M3 9l3.5 3.5L13 4",
        TargetState::Failing => "M8 1.8L14.8 14H1.2zM8 6v4M8 12v.1",
        TargetState::NoRows => "M2 8a6 6 0 1 0 12 0a6 6 0 1 0-12 0M4 12L12 4",
        TargetState::Behind => "M3 4l5 4-5 4zM8 4l5 4-5 4z",
        TargetState::Waiting => "M2 8a6 6 0 1 0 12 0a6 6 0 1 0-12 0M8 4.5V8l2.5 1.5",
    };
    format!(
        "<svg width=\"16\" height=\"16\" viewBox=\"0 0 16 16\" aria-hidden=\"true\"><path d=\"{path}\"/></svg>"
    )
}

fn facts(target: &TargetStatus, now: Timestamp, language: Language, page: &mut String) -> fmt::Result {
    let text = |text: StatusText| say(text, language, &[]);
    let time = |at: Timestamp| moment(at, now, &target.zone, language);
    let ago = |at: Timestamp| {
        let length = span(now.duration_since(at).as_secs().max(0));
        say(StatusText::Ago, language, &[("length", length)])
    };
    let within = |at: Timestamp| span(at.duration_since(now).as_secs().max(0));
    writeln!(page, "<dl class=\"facts\">")?;
    let (complete, age) = match target.watermark {
        Some(at) => (time(at), ago(at)),
        None => (text(StatusText::NothingYet), String::new()),
    };
    fact(page, &text(StatusText::CompleteUpTo), &complete, "", &age)?;
    let (newest, age) = match target.last_row {
        Some(at) => (time(at), ago(at)),
        None => (text(StatusText::NeverARow), String::new()),
    };
    fact(page, &text(StatusText::NewestRow), &newest, "", &age)?;
    let (next, wait) = if target.next_poll > now {
        let wait = say(StatusText::Within, language, &[("length", within(target.next_poll))]);
        (time(target.next_poll), wait)
    } else {
        (text(StatusText::UnderWay), String::new())
    };
    fact(page, &text(StatusText::NextPoll), &next, "", &wait)?;

    let quota = target.quota(now);
    let number = |number| count(number, language);
    let mut values = vec![("used", number(quota.used)), ("length", within(quota.resets_at))];
    let mut meter = String::new();
    let (used, left) = match (quota.limit, quota.left) {
        (Some(limit), Some(left)) => {
            values.extend([("limit", number(limit)), ("left", number(left))]);
            let (name, used) = (text(StatusText::RequestsToday), quota.used.min(limit));
            write!(meter, "<meter max=\"{limit}\" value=\"{used}\" aria-label=\"{name}\"></meter>")?;
            (StatusText::UsedOf, StatusText::QuotaLeft)
        }
        _ => (StatusText::Used, StatusText::QuotaNoLimit),
    };
    let (used, left) = (say(used, language, &values), say(left, language, &values));
    fact(page, &text(StatusText::RequestsToday), &used, &meter, &left)?;
    writeln!(page, "</dl>")
}

/// `extra` is markup, all else is text.
fn fact(page: &mut String, name: &str, value: &str, extra: &str, note: &str) -> fmt::Result {
    write!(page, "<div><dt>{}</dt><dd><b>{}</b>{extra}", Escaped(name), Escaped(value))?;
    if !note.is_empty() {
        write!(page, "<small>{}</small>", Escaped(note))?;
    }
    writeln!(page, "</dd></div>")
}

fn polls(target: &TargetStatus, now: Timestamp, language: Language, page: &mut String) -> fmt::Result {
    let text = |text: StatusText| say(text, language, &[]);
    let time = |at: Timestamp| moment(at, now, &target.zone, language);
    writeln!(page, "<h3>{}</h3>", text(StatusText::LastPolls))?;
    let Some(first) = target.polls.first() else {
        return writeln!(page, "<p class=\"quiet\">{}</p>", text(StatusText::NoPolls));
    };
    let failed = target.polls.iter().filter(|poll| poll.failure.is_some()).count();
    let written = |number| count(number as u64, language);
    let values =
        [("number", written(target.polls.len())), ("failed", written(failed)), ("time", time(first.at))];
    let words = match (target.polls.len(), failed) {
        (1, 0) => StatusText::OnePoll,
        (_, 0) => StatusText::PollsAllGood,
        _ => StatusText::PollsSomeBad,
    };
    let words = say(words, language, &values);
    chart::strip(page, &target.polls, &words)?;
    writeln!(
        page,
        "\n<details><summary>{}</summary>\n<table class=\"polls\"><thead><tr><th scope=\"col\">{}</th><th \
         scope=\"col\">{}</th><th scope=\"col\">{}</th></tr></thead><tbody>",
        Escaped(words),
        text(StatusText::Began),
        text(StatusText::Took),
        text(StatusText::Result)
    )?;
    for poll in target.polls.iter().rev() {
        let result = poll.failure.map_or(StatusText::Committed, class_words);
        let mark = if poll.failure.is_some() { "✕ " } else { "" };
        writeln!(
            page,
            "<tr><td>{}</td><td>{}</td><td>{mark}{}</td></tr>",
            Escaped(time(poll.at)),
            duration(poll.took, language),
            Escaped(text(result))
        )?;
    }
    writeln!(page, "</tbody></table></details>")
}
