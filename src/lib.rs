//! Exact Prometheus metrics of the menu options chosen in a Wolkvox contact centre.
//!
//! This is a program. The binary, the tests and the benchmarks share its library; no version of it
//! promises anything to anybody else, so its rooms are hidden here: `ARCHITECTURE.md` is their map,
//! and `cargo doc --document-private-items` shows their insides. The promises are flags,
//! configuration, metrics and the state file.

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

// The crates that rooms are built on, by the names under which rooms know them.
#[doc(hidden)]
pub use {baseline, exposition, i18n, ledger, model, schedule, store, wolkvox_api as wolkvox};
