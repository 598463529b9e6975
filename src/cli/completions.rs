//! Completion scripts for shells, made from the definition of the command line.

use clap_complete::Shell;

/// Returns the script for a shell, for the name under which the binary is installed.
pub fn script(mut definition: clap::Command, shell: Shell) -> String {
    const NAME: &str = env!("CARGO_PKG_NAME");
    // Written into memory first, because clap_complete panics where it cannot write.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut definition, NAME, &mut script);
    let script = String::from_utf8_lossy(&script).into_owned();
    // In bash it spells the path of a subcommand in two ways if the binary's name has a hyphen, and
    // completes nothing after one (clap-rs/clap#6421).
    let mistaken = NAME.replace('-', "__subcmd__");
    let meant = NAME.replace('-', "__");
    if shell == Shell::Bash { script.replace(&mistaken, &meant) } else { script }
}
