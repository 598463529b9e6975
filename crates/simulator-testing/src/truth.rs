//! The numbers that a reader of the API must find: the rows, counted without windows, polls, limits
//! or faults.
//!
//! Counted straight from the traffic. It must never go through the wire format, whose mistakes it
//! could otherwise repeat.

use serde::{Deserialize, Serialize};
use simulator::tamper::Row;
use std::collections::BTreeMap;

/// The truth about a span of time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Truth {
    /// All rows.
    pub rows: u64,
    /// Per option, sorted by its labels.
    pub options: Vec<OptionTruth>,
    /// Per routing point and channel, sorted by its labels.
    pub points: Vec<PointTruth>,
}

/// The truth about one option of a menu.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OptionTruth {
    /// As in the rows.
    pub rp_id: String,
    /// As in the rows.
    pub channel: String,
    /// As in the rows, in the same case.
    pub cod_opc_menu: String,
    /// Rows.
    pub hits: u64,
    /// Sum of `attempt`.
    pub attempts: u64,
    /// Rows whose `attempt` is above 1.
    pub retries: u64,
    /// Sum of `second_event`.
    pub seconds_sum: u64,
    /// Rows that carry a `second_event`: all of them.
    pub seconds_count: u64,
    /// Number of rows by `second_event`.
    pub seconds: BTreeMap<u32, u64>,
}

/// The truth about one routing point and channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PointTruth {
    /// As in the rows.
    pub rp_id: String,
    /// As in the rows.
    pub channel: String,
    /// Distinct `conn_id`.
    pub interactions: u64,
}

impl Truth {
    /// Counts rows. Those of one interaction must be adjacent, as in the traffic.
    pub(super) fn of(rows: impl Iterator<Item = Row>) -> Self {
        let mut options = BTreeMap::new();
        let mut points = BTreeMap::new();
        let mut total = 0;
        let mut before: Option<Row> = None;
        for row in rows {
            let point = row.interaction.point;
            total += 1;
            let option =
                options.entry((point.id, point.channel, row.code())).or_insert_with(|| {
                    OptionTruth {
                        rp_id: point.id.to_owned(),
                        channel: point.channel.to_owned(),
                        cod_opc_menu: row.code().into_owned(),
                        ..OptionTruth::default()
                    }
                });
            option.hits += 1;
            option.attempts += u64::from(row.attempt);
            option.retries += u64::from(row.attempt > 1);
            option.seconds_sum += u64::from(row.second);
            option.seconds_count += 1;
            *option.seconds.entry(row.second).or_default() += 1;
            if before.is_none_or(|before| !before.interaction.is(&row.interaction)) {
                *points.entry((point.id, point.channel)).or_insert(0) += 1;
            }
            before = Some(row);
        }
        Self {
            rows: total,
            options: options.into_values().collect(),
            points: points
                .into_iter()
                .map(|((rp_id, channel), interactions)| PointTruth {
                    rp_id: rp_id.to_owned(),
                    channel: channel.to_owned(),
                    interactions,
                })
                .collect(),
        }
    }
}
