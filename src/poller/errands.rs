//! The steps of the errands that have no file of their own: requesting the quota and names, and
//! re-reading for late rows.
//!
//! Each step returns the pause until its next one. Its failure affects only what it requested.

use std::{collections::BTreeMap, time::Duration};

use tracing::{debug, info, warn};

use super::{
    Source,
    agenda::HOURLY,
    judge::Reading,
    polled_target::{PolledTarget, Step},
    reader::Reader,
};
use crate::{
    model::NameKind,
    schedule::quota::{self, Purpose},
    wolkvox::ApiError,
};

/// Requests the limit of requests per day from the vendor.
pub(super) async fn ask_quota<S: Source>(
    target: &mut PolledTarget<S>,
) -> Result<Duration, ApiError> {
    match target.send(Purpose::CatchUp, Reader::token_info, |_| None).await {
        Ok(info) => {
            target.reader.learn_quota(info, &mut target.menus.state).await;
            Ok(HOURLY)
        }
        Err(error) => {
            debug!(server = target.config.target.name, "the quota stays unknown: {error}");
            Err(error)
        }
    }
}

/// Requests the names of one kind.
pub(super) async fn ask_names<S: Source>(
    target: &mut PolledTarget<S>,
    kind: NameKind,
) -> Result<Duration, ApiError> {
    let today = quota::day(target.now(), &target.config.target.timezone);
    match target.send(Purpose::Background, |reader| reader.names(kind), |_| None).await {
        Ok(names) => {
            target.exposure.names.answered(kind, today);
            take_names(target, kind, names).await;
            Ok(Duration::ZERO)
        }
        Err(error @ (ApiError::QuotaReserved | ApiError::QuotaExhausted)) => Err(error),
        Err(error) => {
            info!(
                server = target.config.target.name,
                class = error.class().as_str(),
                "no names of {} came, trying again later: {error}",
                kind.as_str()
            );
            Err(error)
        }
    }
}

async fn take_names<S: Source>(
    target: &mut PolledTarget<S>,
    kind: NameKind,
    names: BTreeMap<String, String>,
) {
    let config = &target.config;
    let server = &config.target.name;
    debug!(server, names = names.len(), "names of {} came", kind.as_str());
    if !target.exposure.names.learn(kind, names, &config.target.names, &config.rules) {
        return;
    }
    let list = target.exposure.names.vendor(kind).clone();
    let stored =
        target.menus.state.with_store(move |store, id| store.keep_names(id, kind, &list)).await;
    if let Err(error) = stored {
        // The names are in memory, and are requested again tomorrow.
        info!(server, "names could not be stored: {error}");
    }
}

/// Does one step of a re-reading.
pub(super) async fn read_again<S: Source>(
    target: &mut PolledTarget<S>,
) -> Result<Duration, ApiError> {
    let Some(reread) = target.menus.next_reread(target.now()) else { return Ok(Duration::ZERO) };
    let tier = reread.tier;
    if reread.skipped > 0 {
        warn!(
            server = target.config.target.name,
            tier = tier.as_str(),
            seconds = reread.skipped,
            "reading again took so long that the rows of this time are no longer remembered: late rows in it are not found"
        );
    }
    let mut pass = target.menus.begin_reread(reread);
    let step = target.step(&mut pass).await;
    target.show_rereads();
    match step {
        Ok(Step::Advanced | Step::Narrower) => {
            if pass.is_over() {
                target.menus.judge.end(Reading::Reread);
                target.exposure.telemetry.deep_read(tier);
                debug!(server = target.config.target.name, tier = tier.as_str(), "read again");
            }
            Ok(Duration::ZERO)
        }
        Ok(Step::Stuck(error)) | Err(error) => {
            target.exposure.telemetry.deep_read_failed(tier, error.class());
            warn!(
                server = target.config.target.name,
                class = error.class().as_str(),
                tier = tier.as_str(),
                "reading again for late rows failed, going on later: {error}"
            );
            Err(error)
        }
    }
}
