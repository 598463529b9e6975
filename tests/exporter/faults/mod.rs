//! Failures between the exporter and Wolkvox: each kind is provoked over HTTP, read from a scrape,
//! and followed by the reaction that the design states, without a row lost or counted twice.
//!
//! | file | shows |
//! | --- | --- |
//! | `classes` | every error class and its counters |
//! | `limits` | failures that take minutes at the usual limits, in the library with small ones |
//! | `reactions` | the reaction to a failure |
//! | `forms` | answers that are odd and valid, or broken and then whole: every row once |
//! | `inside` | the library joined by hand: small limits, a disk that fails |

mod classes;
mod forms;
mod inside;
mod limits;
mod reactions;
