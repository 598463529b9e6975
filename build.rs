//! Tells the binary what it is made of: `--version` shows it.

use std::{env, process::Command};

/// What the scripts and the Dockerfile set; there is no repository where a package is built from.
const REVISION: &str = "WOLKVOX_BUILD_REVISION";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed={REVISION}");
    let revision = env::var(REVISION).ok().filter(|text| !text.is_empty());
    let compiler = env::var_os("RUSTC").and_then(|rustc| Command::new(rustc).arg("--version").output().ok());
    let compiler = compiler.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    println!("cargo::rustc-env=WOLKVOX_BUILT_REVISION={}", revision.as_deref().unwrap_or("unknown"));
    println!("cargo::rustc-env=WOLKVOX_BUILT_WITH={}", compiler.as_deref().unwrap_or("an unknown rustc"));
}
