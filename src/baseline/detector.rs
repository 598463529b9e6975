//! The detector: scores of every option and routing point at one moment, from the history alone.
//!
//! Owns what it has learnt from the history, which it derives anew when the history it is given has changed. Two detectors
//! that are given the same history and moment say the same, whatever they were asked before.

use super::{History, Moment, Scores};

/// Judges moments. One for each target; costs some memory beside the history.
#[derive(Debug, Default)]
pub struct Detector {}

impl Detector {
    /// That has learnt nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// How unlike the usual everything is at a moment.
    pub fn scores(&mut self, _history: &History, _now: &Moment<'_>) -> Scores {
        Scores::default()
    }
}
