//! Attacks the real binary with hostile clients: scrapes must continue within a second, and memory
//! must stay bounded.
//!
//! ```console
//! HOSTILE_SECONDS=20 cargo test --profile dist --test exporter hostile:: -- --nocapture
//! ```
//!
//! prints the figures. Without the variable each attack lasts two seconds.

mod attack;
mod door;
mod scraper;

use std::{fs, path::Path, process::Command, time::Duration};

use crate::support::api::Api;
use crate::support::authority::Authority;
use crate::support::fleet::Supervisor;
use crate::support::process::{self, Process};
use attack::Attack;
use door::Door;
use scraper::{Scraper, Scrapes};
use tokio::time::{Instant, sleep};

/// Longest time of a scrape on an idle machine. Attackers and scraper share the machine with the
/// exporter, and without optimization six hundred handshakes at once take the three of them a
/// second.
const WITHIN: Duration = Duration::from_secs(if cfg!(debug_assertions) { 3 } else { 1 });
/// Longest time of a scrape on a busy machine, as a multiple of the longest scrape without an
/// attack.
const PATIENCE: u32 = 10;
/// Most memory for all strangers together, in bytes: a head and the buffers of TLS for each of 512
/// places.
const MEMORY: u64 = 96 << 20;
/// Number of rows, each with an option of its own: more options than get series of their own by
/// default.
const OPTIONS: u64 = 2_000;
/// `prometheus:secreto`.
const LOGIN: &str = "Authorization: Basic cHJvbWV0aGV1czpzZWNyZXRv\r\n";
const PASSWORD: &str = "secreto";

#[tokio::test]
async fn scrapes_go_on_over_plain_http() {
    among_strangers(false).await;
}

#[tokio::test]
async fn scrapes_go_on_over_tls() {
    among_strangers(true).await;
}

/// Runs the tests one at a time, because each measures the whole machine.
static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

async fn among_strangers(tls: bool) {
    let _turn = TURN.lock().await;
    let api = Api::start(|options| {
        options.unique_options = true;
        options.bursts[0].rows = OPTIONS;
    })
    .await;
    let mut fleet = Supervisor::of("main", &api);
    fleet.poll["interval"] = "5m".into();
    let directory = tempfile::tempdir().expect("a temporary directory can be created");
    let authority = Authority::new();
    let trusted = tls.then_some(authority.certificate.as_str());
    let web = web_config(directory.path(), tls.then_some(&authority));
    let mut process =
        Process::spawn(with_usual_descriptors(fleet.command().arg("--web.config.file").arg(web)));
    let address = process.address().await;
    let (door, scraper) = (Door::new(address, trusted), Scraper::new(address, trusted, PASSWORD));
    wait_for_rows(&scraper, &process).await;

    let time = Duration::from_secs(seconds());
    say(&format!("{} for {time:?} each:", if tls { "over TLS" } else { "over plain HTTP" }));
    let mut quiet = None;
    for attack in Attack::ALL {
        let attacking = attack.start(&door, LOGIN);
        let strangers = attacking.len();
        let scraping = scraper.scrape_for(time);
        let scrapes = tokio::task::spawn_blocking(|| scraping.join())
            .await
            .expect("no panic")
            .expect("no panic");
        drop(attacking);
        let scrapes =
            scrapes.unwrap_or_else(|error| panic!("{attack:?}: {error}\n{}", process.log()));
        let connections = door.connections();
        say(&line(&format!("{attack:?}"), connections, &scrapes));
        assert_eq!(connections > 0, strangers > 0, "{attack:?}: {connections} connections");
        let (usual, before) = *quiet.get_or_insert((scrapes.at(1.0), scrapes.memory));
        let within = WITHIN.max(PATIENCE * usual);
        assert!(scrapes.at(1.0) <= within, "{attack:?}: a scrape took {:?}", scrapes.at(1.0));
        assert!(
            scrapes.memory < before + MEMORY,
            "{attack:?}: {} bytes, before {before}",
            scrapes.memory
        );
        assert!(process.running(), "{attack:?}: it is gone:\n{}", process.log());
    }
}

/// Returns the duration of each attack, in seconds.
fn seconds() -> u64 {
    std::env::var("HOSTILE_SECONDS")
        .map_or(2, |seconds| seconds.parse().expect("HOSTILE_SECONDS is a number"))
}

/// Writes a web configuration with the usual cost of a password: a check takes about 60 ms, so that
/// 50 a second are three times as many as one processor can do.
fn web_config(directory: &Path, tls: Option<&Authority>) -> std::path::PathBuf {
    let write = |name: &str, text: &str| {
        let path = directory.join(name);
        fs::write(&path, text).expect("a temporary directory can be written to");
        path
    };
    let hash = bcrypt::hash(PASSWORD, 10).expect("a hash");
    let mut yaml = format!("basic_auth_users: {{prometheus: \"{hash}\"}}\n");
    if let Some(authority) = tls {
        let pair = authority.pair();
        write("cert.pem", &pair.certificate);
        write("key.pem", &pair.key);
        yaml += "tls_server_config: {cert_file: cert.pem, key_file: key.pem}\n";
    }
    write("web.yml", &yaml)
}

/// Limits a command to 1,024 open files, the usual default.
fn with_usual_descriptors(command: &Command) -> Command {
    let mut limited = Command::new("/bin/sh");
    limited.args(["-c", "ulimit -n 1024 && exec \"$0\" \"$@\""]).arg(command.get_program());
    limited.args(command.get_args()).env_clear();
    limited.current_dir(command.get_current_dir().expect("it has one"));
    limited
}

async fn wait_for_rows(scraper: &Scraper, process: &Process) {
    let deadline = Instant::now() + process::DEADLINE;
    let has_rows = |text: String| text.matches("wolkvox_menu_option_hits_total{").count() > 500;
    while !scraper.text().await.is_some_and(has_rows) {
        assert!(Instant::now() < deadline, "no rows:\n{}", process.log());
        sleep(Duration::from_millis(100)).await;
    }
}

fn line(name: &str, connections: u64, scrapes: &Scrapes) -> String {
    let ms = |share| scrapes.at(share).as_secs_f64() * 1e3;
    format!(
        "  {name:<20} {connections:>6} connections; {:>4} scrapes: median {:>5.1} ms, p99 {:>5.1}, longest {:>5.1}; \
         {:>4.0} MiB, {:>3} descriptors",
        scrapes.count(),
        ms(0.5),
        ms(0.99),
        ms(1.0),
        scrapes.memory as f64 / f64::from(1 << 20),
        scrapes.descriptors,
    )
}

#[expect(clippy::print_stdout, reason = "with --nocapture one sees the figures")]
fn say(text: &str) {
    println!("{text}");
}
