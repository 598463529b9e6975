//! When the count of a new series may be shown.
//!
//! A scraper that sees a counter for the first time takes its value for the start: whatever was counted before is
//! lost to `increase()`. So a new series is shown at 0 first, for as long as every usual scraper needs to come by.
//! This knows what has been shown since when; that a count was released is the account's to remember.

use std::{collections::HashMap, time::Duration};

use tokio::time::Instant;

use crate::{
    labels::{MenuLabels, PointLabels},
    ledger::Account,
};

/// Since when each new series has been shown as 0, in this process: what decides when its count may appear.
#[derive(Debug)]
pub struct ZeroHold {
    hold: Duration,
    menus: HashMap<MenuLabels, Instant>,
    points: HashMap<PointLabels, Instant>,
}

impl ZeroHold {
    /// `hold` is how long every usual scraper needs to come by.
    pub fn new(hold: Duration) -> Self {
        Self { hold, menus: HashMap::new(), points: HashMap::new() }
    }

    /// To be called after each publication: what was published without its count has been shown as 0.
    pub fn published(&mut self, account: &Account, now: Instant) {
        for (labels, (_, menu)) in &account.menus {
            if menu.released.is_some() {
                self.menus.remove(labels);
            } else if !self.menus.contains_key(labels) {
                self.menus.insert(labels.clone(), now);
            }
        }
        for (labels, point) in &account.points {
            if point.released.is_some() {
                self.points.remove(labels);
            } else if !self.points.contains_key(labels) {
                self.points.insert(labels.clone(), now);
            }
        }
    }

    /// Whether the zero of a menu could have been seen.
    pub fn menu_seen(&self, labels: &MenuLabels, now: Instant) -> bool {
        self.over(self.menus.get(labels), now)
    }

    /// Whether the zero of a point could have been seen.
    pub fn point_seen(&self, labels: &PointLabels, now: Instant) -> bool {
        self.over(self.points.get(labels), now)
    }

    fn over(&self, since: Option<&Instant>, now: Instant) -> bool {
        self.hold.is_zero() || since.is_some_and(|since| *since + self.hold <= now)
    }

    /// When the next count that waits may appear; `None` when none waits.
    pub fn next(&self, account: &Account) -> Option<Instant> {
        let menus = account.menus.iter().filter(|(_, (_, menu))| menu.released.is_none() && menu.hits > 0);
        let points = account.points.iter().filter(|(_, p)| p.released.is_none() && p.interactions > 0);
        let since = menus
            .filter_map(|(labels, _)| self.menus.get(labels))
            .chain(points.filter_map(|(labels, _)| self.points.get(labels)))
            .min();
        since.map(|since| *since + self.hold)
    }
}
