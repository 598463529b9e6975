//! A simulated Wolkvox for tests and the soak: faults, switches over HTTP, and the numbers that a
//! reader must find.
//!
//! Wraps the simulator that ships. No program that ships contains it.

mod answer_fault;
mod call_ends;
mod control;
mod faults;
mod journeys;
mod over_limit;
mod truth;

use std::{
    io,
    ops::Deref,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use hyper::{Request, StatusCode, body::Incoming};
use jiff::Timestamp;
use simulator::tamper::{AnswerFault, OtherAnswer, Tamper, page};
use tokio::net::TcpListener;

pub use call_ends::CallEnds;
pub use faults::{BadFault, Fault, FaultRule};
pub use journeys::{Journeys, OptionJourneys, PointJourneys, TransitionTruth};
pub use over_limit::OverLimit;
pub use simulator::{
    Burst, CUSTOMER_PREFIX, Clock, OptionIncident, Options, Requests, SimulateArgs,
    SimulatedReport, TELEPHONE_PREFIX, TrafficEnded, run,
};
pub use truth::{OptionTruth, PointTruth, Truth};

use faults::Faults;

/// A simulated Wolkvox server with faults that can be switched on, without its socket; [`serve`]
/// gives it one.
#[derive(Clone, Debug)]
pub struct Simulator {
    server: Arc<simulator::SimulatedServer>,
    switches: Arc<Switches>,
}

/// The faults in force.
#[derive(Debug)]
struct Switches(Mutex<Faults>);

impl Tamper for Switches {
    fn next(&self, api: Option<&str>) -> Option<Arc<dyn AnswerFault>> {
        self.faults().strike(api).map(|fault| Arc::new(fault) as _)
    }

    fn other(
        self: Arc<Self>,
        server: Arc<simulator::SimulatedServer>,
        request: Request<Incoming>,
    ) -> OtherAnswer {
        Box::pin(async move {
            if !request.uri().path().starts_with(control::PREFIX) {
                return page(StatusCode::NOT_FOUND);
            }
            control::answer(Simulator { server, switches: self }, request).await
        })
    }
}

impl Switches {
    /// Locks the faults, poisoned or not: they are consistent after every statement.
    fn faults(&self) -> MutexGuard<'_, Faults> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Deref for Simulator {
    type Target = simulator::SimulatedServer;

    fn deref(&self) -> &Self::Target {
        &self.server
    }
}

impl Simulator {
    /// Makes a simulator that behaves by these options.
    pub fn new(options: Options) -> Arc<Self> {
        let switches = Arc::new(Switches(Mutex::new(Faults::new(options.seed))));
        Arc::new(Self {
            server: simulator::SimulatedServer::tampered(options, switches.clone()),
            switches,
        })
    }

    /// Returns the truth of the rows dated in `from..until`: of all, or of those that are visible
    /// at a moment.
    pub fn truth(&self, from: Timestamp, until: Timestamp, visible_at: Option<Timestamp>) -> Truth {
        let shown = visible_at.map_or(i64::MAX, Timestamp::as_second);
        Truth::of(self.rows(from, until).filter(|row| row.visible <= shown))
    }

    /// Returns the truth of the journeys of all rows dated in `from..until`. A journey is over
    /// after `idle` without a row.
    pub fn journeys(&self, from: Timestamp, until: Timestamp, idle: Duration) -> Journeys {
        let idle = i64::try_from(idle.as_secs()).unwrap_or(i64::MAX);
        Journeys::of(self.rows(from, until), idle)
    }

    /// Returns the outcomes of the calls whose rows of diagram_1 are dated in `from..until`.
    pub fn call_end_truth(&self, from: Timestamp, until: Timestamp) -> CallEnds {
        CallEnds::of(self.call_ends(from, until))
    }

    /// Switches a fault on, after those already in force.
    pub fn add_fault(&self, rule: FaultRule) -> Result<(), BadFault> {
        self.switches.faults().add(rule)
    }

    /// Switches all faults off.
    pub fn clear_faults(&self) {
        self.switches.faults().clear();
    }
}

/// Serves the simulator until `shutdown`, then drops all connections, even in the middle of an
/// answer.
///
/// # Errors
/// Only if the listener can accept no more connections.
pub async fn serve(
    listener: TcpListener,
    simulator: Arc<Simulator>,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    simulator::serve(listener, simulator.server.clone(), shutdown).await
}
