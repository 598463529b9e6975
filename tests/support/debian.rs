//! Finds the programs of Debian's packages that tests start.
//!
//! Finds only those that `tools/debian` lists for the tests, so that no test passes because its
//! program happens to be installed, and fails on another machine.

use std::{env, path::PathBuf, process::Command};

use super::repository;

/// The programs, one a line: `program packages purpose`.
const LIST: &str = include_str!("../../tools/debian");

/// Returns the fields of a program that tests may start.
fn listed(program: &str) -> Vec<&'static str> {
    let mut lines = LIST.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    let found = lines.find(|words| words[0] == program && matches!(words[2], "tests" | "unpacked"));
    found.unwrap_or_else(|| {
        panic!("a test starts {program}, which tools/debian does not list for the tests")
    })
}

/// Makes a command of the program; panics like [`path`].
pub(crate) fn command(program: &str) -> Command {
    Command::new(path(program))
}

/// Returns the path of the program. Panics if it is not installed, and names the remedy.
pub(crate) fn path(program: &str) -> PathBuf {
    let packages = listed(program)[1];
    let folders = env::var_os("PATH").unwrap_or_default();
    let unpacked = format!("target/tools/debian-{packages}/root/usr/sbin");
    // Debian keeps some programs in folders that only root's PATH has.
    let folders =
        env::split_paths(&folders).chain(["/usr/sbin".into(), repository::root().join(unpacked)]);
    let mut paths = folders.map(|folder| folder.join(program));
    paths.find(|path| path.is_file()).unwrap_or_else(|| {
        panic!("{program} is missing: scripts/test gets it, or says what to run")
    })
}
