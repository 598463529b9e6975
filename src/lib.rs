//! Exact Prometheus metrics of the menu options chosen in a Wolkvox contact centre.
//!
//! Data goes one way: API → rows → ledger → aggregates → snapshot → scrape. `ARCHITECTURE.md` is the map.

pub mod announced;
pub mod app;
pub mod baseline;
pub mod cli;
pub mod completions;
pub mod config;
pub mod demo;
pub mod doctor;
pub mod exposition;
pub mod fleet;
pub mod healthcheck;
pub mod histogram;
pub mod labels;
pub mod ledger;
pub mod logging;
pub mod manual;
pub mod names;
pub mod option_kind;
pub mod option_rules;
pub mod poller;
mod quality;
pub mod quota;
pub mod reaction;
pub mod reload;
pub mod schedule;
pub mod simulator;
pub mod snapshot;
pub mod status;
pub mod store;
pub mod telemetry;
pub mod web;
pub mod width;
pub mod wolkvox;
pub mod words;
pub mod zero_hold;
