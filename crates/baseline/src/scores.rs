//! The results of the detector: scores of each option and routing point now.
//!
//! Owns the types of the result. A score is 0 where hits are as expected and 1 at the limit of the
//! shipped alert, and grows with the log-likelihood. An unknown score is `None`, never 0.

use super::hang_ups::HangUpScore;
use model::{MenuLabels, PointLabels};

/// An anomaly of an option; the value of the label `anomaly`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Anomaly {
    /// Fewer hits than expected. The figures are hits.
    DropOff,
    /// More hits than expected. The figures are hits. 0 beside a drop-off in the same routing
    /// point.
    Surge,
    /// A larger share of hits that end their journey. The figures are journeys that ended. 0 beside
    /// a drop-off, unless all followers of the option fell. Unknown for options that are meant to
    /// end journeys.
    Abandonment,
    /// A larger share of hits with more than one attempt. The figures are such hits.
    Retries,
    /// A larger share of hits of people who had been here before. The figures are such hits.
    Loops,
    /// A longer time to the option. The figures are the seconds within which nine of ten reach it.
    TimeToOption,
    /// A larger share of calls that the caller ended here. The figures are such calls. Known only
    /// where the outcomes of calls are read.
    HangUp,
}

impl Anomaly {
    /// All anomalies, each at its place in [`OptionScores::scores`].
    pub const ALL: [Self; 7] = [
        Self::DropOff,
        Self::Surge,
        Self::Abandonment,
        Self::Retries,
        Self::Loops,
        Self::TimeToOption,
        Self::HangUp,
    ];

    /// Returns the value of the label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DropOff => "drop_off",
            Self::Surge => "surge",
            Self::Abandonment => "abandonment",
            Self::Retries => "retries",
            Self::Loops => "loops",
            Self::TimeToOption => "time_to_option",
            Self::HangUp => "hang_up",
        }
    }
}

/// An anomaly of a routing point as a whole; the value of the label `anomaly`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PointAnomaly {
    /// A fall of all its options. The figures are hits.
    Collapse,
    /// More entries of nothing. The figures are hits of the options that stand for them. 0 beside a
    /// drop-off or a collapse.
    NoInput,
}

impl PointAnomaly {
    /// All anomalies, each at its place in [`PointScores::scores`].
    pub const ALL: [Self; 2] = [Self::Collapse, Self::NoInput];

    /// Returns the value of the label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Collapse => "collapse",
            Self::NoInput => "no_input",
        }
    }
}

/// The deviation from the usual, in the window in which it is largest. The figures of a score above
/// 1 are those of the shortest window with such a score.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Score {
    /// The score: 0 as expected, 1 at the limit of the alert.
    pub score: f64,
    /// The figure observed in the window; for its unit see the anomaly.
    pub observed: f64,
    /// The figure expected in the window, at today's level.
    pub expected: f64,
    /// Length of the window in seconds; 0 if nothing was compared.
    pub window: u32,
}

impl Score {
    /// Returns the length of the window in slots.
    pub(super) fn slots(&self) -> usize {
        (i64::from(self.window) / super::SLOT) as usize
    }
}

/// The scores of one option.
#[derive(Debug, Clone, PartialEq)]
pub struct OptionScores {
    /// The option's labels.
    pub labels: MenuLabels,
    /// By [`Anomaly`], in the order of [`Anomaly::ALL`]; `None` where too little is known.
    pub scores: [Option<Score>; Anomaly::ALL.len()],
    /// Hits expected in the last closed window, at today's level; `None` while unknown.
    pub expected_hits: Option<f64>,
    /// Number of earlier weeks behind the expectation; 0 while unknown.
    pub weeks: u8,
}

impl OptionScores {
    /// Creates the scores of an option without known ones.
    fn unknown(labels: MenuLabels) -> Self {
        Self { labels, scores: [None; Anomaly::ALL.len()], expected_hits: None, weeks: 0 }
    }

    /// Returns the score of an anomaly.
    pub fn of(&self, anomaly: Anomaly) -> Option<Score> {
        self.scores[anomaly as usize]
    }
}

/// The scores of one routing point and channel.
#[derive(Debug, Clone, PartialEq)]
pub struct PointScores {
    /// The routing point's labels.
    pub labels: PointLabels,
    /// By [`PointAnomaly`], in the order of [`PointAnomaly::ALL`]; `None` where too little is
    /// known.
    pub scores: [Option<Score>; PointAnomaly::ALL.len()],
}

impl PointScores {
    /// Returns the score of an anomaly.
    pub fn of(&self, anomaly: PointAnomaly) -> Option<Score> {
        self.scores[anomaly as usize]
    }
}

/// The scores of one moment. Both lists are in the order of their labels.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Scores {
    /// Every option with any history.
    pub options: Vec<OptionScores>,
    /// Every routing point with such an option.
    pub points: Vec<PointScores>,
    /// Seconds by which the rows of the report are later than usual; 0 if they are not.
    pub report_lag: u32,
}

impl Scores {
    /// Adds the scores of hang-ups. They replace the option's abandonment, which is a weaker
    /// estimate of the same. They are 0 at a collapsed routing point, because its collapse is
    /// reported instead.
    pub fn add_hang_ups(&mut self, hang_ups: &[HangUpScore]) {
        for HangUpScore { labels, score } in hang_ups {
            let point = self.points.binary_search_by(|point| point.labels.cmp(&labels.point));
            let collapse = point.ok().and_then(|at| self.points[at].of(PointAnomaly::Collapse));
            let is_collapsed = collapse.is_some_and(|collapse| collapse.score > 1.0);
            let at = match self.options.binary_search_by(|option| option.labels.cmp(labels)) {
                Ok(at) => at,
                Err(at) => {
                    self.options.insert(at, OptionScores::unknown(labels.clone()));
                    at
                }
            };
            let scores = &mut self.options[at].scores;
            scores[Anomaly::HangUp as usize] =
                Some(if is_collapsed { Score::default() } else { *score });
            scores[Anomaly::Abandonment as usize] = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hang_ups_take_the_place_of_abandonment_and_a_collapse_speaks_for_them() {
        let high = Score { score: 2.0, ..Score::default() };
        let of = |rp_id, option| MenuLabels::new(rp_id, "voice", option);
        let of_option = |rp_id, option| OptionScores {
            scores: [Some(high); Anomaly::ALL.len()],
            ..OptionScores::unknown(of(rp_id, option))
        };
        let of_point = |rp_id, collapse| PointScores {
            labels: PointLabels::new(rp_id, "voice"),
            scores: [Some(Score { score: collapse, ..high }), None],
        };
        let mut scores = Scores {
            options: vec![of_option("10", "1"), of_option("10", "3"), of_option("20", "1")],
            points: vec![of_point("10", 0.2), of_point("20", 1.2)],
            report_lag: 0,
        };
        let hang_up = |rp_id, option| HangUpScore { labels: of(rp_id, option), score: high };
        scores.add_hang_ups(&[hang_up("10", "1"), hang_up("10", "2"), hang_up("20", "1")]);
        let found: Vec<_> = scores
            .options
            .iter()
            .map(|one| (&*one.labels.option, one.of(Anomaly::HangUp), one.of(Anomaly::Abandonment)))
            .collect();
        let none = Some(Score::default());
        assert_eq!(
            found,
            [
                ("1", Some(high), None),
                ("2", Some(high), None),
                ("3", Some(high), Some(high)),
                ("1", none, None)
            ]
        );
    }
}
