//! How people write a configuration: the YAML file, values with their origin, and what is wrong with them.

pub(crate) mod diagnostics;
pub(crate) mod duration;
pub(crate) mod file;
pub(crate) mod label;
pub(crate) mod suggest;
