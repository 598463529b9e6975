//! One target's part of the page: its state in words, the facts, and its last polls.

use jiff::Timestamp;
use maud::{Markup, html};

use super::{chart, day, outcomes, usual};
use crate::{
    i18n::{Language, count, duration, moment, say, span},
    status::{StatusText, TargetState, TargetStatus, class_words, remedy, sentence, state_words},
};

pub(super) fn section(target: &TargetStatus, now: Timestamp, language: Language) -> Markup {
    let state = target.state(now);
    let as_of = [("time", moment(now, now, &target.zone, language))];
    html! {
        section.target.attention[state.needs_attention()] {
            div.head {
                h2 { (target.name) } " "
                span.state { (icon(state)) (say(state_words(state), language, &[])) } " "
                small { (say(StatusText::AsOf, language, &as_of)) }
            }
            p.sentence { (sentence(target, now, language)) }
            @if let Some(remedy) = remedy(target, now, language) {
                p.remedy { strong { (say(StatusText::ToDo, language, &[])) } " " (remedy) }
            }
            (facts(target, now, language))
            (usual::section(&target.usual, language))
            (polls(target, now, language))
            @if let Some(outcomes) = &target.outcomes { (outcomes::section(outcomes, language)) }
            (day::section(target, language))
        }
    }
}

/// Returns the sign of a state, shown beside its name.
fn icon(state: TargetState) -> Markup {
    let path = match state {
        TargetState::Well => "M3 9l3.5 3.5L13 4",
        TargetState::Failing => "M8 1.8L14.8 14H1.2zM8 6v4M8 12v.1",
        TargetState::WrongZone => "M2 8a6 6 0 1 0 12 0a6 6 0 1 0-12 0M8 5v3h3",
        TargetState::NoRows => "M2 8a6 6 0 1 0 12 0a6 6 0 1 0-12 0M4 12L12 4",
        TargetState::Behind => "M3 4l5 4-5 4zM8 4l5 4-5 4z",
        TargetState::Waiting => "M2 8a6 6 0 1 0 12 0a6 6 0 1 0-12 0M8 4.5V8l2.5 1.5",
    };
    html! {
        svg width="16" height="16" viewBox="0 0 16 16" aria-hidden="true" { path d=(path) {} }
    }
}

/// A fact with its name; `meter` is a part and its whole.
struct Fact {
    name: String,
    value: String,
    meter: Option<(u64, u64)>,
    note: String,
}

fn facts(target: &TargetStatus, now: Timestamp, language: Language) -> Markup {
    let facts = [
        complete_up_to(target, now, language),
        newest_row(target, now, language),
        next_poll(target, now, language),
        requests_today(target, now, language),
    ];
    html! {
        dl.facts {
            @for Fact { name, value, meter, note } in &facts {
                div {
                    dt { (name) }
                    dd {
                        b { (value) }
                        @if let Some((part, whole)) = meter {
                            meter max=(whole) value=(part) aria-label=(name) {}
                        }
                        @if !note.is_empty() { small { (note) } }
                    }
                }
            }
        }
    }
}

/// Makes the fact of a moment and its age, or of a text without one.
fn past(
    name: StatusText,
    at: Option<Timestamp>,
    none: StatusText,
    target: &TargetStatus,
    now: Timestamp,
    language: Language,
) -> Fact {
    let (value, note) = match at {
        Some(at) => {
            let length = span(now.duration_since(at).as_secs().max(0));
            let ago = say(StatusText::Ago, language, &[("length", length)]);
            (moment(at, now, &target.zone, language), ago)
        }
        None => (say(none, language, &[]), String::new()),
    };
    Fact { name: say(name, language, &[]), value, meter: None, note }
}

fn complete_up_to(target: &TargetStatus, now: Timestamp, language: Language) -> Fact {
    past(StatusText::CompleteUpTo, target.watermark, StatusText::NothingYet, target, now, language)
}

fn newest_row(target: &TargetStatus, now: Timestamp, language: Language) -> Fact {
    past(StatusText::NewestRow, target.last_row, StatusText::NeverARow, target, now, language)
}

fn within(at: Timestamp, now: Timestamp) -> String {
    span(at.duration_since(now).as_secs().max(0))
}

fn next_poll(target: &TargetStatus, now: Timestamp, language: Language) -> Fact {
    let (value, note) = if target.next_poll > now {
        let wait = say(StatusText::Within, language, &[("length", within(target.next_poll, now))]);
        (moment(target.next_poll, now, &target.zone, language), wait)
    } else {
        (say(StatusText::UnderWay, language, &[]), String::new())
    };
    Fact { name: say(StatusText::NextPoll, language, &[]), value, meter: None, note }
}

fn requests_today(target: &TargetStatus, now: Timestamp, language: Language) -> Fact {
    let quota = target.quota(now);
    let mut values =
        vec![("used", count(quota.used, language)), ("length", within(quota.resets_at, now))];
    let (used, left, meter) = match (quota.limit, quota.left) {
        (Some(limit), Some(left)) => {
            values.extend([("limit", count(limit, language)), ("left", count(left, language))]);
            (StatusText::UsedOf, StatusText::QuotaLeft, Some((quota.used.min(limit), limit)))
        }
        _ => (StatusText::Used, StatusText::QuotaNoLimit, None),
    };
    Fact {
        name: say(StatusText::RequestsToday, language, &[]),
        value: say(used, language, &values),
        meter,
        note: say(left, language, &values),
    }
}

fn polls(target: &TargetStatus, now: Timestamp, language: Language) -> Markup {
    html! {
        h3 { (say(StatusText::LastPolls, language, &[])) }
        @if target.polls.is_empty() {
            p.quiet { (say(StatusText::NoPolls, language, &[])) }
        } @else {
            @let words = polls_in_words(target, now, language);
            (chart::strip(&target.polls, &words))
            details {
                summary { (words) }
                div.scroll {
                    table.polls {
                        thead {
                            tr {
                                @for name in [StatusText::Began, StatusText::Took, StatusText::Result] {
                                    th scope="col" { (say(name, language, &[])) }
                                }
                            }
                        }
                        tbody {
                            @for poll in target.polls.iter().rev() {
                                tr {
                                    td { (moment(poll.at, now, &target.zone, language)) }
                                    td { (duration(poll.took, language)) }
                                    td {
                                        @if poll.failure.is_some() { "✕ " }
                                        (say(poll.failure.map_or(StatusText::Committed, class_words), language, &[]))
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn polls_in_words(target: &TargetStatus, now: Timestamp, language: Language) -> String {
    let failed = target.polls.iter().filter(|poll| poll.failure.is_some()).count();
    let since = target.polls.first().map(|first| moment(first.at, now, &target.zone, language));
    let values = [
        ("number", count(target.polls.len() as u64, language)),
        ("failed", count(failed as u64, language)),
        ("time", since.unwrap_or_default()),
    ];
    let words = match (target.polls.len(), failed) {
        (1, 0) => StatusText::OnePoll,
        (_, 0) => StatusText::PollsAllGood,
        _ => StatusText::PollsSomeBad,
    };
    say(words, language, &values)
}
