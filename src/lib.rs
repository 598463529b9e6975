//! Exact Prometheus metrics of the menu options chosen in a Wolkvox contact centre.
//!
//! This library is only for the program's binary, tests and benchmarks, and has no stable
//! interface. So its rooms are hidden here: `ARCHITECTURE.md` is their map, and `cargo doc
//! --document-private-items` shows their contents. The stable interfaces are flags, configuration,
//! metrics and the state file.

#[doc(hidden)]
pub mod cli;
#[doc(hidden)]
pub mod commands;
#[doc(hidden)]
pub mod config;
#[doc(hidden)]
pub mod logging;
#[doc(hidden)]
pub mod poller;
#[doc(hidden)]
pub mod snapshot;
#[doc(hidden)]
pub mod status;
#[doc(hidden)]
pub mod supervisor;
#[doc(hidden)]
pub mod telemetry;
#[doc(hidden)]
pub mod web;

// The crates of the workspace, under the names that rooms use.
#[doc(hidden)]
pub use {baseline, exposition, i18n, ledger, model, schedule, store, wolkvox_api as wolkvox};
