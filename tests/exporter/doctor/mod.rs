//! Tests of `doctor` through the real binary: each diagnosis is provoked with a simulated Wolkvox
//! or a socket, and the output holds no personal data.

mod diagnoses;
mod elsewhere;
mod privacy;

use std::{fs, process::Command};

use crate::support::api::{TOKEN, noon_name};
use crate::support::process;

/// The output of doctor, and the names of the files that it left behind.
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    /// The output with each run of white space as one space, so that line breaks do not matter.
    pub(crate) words: String,
    pub(crate) out: String,
}

impl Said {
    pub(crate) fn has(&self, text: &str) -> bool {
        self.words.contains(text)
    }

    /// Fails unless the exit code is 1 and the output has all of these texts.
    pub(crate) fn assert_to_do(&self, name: &str, texts: &[&str]) {
        assert_eq!(self.code, Some(1), "{name}: {}", self.out);
        for text in texts {
            assert!(self.has(text), "{name}: {text:?} is not in\n{}", self.out);
        }
        assert!(self.has("[!!]") && self.has("->"), "{name}: {}", self.out);
    }
}

/// Runs doctor against one server with the simulators' zone and token, and with these additional
/// arguments and variables.
pub(crate) async fn doctor(url: &str, args: &[&str], variables: &[(&str, &str)]) -> Said {
    let directory = tempfile::tempdir().expect("a temporary directory can be created");
    let mut command = process::bare(directory.path());
    command.args(["doctor", "--wolkvox.server", url]);
    if !args.iter().any(|arg| arg.starts_with("--wolkvox.timezone")) {
        command.arg(format!("--wolkvox.timezone={}", noon_name()));
    }
    command.args(args).env("WOLKVOX_TOKEN", TOKEN).envs(variables.iter().copied());
    let said = run(command).await;
    let left: Vec<_> = fs::read_dir(directory.path()).expect("it is there").collect();
    assert!(left.is_empty(), "it left {left:?} behind");
    said
}

/// Runs a command on another thread, because the simulators run on this one.
pub(crate) async fn run(mut command: Command) -> Said {
    let output = tokio::task::spawn_blocking(move || command.output());
    let output = output.await.expect("no panic").expect("the binary starts");
    let out = String::from_utf8(output.stdout).expect("text");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{out}");
    let words = out.split_whitespace().collect::<Vec<_>>().join(" ");
    Said { code: output.status.code(), words, out }
}
