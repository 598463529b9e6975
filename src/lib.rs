//! Exact Prometheus metrics of the menu options chosen in a Wolkvox contact centre.
//!
//! Data goes one way: API → rows → ledger → aggregates → snapshot → scrape. `ARCHITECTURE.md` is the map.

pub mod exposition;
pub mod web;
