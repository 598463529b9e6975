//! Where counting begins, while nothing has been read: settled only once our clock and the server's agree.
//!
//! A machine may start with a clock that is years behind, and what it takes for now would be years of old rows, or a day
//! in which nothing counts. It must never move an origin from which anything has been counted.

use std::time::Duration;

use jiff::Timestamp;
use tracing::info;

use super::{Poller, Source};
use crate::{store::StoreError, wolkvox::ApiError};

/// Of origins this close the stored one is as good.
const CLOSE: Duration = Duration::from_secs(60);

/// When counting begins, where that depends on our clock.
#[derive(Debug, Clone, Copy)]
pub struct StartAgo {
    /// So long before the moment at which it begins.
    pub ago: Duration,
    /// By so much our clock and the server's may differ.
    pub max_skew: Duration,
}

impl<S: Source> Poller<S> {
    /// What the origin depends on while it may still be another: a clock, and nothing has been read.
    fn undecided(&self) -> Option<StartAgo> {
        let totals = self.books.totals();
        self.settings.start_ago.filter(|_| totals.watermark <= totals.origin && totals.new == 0)
    }

    /// Puts an origin that a wrong clock has made where the clock says now: at the start of a process, after the clocks
    /// disagreed, and when it lies in the future.
    pub(super) async fn settle_origin(&mut self, begins: bool) -> Result<(), StoreError> {
        let Some(start) = self.undecided() else { return Ok(()) };
        let wanted = (self.clock)().saturating_sub(start.ago).unwrap_or(Timestamp::MIN);
        let origin = self.books.totals().origin();
        let far = origin.duration_since(wanted).unsigned_abs() > CLOSE;
        if far && (begins || self.clocks_disagreed || origin > wanted) {
            self.books.begin_at(&self.settings, wanted).await?;
            info!(server = self.settings.name, origin = %self.books.totals().origin(), "counting from here");
        }
        Ok(())
    }

    /// Refuses an answer on which counting would begin by a clock that is wrong. A server that tells no time is believed.
    pub(super) fn check_clocks(&mut self, theirs: Option<Timestamp>) -> Result<(), ApiError> {
        let (Some(start), Some(theirs)) = (self.undecided(), theirs) else { return Ok(()) };
        let ours = (self.clock)();
        self.clocks_disagreed = ours.duration_since(theirs).unsigned_abs() > start.max_skew;
        if self.clocks_disagreed {
            return Err(ApiError::ClocksDisagree { ours, theirs });
        }
        Ok(())
    }
}
