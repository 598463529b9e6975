//! The Wolkvox API: the only crate that knows HTTP, JSON and the vendor's quirks.
//!
//! Bytes come in; rows without personal data come out, or an [`ApiError`] whose class tells what to
//! do. Nothing here decides when to ask, or what counts.

mod admission;
mod announced;
mod body;
mod classify;
mod client;
mod date;
mod date_shift;
mod egress;
mod envelope;
mod error;
mod error_text;
mod field_stats;
mod flat;
mod gunzip;
mod long_row;
mod mend;
mod names;
mod rejection;
mod report_name;
mod resolver;
mod row_parser;
mod sentence;
mod splitter;
mod text;
mod token_info;
mod total;
mod values;

pub use admission::Admission;
pub use client::is_out_of_files;
pub use client::{Answer, Client, ClientLimits, Query, Transport};
pub use date::{RowDate, parse_date, read_date};
pub use date_shift::{DateShift, DateShifts};
pub use egress::{Authorities, Egress, Proxy};
pub use envelope::Envelope;
pub use error::{ApiError, ErrorClass};
pub use error_text::ErrorText;
pub use error_text::ErrorWords;
pub use field_stats::{FieldPattern, FieldSample};
pub use rejection::{Rejected, Rejection};
pub use report_name::ReportName;
pub use row_parser::{Row, RowLabels, RowParser};
pub use splitter::{Element, SplitError, Splitter};
pub use token_info::TokenInfo;
