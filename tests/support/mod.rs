//! Helpers of the test programs: the exporter as a process, servers and clients of it, and the real
//! programs around it. Owns no test.

#![allow(dead_code, reason = "each of the test programs uses another part of it")]

pub(crate) mod api;
pub(crate) mod authority;
pub(crate) mod browser;
pub(crate) mod debian;
pub(crate) mod disk;
pub(crate) mod expected;
pub(crate) mod fleet;
pub(crate) mod front;
pub(crate) mod installation;
pub(crate) mod metric_family;
pub(crate) mod personal;
pub(crate) mod polled;
pub(crate) mod process;
pub(crate) mod prometheus;
pub(crate) mod promtool;
pub(crate) mod repository;
pub(crate) mod schema;
pub(crate) mod scrape;
pub(crate) mod self_signed;
pub(crate) mod stack;
