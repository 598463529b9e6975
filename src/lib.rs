//! Exact Prometheus metrics of the menu options chosen in a Wolkvox contact centre.
//!
//! Data goes one way: API → rows → ledger → aggregates → snapshot → scrape. `ARCHITECTURE.md` is the map.

pub mod cli;
pub mod commands;
pub mod config;
pub mod exposition;
pub mod i18n;
pub mod ledger;
pub mod logging;
pub mod model;
pub mod poller;
pub mod schedule;
pub mod simulator;
pub mod snapshot;
pub mod status;
pub mod store;
pub mod supervisor;
pub mod telemetry;
pub mod web;
pub mod wolkvox;
