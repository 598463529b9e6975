//! The Wolkvox API: the only rooms that know HTTP, JSON and the vendor's quirks.
//!
//! Bytes come in, and what goes out is either rows from which everything personal has been dropped, or a
//! [`Fault`] whose class says what to do. Nothing here decides when to ask, or what counts.

mod client;
mod date;
mod envelope;
mod fault;
mod fingerprint;
mod names;
mod row;
mod shape;
mod splitter;
mod token_info;

pub use client::{Answer, Client, Limits, Query};
pub use date::parse_date;
pub use envelope::Envelope;
pub use fault::{Class, Fault};
pub use fingerprint::Fingerprints;
pub use row::{Rejection, Row, RowParser};
pub use shape::{FieldShape, Sample, Shift};
pub use splitter::{Element, SplitError, Splitter};
pub use token_info::TokenInfo;
