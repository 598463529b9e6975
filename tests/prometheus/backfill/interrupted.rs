//! Tests that a backfill that is killed again and again, and one whose vendor has trouble, write
//! the same files byte by byte.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use simulator_testing::{Fault, FaultRule, Options, OverLimit, Simulator};

use crate::backfill::{DEADLINE, Past, files, listen, run, vendor};
use crate::support::process::Process;

/// The moment of a kill: at the latest when a day is done, and otherwise by the time since the
/// start or since the first file appeared. So each life gets equally far on a fast and on a slow
/// machine, and the past outlasts all lives.
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// Milliseconds after the start.
    Started(u64),
    /// Milliseconds after a file appeared that has no final name yet: before, during or after the
    /// commit of its day.
    Part(u64),
    /// Milliseconds after it reported a finished day.
    Done(u64),
}

use Moment::{Done, Part, Started};

const KILLS: [Moment; 20] = [
    Started(20),
    Started(200),
    Part(0),
    Started(900),
    Part(1),
    Part(3),
    Started(1_700),
    Done(0),
    Part(10),
    Started(0),
    Part(40),
    Part(100),
    Done(1),
    Started(1_300),
    Part(200),
    Part(2),
    Started(2_500),
    Part(20),
    Part(60),
    Started(50),
];
const BEGUN: &str = "counting from here";
const DAY_DONE: &str = "a day of the past is done";

/// Kills the process at a moment. Returns false if it ended before.
async fn kill_at(mut process: Process, output: &Path, moment: Moment) -> bool {
    let (deadline, mut reached) = (Instant::now() + DEADLINE, None);
    while process.running() {
        assert!(Instant::now() < deadline, "{moment:?} never came");
        let is_part = || {
            let entries = fs::read_dir(output).into_iter().flatten().flatten();
            entries
                .filter_map(|entry| entry.file_name().into_string().ok())
                .any(|name| name.ends_with(".part"))
        };
        let is_done = || process.log().contains(DAY_DONE);
        let (now, wait) = match moment {
            Started(_) if is_part() => (true, 0),
            Part(_) if is_done() => (true, 0),
            Started(wait) => (true, wait),
            Part(wait) => (is_part(), wait),
            Done(wait) => (is_done(), wait),
        };
        if now && reached.is_none() {
            reached = Some(Instant::now());
        }
        if reached.is_some_and(|reached: Instant| reached.elapsed() >= Duration::from_millis(wait))
        {
            process.signal("KILL");
            process.exit(DEADLINE).await;
            return false;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let status = process.exit(DEADLINE).await;
    assert!(status.success(), "{status}");
    true
}

/// Makes states in which a backfill has begun and read nothing. All copies share one key of hashes.
async fn begun(past: &Past, copies: &[&str]) {
    let mut process = Process::spawn(past.command("begun", &[]));
    let deadline = Instant::now() + DEADLINE;
    while !process.log().contains(BEGUN) {
        assert!(process.running() && Instant::now() < deadline, "it never began");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    process.signal("KILL");
    process.exit(DEADLINE).await;
    assert!(
        files(&past.output("begun"))
            .iter()
            .all(|path| path.extension().is_none_or(|ending| ending != "om")),
        "too late"
    );
    for copy in copies {
        fs::copy(past.state("begun"), past.state(copy)).expect("a state can be copied");
    }
}

fn assert_same_files(one: &Path, other: &Path) {
    let names = |directory: &Path| {
        files(directory)
            .iter()
            .map(|path| path.file_name().expect("a file").to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(names(one), names(other));
    for (one, other) in files(one).iter().zip(files(other)) {
        let (one_bytes, other_bytes) =
            (fs::read(one).expect("a file"), fs::read(&other).expect("a file"));
        let differs = one_bytes.iter().zip(&other_bytes).position(|(a, b)| a != b);
        let line = |bytes: &[u8]| {
            let at = differs.unwrap_or(0);
            String::from_utf8_lossy(&bytes[at.saturating_sub(120)..bytes.len().min(at + 40)])
                .into_owned()
        };
        assert!(
            one_bytes == other_bytes,
            "{} differs ({} and {} bytes):\n{}\n---\n{}",
            one.display(),
            one_bytes.len(),
            other_bytes.len(),
            line(&one_bytes),
            line(&other_bytes)
        );
    }
}

#[tokio::test]
async fn killed_twenty_times_it_makes_the_same_files() {
    // More days than there are lives that may finish one.
    let past =
        Past::of(KILLS.iter().filter(|moment| !matches!(moment, Started(_))).count() as i64 + 1)
            .await;
    begun(&past, &["whole", "killed"]).await;
    let mut killed = 0;
    for moment in KILLS {
        let process = Process::spawn(past.command("killed", &[]));
        if kill_at(process, &past.output("killed"), moment).await {
            break;
        }
        killed += 1;
        assert!(files(&past.output("killed")).len() <= past.days().len() + 1);
    }
    assert_eq!(killed, KILLS.len(), "it came to its end too early");
    run(past.command("killed", &[])).await;
    run(past.command("whole", &[])).await;
    assert_same_files(&past.output("whole"), &past.output("killed"));
    // A further run must read nothing, and print the commands again.
    let before = past.simulator.requests().total;
    assert!(run(past.command("killed", &[])).await.contains("promtool"));
    assert_eq!(past.simulator.requests().total, before);
}

#[tokio::test]
async fn a_vendor_in_trouble_changes_nothing_but_the_time() {
    let past = Past::of(2).await;
    begun(&past, &["calm", "troubled"]).await;
    run(past.command("calm", &[])).await;

    // The same rows from a server that cuts its answers and sometimes fails.
    let options = OverLimit::CutAndPromise.of(Options { rows_limit: 1_500, ..vendor() });
    let troubled = Simulator::new(options);
    for fault in [Fault::Http500, Fault::CutJson, Fault::NotJson, Fault::Truncated, Fault::Http503]
    {
        let rule = FaultRule { probability: Some(0.15), ..FaultRule::times(fault, 3) };
        troubled.add_fault(rule).expect("a fault");
    }
    let url = listen(&troubled).await;
    run(past.command_from(&url, "troubled", &[])).await;
    let struck: u64 = troubled
        .requests()
        .kinds
        .iter()
        .filter(|(kind, _)| kind.starts_with("fault_"))
        .map(|(_, times)| times)
        .sum();
    assert!(struck >= 5, "{:?}", troubled.requests());
    assert_same_files(&past.output("calm"), &past.output("troubled"));
}
