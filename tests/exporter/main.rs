//! Tests of the exporter alone: the real binary and its parts, through their interfaces, against a
//! simulated Wolkvox and hand-made answers. Tests with a real Prometheus are in
//! `tests/prometheus/`, and random histories in `tests/model/`.

#![allow(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

mod answers;
mod backup;
mod command_line;
mod config;
mod doctor;
mod documents;
mod exposition;
mod faults;
mod hostile;
mod init;
mod layout;
mod metrics_reference;
mod names;
mod outcomes;
mod privacy;
mod proxies;
mod quota;
mod reference;
mod reload;
mod side_channels;
mod simulator;
mod start_stop;
mod state_file;
mod status_page;
#[path = "../support/mod.rs"]
mod support;
mod texts;
mod web;
