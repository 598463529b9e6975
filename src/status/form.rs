//! Forms of the values in `/status.json`: units, rounding and words.
//!
//! Owns the precision of numbers. The fields of the model name these functions.

use std::time::Duration;

use jiff::{Timestamp, civil::DateTime};
use serde::{Serialize, Serializer, ser::SerializeMap as _};

use super::{DeviationKind, WarmUpState};
use crate::{
    baseline::Score,
    model::{LocalSecond, OptionKind, PointLabels},
    schedule::Tier,
    wolkvox::ErrorClass,
};

/// Cuts a moment to the second, because a fraction would pretend to be exact.
pub(super) fn whole(moment: Timestamp) -> Timestamp {
    Timestamp::from_second(moment.as_second()).unwrap_or(moment)
}

/// Returns the civil time that a wall clock shows at one of its seconds.
pub(crate) fn civil(second: LocalSecond) -> DateTime {
    second.civil().unwrap_or(DateTime::MIN)
}

pub(super) fn local<S: Serializer>(second: &LocalSecond, to: S) -> Result<S::Ok, S::Error> {
    civil(*second).serialize(to)
}

pub(super) fn local_if_known<S: Serializer>(
    second: &Option<LocalSecond>,
    to: S,
) -> Result<S::Ok, S::Error> {
    second.map(civil).serialize(to)
}

pub(super) fn seconds<S: Serializer>(duration: &Duration, to: S) -> Result<S::Ok, S::Error> {
    duration.as_secs().serialize(to)
}

/// Rounds down, so that only a finished reading shows 1.
pub(super) fn thousandths<S: Serializer>(number: &f64, to: S) -> Result<S::Ok, S::Error> {
    ((number * 1e3).floor() / 1e3).serialize(to)
}

pub(super) fn class<S: Serializer>(class: &Option<ErrorClass>, to: S) -> Result<S::Ok, S::Error> {
    class.map(ErrorClass::as_str).serialize(to)
}

pub(super) fn tier<S: Serializer>(tier: &Tier, to: S) -> Result<S::Ok, S::Error> {
    tier.as_str().serialize(to)
}

pub(super) fn kind<S: Serializer>(kind: &OptionKind, to: S) -> Result<S::Ok, S::Error> {
    kind.as_str().serialize(to)
}

pub(super) fn warm_up_state<S: Serializer>(state: &WarmUpState, to: S) -> Result<S::Ok, S::Error> {
    state.as_str().serialize(to)
}

pub(super) fn anomaly<S: Serializer>(anomaly: &DeviationKind, to: S) -> Result<S::Ok, S::Error> {
    anomaly.as_str().serialize(to)
}

/// Writes the labels among the other fields.
pub(super) fn point<S: Serializer>(labels: &PointLabels, to: S) -> Result<S::Ok, S::Error> {
    let mut map = to.serialize_map(Some(2))?;
    map.serialize_entry("rp_id", &*labels.rp_id)?;
    map.serialize_entry("channel", &*labels.channel)?;
    map.end()
}

/// Writes the numbers among the other fields, to the hundredth.
pub(super) fn score<S: Serializer>(score: &Score, to: S) -> Result<S::Ok, S::Error> {
    let mut map = to.serialize_map(Some(4))?;
    map.serialize_entry("score", &hundredths(score.score))?;
    map.serialize_entry("observed", &hundredths(score.observed))?;
    map.serialize_entry("expected", &hundredths(score.expected))?;
    map.serialize_entry("window_seconds", &score.window)?;
    map.end()
}

fn hundredths(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}
