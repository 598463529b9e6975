//! Counts requests, by kind and against the daily limit.
//!
//! Owns numbers only. It must never decide what a spent quota means.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The requests of the report so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requests {
    /// All of them.
    pub total: u64,
    /// By result: `ok`, `empty`, another error of the API, or `fault_` and the name of a fault.
    pub kinds: BTreeMap<String, u64>,
    /// Rows in answers, including answers that broke off on their way.
    pub rows: u64,
    /// Requests with the token on the server's current local day, whatever their result.
    pub used_today: u64,
}

/// Counts requests.
#[derive(Debug, Default)]
pub(super) struct Counter {
    requests: Requests,
    today: Date,
}

impl Counter {
    /// Charges a request on this local day. Returns true if it was still within the limit.
    pub(super) fn charge(&mut self, today: Date, limit: Option<u64>) -> bool {
        if self.today != today {
            self.today = today;
            self.requests.used_today = 0;
        }
        self.requests.used_today += 1;
        limit.is_none_or(|limit| self.requests.used_today <= limit)
    }

    /// Counts a request by its result.
    pub(super) fn count(&mut self, kind: &str) {
        self.requests.total += 1;
        *self.requests.kinds.entry(kind.to_owned()).or_insert(0) += 1;
    }

    /// Counts rows that an answer is about to carry.
    pub(super) fn carry(&mut self, rows: u64) {
        self.requests.rows += rows;
    }

    pub(super) fn snapshot(&self) -> Requests {
        self.requests.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn a_new_day_gives_a_new_quota() {
        let mut counter = Counter::default();
        let day = date(2026, 1, 19);
        let within: Vec<bool> = (0..3).map(|_| counter.charge(day, Some(2))).collect();
        assert_eq!(within, [true, true, false]);
        assert!(counter.charge(date(2026, 1, 20), Some(2)));
        assert_eq!(counter.snapshot().used_today, 1);
        assert!(counter.charge(date(2026, 1, 20), None));
    }
}
