//! The outcomes of calls that a reader of diagram_1 must find, by option.
//!
//! Counted straight from the traffic, like [`Truth`](super::Truth).

use std::collections::BTreeMap;

use simulator::tamper::Row;
use simulator::{HUNG_UP, REACHED};

/// The truth about the calls of a span of time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallEnds {
    /// Calls by routing point, option as in the rows, and outcome as the exporter labels it.
    pub calls: BTreeMap<(String, String, &'static str), u64>,
    /// Calls whose caller hung up, and the sum of their seconds, by routing point.
    pub hang_ups: BTreeMap<String, (u64, u64)>,
}

impl CallEnds {
    pub(super) fn of(rows: impl Iterator<Item = Row>) -> Self {
        let mut truth = Self::default();
        for row in rows {
            let rp_id = row.interaction.point.id.to_owned();
            let outcome = match row.result {
                Some(REACHED) => "reached_queue",
                Some(HUNG_UP) => "hung_up",
                _ => "other",
            };
            if outcome == "hung_up" {
                let (calls, seconds) = truth.hang_ups.entry(rp_id.clone()).or_default();
                *calls += 1;
                *seconds += u64::from(row.second);
            }
            *truth.calls.entry((rp_id, row.code().into_owned(), outcome)).or_default() += 1;
        }
        truth
    }
}
