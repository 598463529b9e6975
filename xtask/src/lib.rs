//! Chores that need Rust: generating dashboards, running the exporter under faults and kills, and
//! measuring the alerts and the source.
//!
//! `main` turns arguments into calls; the root package's tests use the same modules. Nothing of
//! this is released.

pub mod evaluate;
pub mod mixin;
pub mod soak;
pub mod style;
