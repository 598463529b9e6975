//! The interface by which tests change answers. The program that ships does not implement it.
//!
//! Owns the two traits, and exports what an implementation needs to make its own answers. It knows
//! no fault by name.

use std::{fmt, pin::Pin, sync::Arc, time::Duration};

use hyper::{Request, Response, body::Incoming};

pub use super::answer::{AnswerForm, Data, End, PHP_WARNING, TOTAL_ROW};
pub use super::body::{AnswerBody, BrokenOff, Ending, Pieces};
pub use super::form::value;
pub use super::interaction::{Interaction, Row};
pub use super::menus::RoutingPoint;
pub use super::random::Random;
pub use super::refusal::Refusal;
pub use super::response::{json, page, with_type};
use super::{SimulatedServer, body::Gzipped};

/// Decides what happens to requests.
pub trait Tamper: fmt::Debug + Send + Sync {
    /// Returns the fault of the next answer of a report, if any. `api` is the report's name in the
    /// request.
    fn next(&self, api: Option<&str>) -> Option<Arc<dyn AnswerFault>>;

    /// Answers a request for a path that Wolkvox does not have.
    fn other(
        self: Arc<Self>,
        simulator: Arc<SimulatedServer>,
        request: Request<Incoming>,
    ) -> OtherAnswer;
}

/// A pending answer.
pub type OtherAnswer = Pin<Box<dyn Future<Output = Response<AnswerBody>> + Send>>;

/// The ways in which an answer differs from a good one. The defaults make a good answer.
pub trait AnswerFault: fmt::Debug + Send + Sync {
    /// Returns the kind under which the request is counted.
    fn name(&self) -> String;

    /// Returns the answer in place of the report.
    fn instead(&self) -> Instead {
        Instead::Nothing
    }

    /// Changes the form of the answer.
    fn form(&self, good: AnswerForm) -> AnswerForm {
        good
    }

    /// Returns the answer to a time range without rows.
    fn without_rows(&self) -> WithoutRows {
        WithoutRows::Report
    }

    /// Returns the time until the answer begins.
    fn delay(&self) -> Duration {
        Duration::ZERO
    }

    /// Returns true if the gzip stream has its end.
    fn ends_gzip(&self) -> bool {
        true
    }

    /// Sends the pieces of the answer.
    fn send(&self, pieces: Pieces) -> AnswerBody {
        AnswerBody::streamed(pieces, Ending::Finish)
    }
}

/// An answer in place of the report.
pub enum Instead {
    /// The report is sent.
    Nothing,
    /// The connection is reset.
    Reset,
    /// The connection is kept for this time without an answer, and then reset.
    Silence(Duration),
    /// Another answer is sent.
    Response(Box<Response<AnswerBody>>),
}

/// The answer to a time range without rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WithoutRows {
    /// The vendor's refusal.
    Usual,
    /// The refusal's status with a page.
    Page,
    /// An answer of the fault's form.
    Report,
}

/// Makes the body of an answer, compressed if `gzip`, and sent as the fault sends it.
pub(super) fn sent(fault: Option<&dyn AnswerFault>, pieces: Pieces, gzip: bool) -> AnswerBody {
    let ends_gzip = fault.is_none_or(AnswerFault::ends_gzip);
    let pieces = if gzip { Box::new(Gzipped::new(pieces, ends_gzip)) } else { pieces };
    match fault {
        Some(fault) => fault.send(pieces),
        None => AnswerBody::streamed(pieces, Ending::Finish),
    }
}
