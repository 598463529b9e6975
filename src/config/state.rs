//! The location of the state: the settings of `state`.

use std::path::{Path, PathBuf};

use crate::config::{
    Flags,
    read::{diagnostics::Diagnostics, file::ConfigFile},
    setting::{file, read_section, section},
};

section! {
    /// The location of the state.
    pub struct StateConfig: "state", "State", StateKeys {
        /// State file, created if missing
        path: PathBuf = file("data/wolkvox-exporter.redb").until_restart();
    }
}

/// Reads the section; returns nothing if a setting cannot be read.
pub(crate) fn resolve(
    flags: &Flags<StateConfig>,
    file: &ConfigFile,
    diagnostics: &mut Diagnostics,
) -> Option<StateConfig> {
    let state = read_section(flags, file, &file.root.state, diagnostics);
    state.sound.then_some(state.config)
}

/// Reads only the path of the state file, from flags and the configuration file.
///
/// # Errors
/// If the file cannot be read, or the path names no file.
pub fn resolve_state(
    config_file: Option<&Path>,
    flags: &Flags<StateConfig>,
) -> Result<PathBuf, super::ConfigError> {
    let mut diagnostics = Diagnostics::default();
    let state = resolve(flags, &super::resolve::read(config_file)?, &mut diagnostics);
    state.map(|state| state.path).ok_or_else(|| diagnostics.into_error())
}
