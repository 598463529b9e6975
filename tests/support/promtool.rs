//! Runs a real promtool on an exposition or on files.

use std::{
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
};

/// Runs promtool's check of an exposition in the text format. Returns its output as the error.
pub(crate) fn check_metrics(promtool: &Path, exposition: &str) -> Result<(), String> {
    let mut child = Command::new(promtool)
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("cannot start {}: {error}", promtool.display()))?;
    // promtool reads everything before it writes anything, so writing first cannot block.
    let mut stdin = child.stdin.take().expect("its standard input is a pipe");
    stdin.write_all(exposition.as_bytes()).map_err(|error| error.to_string())?;
    drop(stdin);
    let output = child.wait_with_output().map_err(|error| error.to_string())?;
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    if output.status.success() && said.trim().is_empty() {
        Ok(())
    } else {
        Err(format!("{said}{}", output.status))
    }
}

/// Runs promtool with these arguments in the project's folder. Returns its output as the error.
pub(crate) fn run(promtool: &Path, arguments: &[&str]) -> Result<(), String> {
    let output = Command::new(promtool)
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("cannot start {}: {error}", promtool.display()))?;
    if output.status.success() {
        Ok(())
    } else {
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        Err(format!("{arguments:?}: {said}{}", output.status))
    }
}
