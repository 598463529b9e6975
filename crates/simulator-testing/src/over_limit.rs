//! Reactions of a server to a time range of more rows than its limit: those of the simulator, and
//! those of a server that breaks.

use std::sync::Arc;

use simulator::Options;

use super::faults::Fault;

/// The reaction to a window of more rows than the limit. It is not known what the real server does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OverLimit {
    /// Send the first rows, and a `msg` that counts only those.
    CutSilently,
    /// Send the first rows, and a `msg` that counts all.
    CutAndPromise,
    /// Send an error with a text that the exporter does not know.
    Refuse,
    /// Send the error of a gateway that has waited too long.
    GatewayTimeout,
    /// Send the error of a web server whose program broke off.
    ServerError,
    /// Send success, and nothing else.
    EmptyBody,
    /// Send the message of a program that ran out of memory.
    PhpFatal,
    /// Break off in the middle of the rows.
    CutBody,
    /// Send success and a page.
    NotJson,
    /// Send nothing until the limit on time.
    Hang,
}

impl OverLimit {
    /// Returns the options with this reaction.
    pub fn of(self, options: Options) -> Options {
        use simulator::TooManyRows::{CutAndPromise, CutSilently, Refuse};
        let fault = match self {
            Self::CutSilently => return Options { over_limit: CutSilently, ..options },
            Self::CutAndPromise => return Options { over_limit: CutAndPromise, ..options },
            Self::Refuse => return Options { over_limit: Refuse, ..options },
            Self::GatewayTimeout => Fault::Http504,
            Self::ServerError => Fault::Http500,
            Self::EmptyBody => Fault::EmptyBody,
            Self::PhpFatal => Fault::PhpFatal,
            Self::CutBody => Fault::CutJson,
            Self::NotJson => Fault::NotJson,
            Self::Hang => Fault::Hang,
        };
        Options { over_limit_fault: Some(Arc::new(fault)), ..options }
    }
}
