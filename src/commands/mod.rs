//! The subcommands: the work between their arguments and their exit code.
//!
//! `run` is the exporter itself, and the one place that knows every room. Nothing below this room
//! may know it.

pub mod backfill;
pub mod demo;
pub mod doctor;
pub mod healthcheck;
pub mod init;
pub mod run;
mod state_watch;
