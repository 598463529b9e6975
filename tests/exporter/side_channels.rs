//! Tests that a side channel cannot stop the exporter: a log that nobody reads, or a closed
//! standard output.

use std::{
    io::{self, Read as _, Write as _},
    net::TcpStream,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use crate::support::api::{Api, TOKEN};
use crate::support::fleet::Supervisor;
use crate::support::process::{DEADLINE, bare, client, own_address};
use crate::support::scrape::Scrape;

const DROPPED: &str = "wolkvox_log_lines_dropped_total";

/// A process that is killed when this is dropped, so that a failed test leaves none behind.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn with_standard_error_unread_everything_goes_on() {
    let mut fleet = Supervisor::new();
    let api = Api::start(|_| {}).await;
    fleet.add("one", &api.url());
    fleet.write();
    let (_unread, mut pipe) = io::pipe().expect("a pipe");
    // Nearly fills the pipe, which holds 64 KiB.
    pipe.write_all(&[b'\n'; 62_000]).expect("it holds 64 KiB");
    let address = own_address();
    let mut command = fleet.command();
    command.arg(format!("--web.listen-address={address}")).args(["--log.level=debug"]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(pipe);
    let mut exporter = Killed(command.spawn().expect("it can be started"));
    drop(command);

    let begun = Instant::now();
    while !client()
        .get(format!("http://{address}/-/ready"))
        .send()
        .await
        .is_ok_and(|a| a.status().is_success())
    {
        assert!(begun.elapsed() < DEADLINE, "not ready");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // Each request adds a line to the log.
    let chatter = move || {
        for _ in 0..4000 {
            let line = TcpStream::connect(address)
                .and_then(|mut stream| stream.write_all(b"nonsense\r\n\r\n"));
            line.expect("it is let in");
        }
    };
    tokio::task::spawn_blocking(chatter).await.expect("no panic");
    // A client of its own: the server may close a connection that was idle for so long just as it
    // is used again.
    let client = client();
    let lost = Scrape::until(&client, address, "lines that nobody read", |scrape| {
        scrape.sum(DROPPED, &[]).is_some_and(|lines| lines > 0.0) && scrape.up("one")
    })
    .await;
    lost.assert_truth("one", &api.truth());
    let on = Scrape::until(&client, address, "polls go on", |scrape| {
        scrape.watermark("one") > lost.watermark("one")
    })
    .await;
    assert!(on.get(DROPPED, &[]) >= lost.get(DROPPED, &[]));
    let healthy =
        client.get(format!("http://{address}/-/healthy")).send().await.expect("an answer");
    assert!(healthy.status().is_success());

    let asked = Instant::now();
    let kill = ["-c", "kill -s TERM \"$1\"", "sh", &exporter.0.id().to_string()];
    assert!(Command::new("/bin/sh").args(kill).status().expect("a shell").success());
    let status = loop {
        if let Some(status) = exporter.0.try_wait().expect("a child can be waited for") {
            break status;
        }
        assert!(asked.elapsed() < Duration::from_secs(10), "SIGTERM was not heard");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert_eq!(status.code(), Some(0));
}

/// Runs a command whose standard output nobody reads. Returns its exit code and standard error.
fn with_closed_output(mut command: Command) -> (Option<i32>, String) {
    let (reader, writer) = io::pipe().expect("a pipe");
    drop(reader);
    command.stdin(Stdio::null()).stdout(writer).stderr(Stdio::piped());
    let mut child = Killed(command.spawn().expect("it can be started"));
    let mut said = String::new();
    child.0.stderr.take().expect("it is piped").read_to_string(&mut said).expect("it is text");
    (child.0.wait().expect("it can be waited for").code(), said)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_has_seen_enough_is_no_error() {
    let api = Api::start(|_| {}).await;
    let fleet = Supervisor::of("one", &api);
    let exporter = fleet.start().await;
    exporter.wait_for("up", |scrape| scrape.up("one")).await;
    let directory = fleet.state().parent().expect("it has one").to_owned();
    let command = |args: &[&str]| {
        let mut command = bare(&directory);
        command.args(args).env("WOLKVOX_TOKEN", TOKEN);
        command
    };
    let listen = format!("--web.listen-address={}", exporter.address);
    let url = format!("--wolkvox.server={}", api.url());
    let copy = directory.join("copy.redb");
    let copy = copy.to_str().expect("it is text");
    let cases: [(&[&str], i32); 7] = [
        (&["--wolkvox.server=0042", "--config.check"], 0),
        (&["completions", "bash"], 0),
        (&["--help"], 0),
        (&["healthcheck", &listen], 0),
        (&["state", "backup", "--state.path=state.redb", copy], 0),
        (&["state", "inspect", "--state.path", copy], 0),
        // Doctor must not report success for checks that it did not finish.
        (&["doctor", &url], 1),
    ];
    for (args, code) in cases {
        let (status, said) = with_closed_output(command(args));
        assert_eq!((status, said.as_str()), (Some(code), ""), "{args:?}");
    }
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("Linux has it");
    let mut check = command(&["--wolkvox.server=0042", "--config.check"]);
    let output = check.stdout(full).output().expect("it can be started");
    assert_eq!(output.status.code(), Some(1), "what was not written is an error");
    assert!(String::from_utf8_lossy(&output.stderr).contains("cannot write to standard output"));
}
