//! Tells the binary what it is made of: `--version` shows it.

use std::{env, fmt::Write as _, fs, path::Path, process::Command};

/// What the scripts and the Dockerfile set; there is no repository where a package is built from.
const REVISION: &str = "WOLKVOX_BUILD_REVISION";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    embed_runbooks();
    println!("cargo::rerun-if-env-changed={REVISION}");
    let revision = env::var(REVISION).ok().filter(|text| !text.is_empty());
    let compiler =
        env::var_os("RUSTC").and_then(|rustc| Command::new(rustc).arg("--version").output().ok());
    let compiler = compiler.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    println!(
        "cargo::rustc-env=WOLKVOX_BUILT_REVISION={}",
        revision.as_deref().unwrap_or("unknown")
    );
    println!(
        "cargo::rustc-env=WOLKVOX_BUILT_WITH={}",
        compiler.as_deref().unwrap_or("an unknown rustc")
    );
}

/// Writes the table of `docs/runbooks/` that `src/web/runbooks.rs` includes: every page of English
/// with that of Spanish.
fn embed_runbooks() {
    let root = env::var("CARGO_MANIFEST_DIR").expect("Cargo says where the manifest is");
    let folder = Path::new(&root).join("docs/runbooks");
    println!("cargo::rerun-if-changed={}", folder.display());
    let english = folder.join("en");
    let mut names: Vec<String> = fs::read_dir(&english)
        .unwrap_or_else(|error| panic!("{}: {error}", english.display()))
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter_map(|file| Some(file.strip_suffix(".md")?.to_owned()))
        .collect();
    names.sort();
    let mut table = String::from("&[\n");
    for name in names {
        let include = |language: &str| {
            let path = folder.join(language).join(format!("{name}.md"));
            println!("cargo::rerun-if-changed={}", path.display());
            format!("include_str!({:?})", path.display().to_string())
        };
        writeln!(
            table,
            "Runbook {{ name: {name:?}, en: {}, es: {} }},",
            include("en"),
            include("es")
        )
        .expect("a string takes any text");
    }
    table.push_str("]\n");
    let out = env::var("OUT_DIR").expect("Cargo says where generated files go");
    fs::write(Path::new(&out).join("runbooks.rs"), table)
        .expect("the generated file can be written");
}
