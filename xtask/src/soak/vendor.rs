//! Simulated vendors and their faults: one for each way of treating a window of too many rows, one
//! that ignores the requested times, and one that spells the same rows in different ways.

use std::{fs, io, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use anyhow::Context;
use jiff::{SignedDuration, Timestamp};
use simulator_testing::{Burst, Fault, FaultRule, Options, OverLimit, Simulator, Truth};
use tokio::net::TcpListener;

use super::{chance::Chance, verdict::Held};

/// Most rows in one answer: a round number, by which silently cut answers are recognised.
const ROWS_LIMIT: u64 = 1000;
/// Approximate rows a second of ordinary traffic.
const ROWS_PER_SECOND: f64 = 8.0;
/// The same for vendors that fail at wide windows: few, which leaves processor time for the rest.
const FAILING_LIMIT: u64 = 90;
const FEW_ROWS_PER_SECOND: f64 = 0.5;
/// Time from the first row to the second that nobody can ever read.
const UNANSWERABLE_AFTER: SignedDuration = SignedDuration::from_mins(2);
/// Longest lateness of a row.
pub const LATEST: Duration = Duration::from_secs(40);
/// Longest answer, so that a hanging one does not take the exporter's 65 s.
const TIME_LIMIT: Duration = Duration::from_secs(4);

/// A wait in seconds that no target completes, because a reload makes it ask at once.
const A_DAY: u64 = 86_400;

/// One target of the exporter.
pub struct Vendor {
    /// The `server` label.
    pub name: String,
    pub simulator: Arc<Simulator>,
    pub address: SocketAddr,
    pub token_file: PathBuf,
    token: String,
    chance: Chance,
    /// Gives the same rows different `conn_id`s in turn. Interactions have no truth then; rows do.
    respells: bool,
    /// Seconds that always fail, and are not in the truth.
    never_answered: u64,
}

/// A vendor that is not served yet.
pub struct Plan {
    name: String,
    chance: Chance,
    options: Options,
    respells: bool,
}

impl Plan {
    /// Makes a vendor; `options` may draw from `chance`.
    pub fn new(
        name: String,
        mut chance: Chance,
        options: impl FnOnce(&mut Chance) -> Options,
    ) -> Self {
        Self { options: options(&mut chance), name, chance, respells: false }
    }
}

/// Makes three busy vendors that cut or refuse a window of too many rows; one for each way of
/// failing at it silently, with a second that always fails; one that looks only at the days; and
/// one that respells its rows.
pub fn start(
    seed: u64,
    origin: Timestamp,
    fire: Duration,
    directory: &std::path::Path,
) -> anyhow::Result<Vec<Vendor>> {
    let ways = [
        ("cuts", OverLimit::CutSilently),
        ("cuts-and-says-so", OverLimit::CutAndPromise),
        ("refuses", OverLimit::Refuse),
    ];
    let failures = [
        ("gateway-timeout", OverLimit::GatewayTimeout),
        ("server-error", OverLimit::ServerError),
        ("empty-body", OverLimit::EmptyBody),
        ("php-fatal", OverLimit::PhpFatal),
        ("cut-body", OverLimit::CutBody),
        ("not-json", OverLimit::NotJson),
        ("hang", OverLimit::Hang),
    ];
    let plan = |name: &str, with: &dyn Fn(Options) -> Options| {
        let with = |chance: &mut Chance| with(options(chance, name, origin, fire));
        Plan::new(name.to_owned(), Chance::new(seed, name), with)
    };
    let busy = ways.map(|(name, over_limit)| plan(name, &|usual| over_limit.of(usual)));
    let failing = failures.map(|(name, over_limit)| {
        plan(name, &|usual| Options {
            unanswerable: Some(origin + UNANSWERABLE_AFTER),
            rows_limit: FAILING_LIMIT,
            scale: FEW_ROWS_PER_SECOND,
            bursts: Vec::new(),
            ..over_limit.of(usual)
        })
    });
    let whole_days = plan("whole-days", &|usual| Options {
        whole_days: true,
        rows_limit: Options::default().rows_limit,
        scale: FEW_ROWS_PER_SECOND,
        bursts: Vec::new(),
        ..usual
    });
    let respells = plan("respells", &|usual| Options { scale: FEW_ROWS_PER_SECOND, ..usual });
    let respells = Plan { respells: true, ..respells };
    serve(busy.into_iter().chain(failing).chain([whole_days, respells]), directory)
}

/// Options of a busy vendor.
pub fn options(chance: &mut Chance, name: &str, origin: Timestamp, fire: Duration) -> Options {
    Options {
        seed: chance.whole(0, u64::MAX),
        token: format!("token-of-{name}"),
        rows_limit: ROWS_LIMIT,
        time_limit: TIME_LIMIT,
        scale: ROWS_PER_SECOND,
        least_load: 1.0,
        late_share: 0.1,
        late_by: Duration::from_secs(10)..=LATEST,
        from: Some(origin),
        bursts: bursts(chance, origin, fire),
        ..Options::default()
    }
}

/// Serves all vendors on another thread, so that their work does not delay a scrape.
pub fn serve(
    plans: impl Iterator<Item = Plan>,
    directory: &std::path::Path,
) -> anyhow::Result<Vec<Vendor>> {
    let mut vendors = Vec::new();
    let mut listeners = Vec::new();
    for Plan { name, chance, options, respells } in plans {
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let vendor = Vendor {
            address: listener.local_addr()?,
            token_file: directory.join(format!("{name}.token")),
            name,
            token: options.token.clone(),
            never_answered: options.unanswerable.is_some().into(),
            simulator: Simulator::new(options),
            chance,
            respells,
        };
        vendor.renew_token().context("cannot write a token file")?;
        listeners.push((listener, Arc::clone(&vendor.simulator)));
        vendors.push(vendor);
    }
    std::thread::spawn(move || serve_all(listeners));
    Ok(vendors)
}

/// Serves until the process ends.
fn serve_all(listeners: Vec<(std::net::TcpListener, Arc<Simulator>)>) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut servers = tokio::task::JoinSet::new();
        for (listener, simulator) in listeners {
            servers.spawn(simulator_testing::serve(
                TcpListener::from_std(listener)?,
                simulator,
                std::future::pending(),
            ));
        }
        while servers.join_next().await.is_some() {}
        Ok(())
    })
}

/// Makes a burst of several answers' rows, but never more in a second than fit into one answer.
fn bursts(chance: &mut Chance, origin: Timestamp, fire: Duration) -> Vec<Burst> {
    let end = Timestamp::now() + fire;
    let mut bursts = Vec::new();
    let mut at = origin;
    while at < end {
        let seconds = chance.whole(10, 40);
        bursts.push(Burst { at, seconds: seconds as u32, rows: seconds * chance.whole(50, 150) });
        at += SignedDuration::from_secs(chance.whole(30, 90).cast_signed());
    }
    bursts
}

impl Vendor {
    /// Rotates the token file (same token), so that a refused target asks again at once.
    pub fn renew_token(&self) -> io::Result<()> {
        let fresh = self.token_file.with_extension("new");
        fs::write(&fresh, &self.token)?;
        private(&fresh)?;
        fs::rename(fresh, &self.token_file)
    }

    /// Changes the faults, or ends them.
    pub fn change_weather(&mut self, trap: SocketAddr) -> anyhow::Result<()> {
        self.simulator.clear_faults();
        if self.chance.happens(0.3) {
            return Ok(());
        }
        if self.respells {
            let probability = Some(self.chance.between(0.2, 1.0));
            let rule = FaultRule::always(Fault::Respelled);
            self.simulator.add_fault(FaultRule { probability, ..rule })?;
        }
        for _ in 0..self.chance.whole(1, 4) {
            let fault = self.chance.one(&faults(trap)).clone();
            let probability = Some(self.chance.between(0.05, 0.4));
            self.simulator.add_fault(FaultRule { probability, ..FaultRule::always(fault) })?;
        }
        if self.chance.happens(0.2) {
            self.renew_token()?;
        }
        Ok(())
    }

    /// Returns the standard to which its target is held, when `incomplete` seconds are reported as
    /// missing.
    pub fn held(&self, incomplete: u64) -> Held {
        match incomplete.saturating_sub(self.never_answered) {
            _ if self.respells => Held::ToHits,
            0 => Held::Exactly,
            seconds => Held::ButFor { seconds },
        }
    }

    /// Returns the truth about all rows since the origin.
    pub fn truth(&self, origin: Timestamp, end: Timestamp) -> Truth {
        self.simulator.truth(origin, end, None)
    }
}

/// Returns all faults except a spent quota, after which the exporter rightly waits for the next
/// day, and an endless body, which would keep a processor busy.
fn faults(trap: SocketAddr) -> Vec<Fault> {
    vec![
        Fault::Http500,
        Fault::Http503,
        Fault::Http504,
        Fault::ForeignNotFound,
        Fault::NoReport,
        Fault::EmptyBody,
        Fault::PhpFatal,
        Fault::RowsRejected,
        Fault::Maintenance,
        Fault::Concurrency,
        Fault::TokenMissing,
        Fault::TokenInvalid,
        Fault::BadRequest,
        Fault::UnknownApi,
        Fault::Throttled { retry_after: None },
        Fault::Throttled { retry_after: Some(1) },
        Fault::Throttled { retry_after: Some(A_DAY) },
        Fault::Throttled { retry_after: Some(u64::MAX) },
        Fault::Busy { retry_after: 0 },
        Fault::Busy { retry_after: A_DAY },
        Fault::Redirect { to: format!("http://{trap}/") },
        Fault::EmptyNotJson,
        Fault::EmptyOk,
        Fault::NotJson,
        Fault::PhpWarning,
        Fault::ByteOrderMark,
        Fault::ErrorInOk,
        Fault::IntCode,
        Fault::ZeroCode,
        Fault::ZeroCodeText,
        Fault::ErrorTextNull,
        Fault::ErrorEmpty,
        Fault::DataNull,
        Fault::DataMissing,
        Fault::DataObject,
        Fault::WrongSchema,
        Fault::TotalRow,
        Fault::RowNotObject,
        Fault::RowBadDate,
        Fault::Truncated,
        Fault::CutJson,
        Fault::Reset,
        Fault::HalfGzip,
        Fault::Hang,
        Fault::Silence { seconds: TIME_LIMIT.as_secs() },
        Fault::Drip,
        Fault::Slow { seconds: 1 },
        Fault::Slow { seconds: 3 },
    ]
}

/// Writes a token file with mode 0600, or the exporter would warn.
fn private(file: &std::path::Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(file, fs::Permissions::from_mode(0o600))?;
    }
    #[cfg(not(unix))]
    let _ = file;
    Ok(())
}
