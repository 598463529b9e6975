//! Encodes metric families into the bytes of a scrape.
//!
//! Pure, without sockets or disk, except for [`Publication`], where a scrape may wait. A target's
//! series change only when it commits, so they are encoded and compressed then, cell by cell
//! ([`Assembly`]). A scrape copies none of that, and encodes only the process's own few dozen live
//! series.
//!
//! This module must never invent, drop or rename a series: it writes what the [`Family`] says.

mod assembly;
mod body;
mod deflate;
mod encode;
mod model;
mod native;
mod number;
mod protobuf;
mod publication;
mod published;
mod recording;
mod table;
mod variant;

pub use assembly::{Assembly, TargetCells};
pub use body::Body;
pub use encode::{EOF, Format, encode};
pub use model::{BucketBounds, Family, Histogram, MetricType, Sample, Value, label_block};
pub use native::NativeHistogram;
pub use publication::Publication;
pub use published::{Encoding, Published};
pub use recording::Recording;
pub use table::{Described, Metric};
pub use table::{described, families};
pub use variant::Variant;
