//! From the model of what is exposed to the bytes of a scrape.
//!
//! Everything here is pure: no socket, no disk, no clock. The menu part of an exposition changes only when a
//! window is committed, so it is encoded and compressed once per publication ([`Published`]); a scrape copies
//! nothing of it, and encodes only the exporter's own few dozen live series behind it.
//!
//! This module must never invent, drop or rename a series: it writes what the [`Family`] says.

mod encode;
mod model;
mod native;
mod negotiate;
mod number;
mod process;
mod protobuf;
mod published;

pub use encode::{EOF, Format, encode};
pub use model::{Bounds, Family, Histogram, Kind, Point, Value, label_block};
pub use native::NativeHistogram;
pub use negotiate::{Offer, accepts_gzip, negotiate};
pub use process::from_prometheus;
pub use published::{Publication, Published, Rendered};
