//! Programs of Debian's packages that tests start. Starts none that `tools/debian` does not list, so that a test cannot
//! pass because its program happens to be on a machine, and fail on the next.

use std::{env, path::PathBuf, process::Command};

/// What there is, and from where: `program package`, a line each.
const LIST: &str = include_str!("../../tools/debian");

fn package(program: &str) -> &'static str {
    let mut lines =
        LIST.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(' '));
    let found = lines.find_map(|(name, package)| (name == program).then_some(package));
    found.unwrap_or_else(|| panic!("a test starts {program}, which tools/debian does not list"))
}

/// It, to be started; panics as [`path`].
pub(crate) fn command(program: &str) -> Command {
    Command::new(path(program))
}

/// Where it is. Panics where it is not installed, and says how to mend that.
pub(crate) fn path(program: &str) -> PathBuf {
    let package = package(program);
    let folders = env::var_os("PATH").unwrap_or_default();
    // Debian keeps some where only root looks.
    let folders = env::split_paths(&folders).chain(["/usr/sbin".into()]);
    let mut paths = folders.map(|folder| folder.join(program));
    paths.find(|path| path.is_file()).unwrap_or_else(|| {
        panic!("{program} is not installed: scripts/install-tools, or apt-get install {package}")
    })
}
