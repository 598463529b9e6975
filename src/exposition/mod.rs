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
mod number;
mod protobuf;
mod published;
mod registry;

pub use encode::{EOF, Format, encode};
pub use model::{BucketBounds, Family, Histogram, MetricType, Sample, Value, label_block};
pub use native::NativeHistogram;
pub use published::{Publication, Published, Rendered};
pub use registry::from_prometheus;
