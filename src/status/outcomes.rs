//! The outcomes of a target's calls, for people: whether they can be read, and where callers hung
//! up in the last day.
//!
//! Owns their texts in both languages. Pure.

use std::collections::BTreeMap;

use jiff::{Timestamp, tz::TimeZone};
use serde::Serialize;

use crate::{
    baseline::History,
    i18n::{Language, count, say, texts},
    model::{CallOutcome, Names},
    schedule::local_second,
    wolkvox::{ApiError, ErrorWords},
};

/// Options that are listed, those with most hang-ups first.
const MOST_LISTED: usize = 10;

/// Outcomes of the calls of the last 24 hours, as far as they are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutcomesStatus {
    /// The error because of which they cannot be read now.
    pub failure: Option<ApiError>,
    /// This process has read the newest windows.
    pub has_read: bool,
    /// A row has come at some time.
    pub has_rows: bool,
    /// All calls.
    pub calls: u64,
    /// Calls that ended because the caller hung up.
    pub hung_up: u64,
    /// The options behind which most callers hung up, most first.
    pub options: Vec<HangUps>,
}

/// The calls of the last 24 hours that ended behind one option.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HangUps {
    /// Its routing point.
    pub rp_id: String,
    /// The name of the routing point, if known.
    #[serde(rename = "routing_point_name")]
    pub point_name: Option<String>,
    /// Its code.
    #[serde(rename = "cod_opc_menu")]
    pub code: String,
    /// The name of the option, if known.
    #[serde(rename = "option_name")]
    pub name: Option<String>,
    /// Calls.
    pub calls: u64,
    /// Calls that ended because the caller hung up.
    pub hung_up: u64,
}

impl OutcomesStatus {
    /// Collects the hang-ups of the day before `watermark`, from a history whose channels are
    /// outcomes.
    pub fn of_day(history: &History, watermark: Timestamp, zone: &TimeZone, names: &Names) -> Self {
        let newest = (local_second(watermark, zone) - 1).hour();
        let mut options: BTreeMap<(&str, &str), HangUps> = BTreeMap::new();
        for (labels, hourly) in history.last_day(newest) {
            let rp_id = &*labels.point.rp_id;
            let code = &*labels.option;
            let option = options.entry((rp_id, code)).or_insert_with(|| HangUps {
                rp_id: rp_id.to_owned(),
                point_name: names.routing_point(rp_id).map(str::to_owned),
                code: code.to_owned(),
                name: names.option_at(rp_id, code).map(str::to_owned),
                calls: 0,
                hung_up: 0,
            });
            let calls: u64 = hourly.iter().sum();
            option.calls += calls;
            if &*labels.point.channel == CallOutcome::HungUp.as_str() {
                option.hung_up += calls;
            }
        }
        let mut options: Vec<HangUps> = options.into_values().collect();
        let calls = options.iter().map(|option| option.calls).sum();
        let hung_up = options.iter().map(|option| option.hung_up).sum();
        options.retain(|option| option.hung_up > 0);
        options.sort_by_key(|option| std::cmp::Reverse(option.hung_up));
        options.truncate(MOST_LISTED);
        Self { failure: None, has_read: false, has_rows: false, calls, hung_up, options }
    }

    /// Returns the state in one or a few sentences.
    pub(crate) fn sentence(&self, language: Language) -> String {
        let values =
            [("calls", count(self.calls, language)), ("hung_up", count(self.hung_up, language))];
        let of_day = match self.calls {
            0 => OutcomesText::NoCalls,
            _ => OutcomesText::OfDay,
        };
        if let Some(error) = &self.failure {
            let ErrorWords { happened, remedy } = error.words(language);
            let values = [("what", happened), ("remedy", remedy)];
            return say(OutcomesText::Failing, language, &values);
        }
        match (self.has_read, self.has_rows) {
            (false, false) => say(OutcomesText::Waiting, language, &[]),
            (true, false) => say(OutcomesText::NeverARow, language, &[]),
            (_, true) => say(of_day, language, &values),
        }
    }
}

texts! {
    /// A text about the outcomes of calls.
    pub(crate) OutcomesText;
    Heading: "Where callers hang up, last 24 hours", "Dónde cuelgan, últimas 24 horas";
    OfDay:
        "In {hung_up} of {calls} calls the caller hung up before reaching the queue.",
        "En {hung_up} de {calls} llamadas, quien llamaba colgó antes de llegar a la cola.";
    NoCalls: "No call in this time.", "Ninguna llamada en este tiempo.";
    Waiting:
        "What became of the calls (the report diagram_1) has not been read yet.",
        "Todavía no se ha leído en qué terminaron las llamadas (el reporte diagram_1).";
    NeverARow:
        "The report diagram_1 has never given a row. Wolkvox answers in the same way when it is empty and when the operation \
         does not have it: ask Wolkvox whether it is enabled. The figures of the menus do not depend on it.",
        "El reporte diagram_1 nunca ha dado una fila. Wolkvox responde igual cuando está vacío y cuando la operación no lo \
         tiene: pregunte a Wolkvox si está habilitado. Las cifras de los menús no dependen de él.";
    Failing:
        "What became of the calls (the report diagram_1) cannot be read now: {what}. {remedy} The figures of the menus do not \
         depend on it.",
        "Ahora no se puede leer en qué terminaron las llamadas (el reporte diagram_1): {what}. {remedy} Las cifras de los \
         menús no dependen de él.";
    Option: "Option", "Opción";
    HungUp: "Hung up", "Colgaron";
    Calls: "Calls", "Llamadas";
    Share: "Share", "Proporción";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        baseline::HistoryDelta,
        i18n::assert_good,
        model::{LocalSecond, MenuLabels},
    };

    #[test]
    fn both_languages_have_every_text() {
        assert_good(OutcomesText::ALL, &[]);
    }

    fn day(calls: &[(&str, &str, u32)]) -> OutcomesStatus {
        let watermark: Timestamp = "2026-01-18T17:35:00Z".parse().unwrap();
        let zone = TimeZone::UTC;
        let (mut history, mut delta) = (History::new(35), HistoryDelta::default());
        for (number, (_, _, calls)) in calls.iter().enumerate() {
            delta.rows(number as u32, local_second(watermark, &zone) - 100, 0, None, *calls);
        }
        let labels: Vec<_> = calls
            .iter()
            .map(|(outcome, option, _)| MenuLabels::new("10", outcome, option))
            .collect();
        history.apply(&delta, |number| labels.get(number as usize));
        history.cover(LocalSecond::new(0), local_second(watermark, &zone));
        let mut names = Names::default();
        names.options.insert("1".to_owned(), "Ventas".to_owned());
        OutcomesStatus::of_day(&history, watermark, &zone, &names)
    }

    #[test]
    fn options_are_listed_by_the_people_who_hung_up_there() {
        let day = day(&[
            ("hung_up", "1", 5),
            ("reached_queue", "1", 20),
            ("other", "1", 2),
            ("hung_up", "PULSE", 9),
            ("reached_queue", "3", 7),
        ]);
        assert_eq!((day.calls, day.hung_up), (43, 14));
        let listed: Vec<_> =
            day.options.iter().map(|of| (of.code.as_str(), of.hung_up, of.calls)).collect();
        assert_eq!(listed, [("PULSE", 9, 9), ("1", 5, 27)]);
        assert_eq!(day.options[1].name.as_deref(), Some("Ventas"));
    }

    #[test]
    fn each_state_has_its_own_words() {
        let known =
            OutcomesStatus { has_read: true, has_rows: true, ..day(&[("hung_up", "1", 1234)]) };
        let said = |status: &OutcomesStatus| status.sentence(Language::En);
        assert_eq!(
            said(&known),
            "In 1,234 of 1,234 calls the caller hung up before reaching the queue."
        );
        assert_eq!(said(&OutcomesStatus { calls: 0, ..known.clone() }), "No call in this time.");
        let never = OutcomesStatus { has_rows: false, ..known.clone() };
        assert!(said(&never).contains("never given a row"));
        assert!(said(&OutcomesStatus { has_read: false, ..never }).contains("not been read yet"));
        let asked = "diagram_1";
        let failing = OutcomesStatus {
            failure: Some(ApiError::UnknownReport { asked, message: "DOES NOT EXIST".to_owned() }),
            ..known
        };
        assert!(
            said(&failing).contains("the server does not know diagram_1"),
            "{}",
            said(&failing)
        );
        assert!(said(&failing).ends_with("The figures of the menus do not depend on it."));
    }
}
