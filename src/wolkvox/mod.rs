//! The Wolkvox API: the only rooms that know HTTP, JSON and the vendor's quirks.
//!
//! Bytes come in, and what goes out is either rows from which everything personal has been dropped, or a
//! [`ApiError`] whose class says what to do. Nothing here decides when to ask, or what counts.

mod client;
mod date;
mod envelope;
mod error;
mod field_stats;
mod names;
mod row_parser;
mod splitter;
mod token_info;

pub use client::{Answer, Client, ClientLimits, Query};
pub use date::parse_date;
pub use envelope::Envelope;
pub use error::{ApiError, ErrorClass};
pub use field_stats::{FieldPattern, Sample, Shift};
pub use row_parser::{Rejection, Row, RowParser};
pub use splitter::{Element, SplitError, Splitter};
pub use token_info::TokenInfo;
