//! Tests of the exporter with the programs that it is made for: real Prometheus servers of two
//! generations, promtool and Alertmanager. `scripts/test` sets their paths in the environment.

#![allow(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

mod alerts;
mod alerts_end_to_end;
mod backfill;
mod dashboards;
mod end_to_end;
mod examples;
mod golden;
mod prometheus_harness;
#[path = "../support/mod.rs"]
mod support;
mod web_config;
