//! The body of `/status.json`, as `docs/status.schema.json` describes it.
//!
//! Owns the parts that depend on the moment and the language of the request. The rest is the model
//! itself, whose fields name their forms ([`form`](super::form)).

use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

use super::{
    Day, DeepReadStatus, Deviation, Deviations, HangUps, Notice, PollOutcome, PollRecord, QuotaNow,
    TargetStatus, UsualStatus, WarmUpStatus, form, texts, usual_texts,
};
use crate::{i18n::Language, wolkvox::ErrorClass};

#[derive(Serialize)]
struct StatusDocument<'a> {
    version: &'a str,
    language: &'static str,
    now: Timestamp,
    ready: bool,
    not_ready_reason: Option<&'a str>,
    notices: Vec<NoticeReport>,
    targets: Vec<TargetReport<'a>>,
}

#[derive(Serialize)]
struct NoticeReport {
    kind: &'static str,
    sentence: String,
}

#[derive(Serialize)]
struct TargetReport<'a> {
    server: &'a str,
    timezone: Option<&'a str>,
    state: &'static str,
    needs_attention: bool,
    sentence: String,
    remedy: Option<String>,
    failure: Option<FailureReport>,
    watermark: Option<Timestamp>,
    lag_seconds: Option<i64>,
    last_row: Option<Timestamp>,
    date_shift_seconds: Option<i64>,
    next_poll: Timestamp,
    quota: QuotaNow,
    deep_reads: &'a [DeepReadStatus],
    polls: &'a [PollRecord],
    last_day: &'a Day,
    outcomes: Option<OutcomesReport<'a>>,
    usual: UsualReport<'a>,
}

#[derive(Serialize)]
struct FailureReport {
    class: &'static str,
    since: Timestamp,
}

#[derive(Serialize)]
struct OutcomesReport<'a> {
    sentence: String,
    class: Option<&'static str>,
    calls: u64,
    hung_up: u64,
    options: &'a [HangUps],
}

#[derive(Serialize)]
struct UsualReport<'a> {
    history_seconds: u64,
    sentence: String,
    warm_up: WarmUpStatus,
    compared: Option<DeviationsReport<'a>>,
}

#[derive(Serialize)]
struct DeviationsReport<'a> {
    options: usize,
    unlike: Vec<DeviationReport<'a>>,
    more: usize,
}

#[derive(Serialize)]
struct DeviationReport<'a> {
    #[serde(flatten)]
    deviation: &'a Deviation,
    sentence: String,
}

/// Writes the status of all targets at `now`. `not_ready` is the reason why the exporter cannot be
/// scraped yet.
pub fn json(
    version: &str,
    not_ready: Option<&str>,
    notices: &[Notice],
    targets: &[Arc<TargetStatus>],
    now: Timestamp,
    language: Language,
) -> Vec<u8> {
    let document = StatusDocument {
        version,
        language: language.code(),
        now: form::whole(now),
        ready: not_ready.is_none(),
        not_ready_reason: not_ready,
        notices: notices
            .iter()
            .map(|notice| NoticeReport { kind: notice.kind(), sentence: notice.sentence(language) })
            .collect(),
        targets: targets.iter().map(|target| report(target, now, language)).collect(),
    };
    let mut body = serde_json::to_vec(&document).unwrap_or_default(); // fails only for maps with odd keys
    body.push(b'\n');
    body
}

fn report(target: &TargetStatus, now: Timestamp, language: Language) -> TargetReport<'_> {
    let state = target.state(now);
    TargetReport {
        server: &target.name,
        timezone: target.zone.iana_name(),
        state: state.as_str(),
        needs_attention: state.needs_attention(),
        sentence: texts::sentence(target, now, language),
        remedy: texts::remedy(target, now, language),
        failure: failure(&target.outcome),
        watermark: target.watermark,
        lag_seconds: target.lag(now).map(|lag| lag.as_secs()),
        last_row: target.last_row,
        date_shift_seconds: target.wrong_zone.map(|shift| shift.seconds),
        next_poll: form::whole(target.next_poll),
        quota: target.quota(now),
        deep_reads: &target.deep_reads,
        polls: &target.polls,
        last_day: &target.day,
        outcomes: target.outcomes.as_ref().map(|outcomes| OutcomesReport {
            sentence: outcomes.sentence(language),
            class: outcomes.failure.as_ref().map(|error| error.class().as_str()),
            calls: outcomes.calls,
            hung_up: outcomes.hung_up,
            options: &outcomes.options,
        }),
        usual: usual(&target.usual, language),
    }
}

fn failure(outcome: &PollOutcome) -> Option<FailureReport> {
    let (class, since) = match outcome {
        PollOutcome::Failed { fault, since } => (fault.class(), since),
        PollOutcome::BrokeOff { since } => (ErrorClass::Internal, since),
        PollOutcome::Waiting | PollOutcome::Committed => return None,
    };
    Some(FailureReport { class: class.as_str(), since: form::whole(*since) })
}

fn usual(usual: &UsualStatus, language: Language) -> UsualReport<'_> {
    UsualReport {
        history_seconds: usual.history.as_secs(),
        sentence: usual_texts::compared_with(usual, language),
        warm_up: usual.warm_up,
        compared: usual.deviations.as_ref().map(|deviations| compared(deviations, language)),
    }
}

fn compared(deviations: &Deviations, language: Language) -> DeviationsReport<'_> {
    let unlike = deviations.highest.iter().map(|deviation| DeviationReport {
        deviation,
        sentence: format!(
            "{}: {}.",
            usual_texts::deviation_place(deviation),
            usual_texts::deviation_figures(deviation, language)
        ),
    });
    DeviationsReport {
        options: deviations.options_compared,
        unlike: unlike.collect(),
        more: deviations.more,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::{Value, json};

    use super::*;
    use crate::{
        baseline::{Anomaly, PointAnomaly},
        model::OptionKind,
        schedule::Tier,
        status::{TargetState, WarmUpState},
        store::Displacement,
    };

    /// Collects every list of words in a schema by its place.
    fn word_lists(place: &str, schema: &Value, found: &mut BTreeMap<String, Value>) {
        let Some(object) = schema.as_object() else { return };
        for (name, value) in object {
            match (name.as_str(), value) {
                ("enum", Value::Array(_)) => drop(found.insert(place.to_owned(), value.clone())),
                _ => word_lists(&format!("{place}/{name}"), value, found),
            }
        }
    }

    #[test]
    fn the_schema_lists_every_word_that_the_program_can_say_and_no_other() {
        let schema = serde_json::from_str(include_str!("../../docs/status.schema.json"));
        let mut documented = BTreeMap::new();
        word_lists("", &schema.expect("JSON"), &mut documented);

        let (what, at) = (Displacement::Removed, Timestamp::UNIX_EPOCH);
        let notices = [
            Notice::StateFile { what, at, saved: true },
            Notice::StateFile { what, at, saved: false },
            Notice::Renamed { left: Vec::new(), begun: Vec::new() },
        ];
        let anomalies = Anomaly::ALL.iter().map(|anomaly| anomaly.as_str());
        let anomalies: Vec<_> =
            anomalies.chain(PointAnomaly::ALL.iter().map(|anomaly| anomaly.as_str())).collect();
        let said = [
            ("/properties/language", json!(Language::ALL.map(Language::code))),
            (
                "/properties/notices/items/properties/kind",
                json!(notices.each_ref().map(Notice::kind)),
            ),
            ("/$defs/class", json!(ErrorClass::ALL.map(ErrorClass::as_str))),
            ("/$defs/target/properties/state", json!(TargetState::ALL.map(TargetState::as_str))),
            (
                "/$defs/target/properties/deep_reads/items/properties/tier",
                json!(Tier::ALL.map(Tier::as_str)),
            ),
            ("/$defs/warm_up/properties/state", json!(WarmUpState::ALL.map(WarmUpState::as_str))),
            ("/$defs/unlike/properties/anomaly", json!(anomalies)),
            (
                "/$defs/point/properties/options/items/properties/kind",
                json!(OptionKind::ALL.map(OptionKind::as_str)),
            ),
        ];
        let said = said.into_iter().map(|(place, words)| (place.to_owned(), words)).collect();
        assert_eq!(documented, said);
    }
}
