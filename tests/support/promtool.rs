//! Asks a real promtool what it thinks of an exposition.

use std::{
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
};

/// Runs promtool's check of an exposition in the text format; the error is what it says.
pub(crate) fn check_metrics(promtool: &Path, exposition: &str) -> Result<(), String> {
    let mut child = Command::new(promtool)
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("cannot start {}: {error}", promtool.display()))?;
    // It reads everything before it writes anything.
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
