//! The chores that need Rust: writing dashboards, running the exporter under fire, measuring the
//! alerts and the source.
//!
//! `main` turns arguments into calls; the root package's tests use the same modules. Nothing of
//! this is released.

pub mod evaluate;
pub mod mixin;
pub mod soak;
pub mod style;
