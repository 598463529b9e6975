//! What is unlike the usual, ranked for a person, and how far the weeks before have been read.
//!
//! Owns which scores are told on the page: those above the limit of the shipped alerts, furthest first. Must not judge
//! anything itself; what is unknown stays unknown.

use std::time::Duration;

use serde::Serialize;

use super::form;
use crate::{
    baseline::{Anomaly, PointAnomaly, Score, Scores},
    model::{MenuLabels, Names, PointLabels},
    wolkvox::ErrorClass,
};

/// So many are told one by one; the others are only counted.
const MOST: usize = 12;
/// The score from which on the shipped alerts tell something.
const LIMIT: f64 = 1.0;

/// What is known of the usual.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct UsualStatus {
    /// How far before the watermark the history reaches.
    pub history: Duration,
    /// How the reading of the weeks before the beginning goes.
    pub warm_up: WarmUpStatus,
    /// What is unlike it; `None` while the last window is not known.
    pub deviations: Option<Deviations>,
}

/// How the reading of the weeks before the beginning goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct WarmUpStatus {
    /// Where it stands.
    #[serde(serialize_with = "form::warm_up_state")]
    pub state: WarmUpState,
    /// How much of it is done with, from 0 to 1.
    #[serde(serialize_with = "form::thousandths")]
    pub progress: f64,
    /// Requests that it has sent.
    pub requests: u32,
    /// The most that it may send.
    pub requests_limit: u32,
    /// What stopped it, until it goes on.
    #[serde(rename = "class", serialize_with = "form::class")]
    pub failure: Option<ErrorClass>,
}

/// Where the reading of the weeks before stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum WarmUpState {
    /// It is switched off.
    #[default]
    Off,
    /// There is more to be read.
    Reading,
    /// All is read, or passed over.
    Ended,
    /// There is more to be read, and no request left for it.
    RequestsSpent,
}

impl WarmUpState {
    /// As in `/status.json`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Reading => "reading",
            Self::Ended => "ended",
            Self::RequestsSpent => "requests_spent",
        }
    }
}

/// All that is unlike the usual.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Deviations {
    /// Options of which something is known to compare with.
    pub options_compared: usize,
    /// Furthest first.
    pub furthest: Vec<Deviation>,
    /// How many are not among `furthest`.
    pub more: usize,
}

/// One option, or one routing point as a whole, that is unlike the usual in one way.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Deviation {
    /// Which routing point.
    #[serde(flatten, serialize_with = "form::point")]
    pub point: PointLabels,
    /// What it is called, if anybody said.
    #[serde(rename = "routing_point_name")]
    pub point_name: Option<String>,
    /// Which of its options; `None` for the routing point as a whole.
    #[serde(rename = "cod_opc_menu")]
    pub option: Option<String>,
    /// What the option is called, if anybody said.
    pub option_name: Option<String>,
    /// In which way.
    #[serde(serialize_with = "form::anomaly")]
    pub anomaly: Told,
    /// How far, and what was compared.
    #[serde(flatten, serialize_with = "form::score")]
    pub score: Score,
}

/// The anomaly of an option or of a routing point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// Of an option.
    Option(Anomaly),
    /// Of a routing point.
    Point(PointAnomaly),
}

impl Told {
    /// As the label `anomaly`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Option(anomaly) => anomaly.as_str(),
            Self::Point(anomaly) => anomaly.as_str(),
        }
    }
}

/// What the scores say that an alert would tell.
pub fn deviations(scores: &Scores, names: &Names) -> Deviations {
    let told = |score: Option<Score>| score.filter(|score| score.score > LIMIT);
    let mut furthest = Vec::new();
    for option in &scores.options {
        for anomaly in Anomaly::ALL {
            if let Some(score) = told(option.of(anomaly)) {
                let MenuLabels { point, option: code } = &option.labels;
                furthest.push(Deviation {
                    option: Some(code.to_string()),
                    option_name: names.option_at(&point.rp_id, code).map(str::to_owned),
                    ..of_point(point, names, Told::Option(anomaly), score)
                });
            }
        }
    }
    for point in &scores.points {
        for anomaly in PointAnomaly::ALL {
            if let Some(score) = told(point.of(anomaly)) {
                furthest.push(of_point(&point.labels, names, Told::Point(anomaly), score));
            }
        }
    }
    // Stable, so that of equals the first by name comes first.
    furthest.sort_by(|a, b| b.score.score.total_cmp(&a.score.score));
    // One alone is no rest.
    let kept = if furthest.len() <= MOST + 1 { furthest.len() } else { MOST };
    let more = furthest.len() - kept;
    furthest.truncate(kept);
    let options_compared = scores.options.iter().filter(|option| option.weeks > 0).count();
    Deviations { options_compared, furthest, more }
}

fn of_point(point: &PointLabels, names: &Names, anomaly: Told, score: Score) -> Deviation {
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
            names.options_at.entry(rp_id.to_owned()).or_default().insert("1".to_owned(), name.to_owned());
        }
        names.routing_points.insert("10".to_owned(), "Principal".to_owned());
        let told = deviations(&scores, &names);
        let list: Vec<_> = told
            .furthest
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
        assert!(told.furthest.iter().all(|one| one.point_name.as_deref() == Some("Principal")));
        assert_eq!((told.options_compared, told.more), (2, 0));
    }

    #[test]
    fn the_rest_is_counted_and_one_alone_is_no_rest() {
        for (number, listed, more) in
            [(0, 0, 0), (MOST + 1, MOST + 1, 0), (MOST + 2, MOST, 2), (50, MOST, 50 - MOST)]
        {
            let options =
                (0..number).map(|at| option(&format!("{at:02}"), 4, &[(Anomaly::Surge, 1.5)])).collect();
            let told = deviations(&Scores { options, ..Scores::default() }, &Names::default());
            assert_eq!((told.furthest.len(), told.more), (listed, more), "{number}");
            assert!(told.furthest.first().is_none_or(|one| one.option.as_deref() == Some("00")));
        }
    }
}
