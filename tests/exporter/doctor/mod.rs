//! `doctor`, through the real binary: every diagnosis is provoked by a simulated Wolkvox or a
//! socket, and nothing that it prints is anybody's.

mod diagnoses;
mod elsewhere;
mod privacy;

use std::{fs, process::Command};

use crate::support::api::{TOKEN, noon_name};
use crate::support::process;

/// The output of doctor, and the files that it left behind.
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    /// With every run of white space made one space, so that where a line is broken does not
    /// matter.
    pub(crate) words: String,
    pub(crate) out: String,
}

impl Said {
    pub(crate) fn has(&self, text: &str) -> bool {
        self.words.contains(text)
    }

    /// Exits with 1 and says all of this.
    pub(crate) fn assert_to_do(&self, name: &str, texts: &[&str]) {
        assert_eq!(self.code, Some(1), "{name}: {}", self.out);
        for text in texts {
            assert!(self.has(text), "{name}: {text:?} is not in\n{}", self.out);
        }
        assert!(self.has("[!!]") && self.has("->"), "{name}: {}", self.out);
    }
}

/// Against one server, in the simulators' zone and with their token, with these arguments and
/// variables more.
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

/// On another thread, because the simulators live on this one.
pub(crate) async fn run(mut command: Command) -> Said {
    let output = tokio::task::spawn_blocking(move || command.output());
    let output = output.await.expect("no panic").expect("the binary starts");
    let out = String::from_utf8(output.stdout).expect("text");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{out}");
    let words = out.split_whitespace().collect::<Vec<_>>().join(" ");
    Said { code: output.status.code(), words, out }
}
