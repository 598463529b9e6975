//! Deviations from the usual, ranked for a person, and the progress of reading the weeks before.
//!
//! Owns the choice of the scores that the page shows: those above the limit of the shipped alerts,
//! highest first. It must not compute scores; an unknown value stays unknown.

use std::time::Duration;

use serde::Serialize;

use super::form;
use crate::{
    baseline::{Anomaly, LEAST_WEEKS, PointAnomaly, Score, Scores},
    model::{MenuLabels, Names, PointLabels},
    wolkvox::ErrorClass,
};

/// Deviations that are shown one by one; the others are only counted.
const MOST: usize = 12;
/// The score above which the shipped alerts fire.
const LIMIT: f64 = 1.0;

/// The history of the usual, and the deviations from it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct UsualStatus {
    /// Time before the watermark that the history covers.
    pub history: Duration,
    /// Progress of reading the weeks before the first poll.
    pub warm_up: WarmUpStatus,
    /// Deviations from the usual; `None` while the last window is not known.
    pub deviations: Option<Deviations>,
}

/// Progress of reading the weeks before the first poll.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct WarmUpStatus {
    /// State of the reading.
    #[serde(serialize_with = "form::warm_up_state")]
    pub state: WarmUpState,
    /// Share that is done, from 0 to 1.
    #[serde(serialize_with = "form::thousandths")]
    pub progress: f64,
    /// Requests sent.
    pub requests: u32,
    /// Requests that it may send.
    pub requests_limit: u32,
    /// The error that stopped it, until it continues.
    #[serde(rename = "class", serialize_with = "form::class")]
    pub failure: Option<ErrorClass>,
}

/// State of reading the weeks before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum WarmUpState {
    /// It is switched off.
    #[default]
    Off,
    /// More is left to be read.
    Reading,
    /// Everything is read or skipped.
    Ended,
    /// More is left to be read, but its requests are spent.
    RequestsSpent,
}

impl WarmUpState {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Off, Self::Reading, Self::Ended, Self::RequestsSpent];

    /// The word in `/status.json`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Reading => "reading",
            Self::Ended => "ended",
            Self::RequestsSpent => "requests_spent",
        }
    }
}

/// All deviations from the usual.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Deviations {
    /// Options with earlier weeks to compare with.
    pub options_compared: usize,
    /// The deviations, highest score first.
    pub highest: Vec<Deviation>,
    /// Deviations that are not among `highest`.
    pub more: usize,
}

/// One deviation of an option, or of a routing point as a whole.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Deviation {
    /// The routing point.
    #[serde(flatten, serialize_with = "form::point")]
    pub point: PointLabels,
    /// Its name, if it has one.
    #[serde(rename = "routing_point_name")]
    pub point_name: Option<String>,
    /// The option; `None` for the routing point as a whole.
    #[serde(rename = "cod_opc_menu")]
    pub option: Option<String>,
    /// Its name, if it has one.
    pub option_name: Option<String>,
    /// The kind of anomaly.
    #[serde(serialize_with = "form::anomaly")]
    pub anomaly: DeviationKind,
    /// The score, and the numbers that were compared.
    #[serde(flatten, serialize_with = "form::score")]
    pub score: Score,
}

/// The anomaly of an option or of a routing point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviationKind {
    /// An option's anomaly.
    Option(Anomaly),
    /// A routing point's anomaly.
    Point(PointAnomaly),
}

impl DeviationKind {
    /// The value of the label `anomaly`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Option(anomaly) => anomaly.as_str(),
            Self::Point(anomaly) => anomaly.as_str(),
        }
    }
}

/// Selects the scores for which an alert would fire.
pub fn deviations(scores: &Scores, names: &Names) -> Deviations {
    let mut highest = Vec::new();
    for option in &scores.options {
        for anomaly in Anomaly::ALL {
            if let Some(score) = option.of(anomaly).filter(alerts) {
                let MenuLabels { point, option: code } = &option.labels;
                highest.push(Deviation {
                    option: Some(code.to_string()),
                    option_name: names.option_at(&point.rp_id, code).map(str::to_owned),
                    ..of_point(point, names, DeviationKind::Option(anomaly), score)
                });
            }
        }
    }
    for point in &scores.points {
        for anomaly in PointAnomaly::ALL {
            if let Some(score) = point.of(anomaly).filter(alerts) {
                highest.push(of_point(&point.labels, names, DeviationKind::Point(anomaly), score));
            }
        }
    }
    // The sort is stable, so equal scores stay in the order of their names.
    highest.sort_by(|a, b| b.score.score.total_cmp(&a.score.score));
    // A single other one is shown as well.
    let kept = if highest.len() <= MOST + 1 { highest.len() } else { MOST };
    let more = highest.len() - kept;
    highest.truncate(kept);
    let options_compared =
        scores.options.iter().filter(|option| option.weeks >= LEAST_WEEKS).count();
    Deviations { options_compared, highest, more }
}

/// Returns true if an alert fires for this score.
fn alerts(score: &Score) -> bool {
    score.score > LIMIT
}

fn of_point(point: &PointLabels, names: &Names, anomaly: DeviationKind, score: Score) -> Deviation {
    Deviation {
        point_name: names.routing_point(&point.rp_id).map(str::to_owned),
        point: point.clone(),
        option: None,
        option_name: None,
        anomaly,
        score,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::baseline::{OptionScores, PointScores};

    fn option(code: &str, weeks: u8, scores: &[(Anomaly, f64)]) -> OptionScores {
        let mut option = OptionScores {
            labels: MenuLabels::new("10", "voice", code),
            scores: [Some(Score::default()); Anomaly::ALL.len()],
            expected_hits: None,
            weeks,
        };
        for (anomaly, score) in scores {
            option.scores[*anomaly as usize] =
                Some(Score { score: *score, observed: 1.0, expected: 96.0, window: 7200 });
        }
        option
    }

    #[test]
    fn what_an_alert_tells_is_listed_furthest_first_with_its_names() {
        let score = |score| Some(Score { score, ..Score::default() });
        let scores = Scores {
            options: vec![
                option("1", 4, &[(Anomaly::DropOff, 1.2), (Anomaly::Retries, 1.0)]),
                option("2", 4, &[(Anomaly::Loops, 3.0)]),
                option("3", 0, &[(Anomaly::DropOff, 0.9)]),
            ],
            points: vec![PointScores {
                labels: PointLabels::new("10", "voice"),
                scores: [score(0.0), score(2.0)],
            }],
            ..Scores::default()
        };
        let mut names = Names::default();
        // By another name elsewhere and in general: here it is an appointment.
        names.options.insert("1".to_owned(), "Ventas".to_owned());
        for (rp_id, name) in [("10", "Agendar una cita"), ("20", "Soporte")] {
            names
                .options_at
                .entry(rp_id.to_owned())
                .or_default()
                .insert("1".to_owned(), name.to_owned());
        }
        names.routing_points.insert("10".to_owned(), "Principal".to_owned());
        let told = deviations(&scores, &names);
        let list: Vec<_> = told
            .highest
            .iter()
            .map(|one| (one.option.as_deref(), one.option_name.as_deref(), one.anomaly.as_str()))
            .collect();
        assert_eq!(
            list,
            [
                (Some("2"), None, "loops"),
                (None, None, "no_input"),
                (Some("1"), Some("Agendar una cita"), "drop_off"),
            ]
        );
        assert!(told.highest.iter().all(|one| one.point_name.as_deref() == Some("Principal")));
        assert_eq!((told.options_compared, told.more), (2, 0));
    }

    #[test]
    fn the_rest_is_counted_and_one_alone_is_no_rest() {
        for (number, listed, more) in
            [(0, 0, 0), (MOST + 1, MOST + 1, 0), (MOST + 2, MOST, 2), (50, MOST, 50 - MOST)]
        {
            let options = (0..number)
                .map(|at| option(&format!("{at:02}"), 4, &[(Anomaly::Surge, 1.5)]))
                .collect();
            let told = deviations(&Scores { options, ..Scores::default() }, &Names::default());
            assert_eq!((told.highest.len(), told.more), (listed, more), "{number}");
            assert!(told.highest.first().is_none_or(|one| one.option.as_deref() == Some("00")));
        }
    }
}
