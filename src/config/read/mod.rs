//! The written form of a configuration: the YAML file, values with their origin, and their
//! problems.

pub(crate) mod diagnostics;
pub(crate) mod duration;
pub(crate) mod file;
pub(crate) mod label;
pub(crate) mod suggest;
