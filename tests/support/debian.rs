//! Programs of Debian's packages that tests start.
//!
//! Owns where they are looked for. Starts none that `tools/debian` does not list for the tests, so
//! that a test cannot pass because its program happens to be on a machine, and fail on the next.

use std::{env, path::PathBuf, process::Command};

use super::repository;

/// The programs, a line each: `program packages purpose`.
const LIST: &str = include_str!("../../tools/debian");

/// The line of a program that tests may start.
fn listed(program: &str) -> Vec<&'static str> {
    let mut lines = LIST.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    let found = lines.find(|words| words[0] == program && matches!(words[2], "tests" | "unpacked"));
    found.unwrap_or_else(|| {
        panic!("a test starts {program}, which tools/debian does not list for the tests")
    })
}

/// Returns the program, to be started; panics as [`path`].
pub(crate) fn command(program: &str) -> Command {
    Command::new(path(program))
}

/// Returns where the program is. Panics where it is not there, and says how to mend that.
pub(crate) fn path(program: &str) -> PathBuf {
    let packages = listed(program)[1];
    let folders = env::var_os("PATH").unwrap_or_default();
    let unpacked = format!("target/tools/debian-{packages}/root/usr/sbin");
    // Debian keeps some where only root looks.
    let folders =
        env::split_paths(&folders).chain(["/usr/sbin".into(), repository::root().join(unpacked)]);
    let mut paths = folders.map(|folder| folder.join(program));
    paths.find(|path| path.is_file()).unwrap_or_else(|| {
        panic!("{program} is missing: scripts/test gets it, or says what to run")
    })
}
