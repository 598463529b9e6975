//! Tests of the commands for the exporter's surroundings: container engines (`healthcheck`), shells
//! (`completions`) and manuals (`man`), with a real bash and a real groff.

use std::{
    fs,
    net::TcpListener,
    path::Path,
    process::{Command, Output},
};

use tempfile::TempDir;

use crate::support::authority::{Authority, Pair};
use crate::support::debian;
use crate::support::process::{self, Process, bare};

/// Runs a program to its end. Returns its exit code, standard output and standard error.
fn run(command: &mut Command) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = command.output().expect("it can be started");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (status.code(), text(stdout), text(stderr))
}

fn directory() -> TempDir {
    tempfile::tempdir().expect("a temporary directory can be created")
}

fn write(directory: &TempDir, name: &str, text: &str) {
    fs::write(directory.path().join(name), text).expect("a temporary directory can be written to");
}

fn healthcheck(directory: &Path, args: &[&str]) -> (Option<i32>, String, String) {
    run(bare(directory).arg("healthcheck").args(args))
}

async fn demo(directory: &Path, args: &[&str]) -> (Process, String) {
    let mut command = bare(directory);
    command.args(["demo", "--web.listen-address=127.0.0.1:0"]).args(args);
    let mut process = Process::spawn(command);
    let address = process.address().await.to_string();
    (process, address)
}

#[tokio::test]
async fn a_running_exporter_is_alive_however_its_address_is_told() {
    let directory = directory();
    let (_exporter, address) = demo(directory.path(), &[]).await;
    let flag = format!("--web.listen-address={address}");
    let (code, out, err) = healthcheck(directory.path(), &[&flag]);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert_eq!(out, format!("the exporter is alive at {address}\n"));

    // The address from the variable, which names every interface; and from the file, although the
    // rest of the file is wrong.
    let port = address.rsplit_once(':').expect("a port").1;
    let (code, out, _) = run(bare(directory.path())
        .arg("healthcheck")
        .env("WOLKVOX_WEB_LISTEN_ADDRESS", format!(":{port}")));
    assert_eq!((code, out), (Some(0), format!("the exporter is alive at :{port}\n")));
    let yaml =
        format!("targets: [{{server: nonsense}}]\nweb: {{listen_addresses: ['{address}']}}\n");
    write(&directory, "config.yaml", &yaml);
    assert_eq!(healthcheck(directory.path(), &["--config.file=config.yaml"]).0, Some(0));
}

#[tokio::test]
async fn tls_with_client_certificates_and_passwords_is_alive_too() {
    let directory = directory();
    let authority = Authority::new();
    let Pair { certificate, key } = authority.pair();
    write(&directory, "ca.pem", &authority.certificate);
    write(&directory, "cert.pem", &certificate);
    write(&directory, "key.pem", &key);
    let hash = bcrypt::hash("secreto", 4).expect("a hash");
    let yaml = format!(
        "tls_server_config:\n  cert_file: cert.pem\n  key_file: key.pem\n  client_ca_file: ca.pem\n  \
         client_auth_type: RequireAndVerifyClientCert\nbasic_auth_users: {{prometheus: {hash}}}\n"
    );
    write(&directory, "web.yml", &yaml);
    let (_exporter, address) = demo(directory.path(), &["--web.config.file=web.yml"]).await;
    let (flag, web) = (format!("--web.listen-address={address}"), "--web.config.file=web.yml");
    let (code, out, err) = healthcheck(directory.path(), &[&flag, web]);
    assert_eq!((code, err.as_str()), (Some(0), ""), "{out}");

    // A file that has become unusable must not make a running exporter look dead.
    write(&directory, "web.yml", "nonsense: 1\n");
    assert_eq!(healthcheck(directory.path(), &[&flag, web]).0, Some(0));
}

#[tokio::test]
async fn what_is_not_alive_is_told_with_its_reason() {
    let directory = directory();
    let (mut exporter, address) = demo(directory.path(), &[]).await;
    exporter.signal("TERM");
    assert!(exporter.exit(process::DEADLINE).await.success());
    let flag = format!("--web.listen-address={address}");
    let (code, out, err) = healthcheck(directory.path(), &[&flag]);
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert!(err.starts_with(&format!("error: nothing listens on {address}")), "{err}");
    assert!(err.contains("Connection refused"), "{err}");

    // A server that accepts connections and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let flag = format!("--web.listen-address={}", silent.local_addr().expect("it is bound"));
    let (code, _, err) = healthcheck(directory.path(), &[&flag]);
    assert_eq!(code, Some(1));
    assert!(err.contains("without an answer in time"), "{err}");

    for (args, reason) in [
        (["--web.listen-address=:0"], "means any free port"),
        (["--web.listen-address=10013"], "has no colon"),
        (["--config.file=missing.yaml"], "missing.yaml"),
    ] {
        let (code, _, err) = healthcheck(directory.path(), &args);
        assert_eq!(code, Some(1), "{args:?}");
        assert!(err.starts_with("error: ") && err.contains(reason), "{args:?}: {err}");
    }
}

/// Returns bash's completions for the last word of `line`, by the binary's own script.
fn offered(line: &[&str]) -> Vec<String> {
    const ASK: &str = r#"set -eu
        source /dev/stdin
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
        [[ $(complete -p wolkvox-exporter) =~ \ -F\ ([^ ]+) ]]
        COMPREPLY=()
        "${BASH_REMATCH[1]}" "$1" "${@: -1}" "${@: -2:1}"
        printf '%s\n' "${COMPREPLY[@]}""#;
    let directory = directory();
    let (code, script, err) = run(bare(directory.path()).args(["completions", "bash"]));
    assert_eq!((code, err.as_str()), (Some(0), ""));
    write(&directory, "script", &script);
    let script = fs::File::open(directory.path().join("script")).expect("it was written");
    let mut bash = debian::command("bash");
    let (code, out, err) = run(bash.args(["-c", ASK, "bash"]).args(line).stdin(script));
    assert_eq!((code, err.as_str()), (Some(0), ""), "{line:?}");
    out.lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_subcommands_flags_and_values() {
    let binary = "wolkvox-exporter";
    assert_eq!(offered(&[binary, "heal"]), ["healthcheck"]);
    assert_eq!(offered(&[binary, "--web.li"]), ["--web.listen-address"]);
    assert_eq!(offered(&[binary, "demo", "--demo."]), ["--demo.seed"]);
    assert_eq!(offered(&[binary, "--log.format", "j"]), ["json"]);
    assert_eq!(offered(&[binary, "state", "in"]), ["inspect"]);
}

#[test]
fn other_shells_get_scripts_too() {
    for (shell, beginning) in
        [("zsh", "#compdef wolkvox-exporter\n"), ("fish", "# Print an optspec")]
    {
        let (code, script, _) = run(bare(directory().path()).args(["completions", shell]));
        assert_eq!(code, Some(0));
        assert!(
            script.starts_with(beginning) && script.contains("web.listen-address"),
            "{shell}: {script}"
        );
    }
}

#[test]
fn the_manual_has_a_page_for_each_command_that_renders_without_a_warning() {
    let directory = directory();
    let (code, out, err) = run(bare(directory.path()).args(["man", "."]));
    assert_eq!((code, out.as_str(), err.as_str()), (Some(0), "", ""));
    let files = fs::read_dir(directory.path()).expect("the directory is there");
    let mut pages: Vec<_> = files.map(|file| file.expect("a page").path()).collect();
    pages.sort();
    let names: Vec<_> = pages.iter().filter_map(|page| page.file_name()?.to_str()).collect();
    for name in
        ["wolkvox-exporter.1", "wolkvox-exporter-demo.1", "wolkvox-exporter-state-inspect.1"]
    {
        assert!(names.contains(&name), "{names:?}");
    }
    for page in &pages {
        let (code, text, err) =
            run(debian::command("groff").args(["-man", "-ww", "-Tutf8", "-P-cbou"]).arg(page));
        assert_eq!((code, err.as_str()), (Some(0), ""), "{page:?}");
        assert!(text.contains("NAME") && text.contains("SYNOPSIS"), "{page:?}: {text}");
    }
    let page =
        fs::read_to_string(directory.path().join("wolkvox-exporter.1")).expect("it was written");
    for word in
        ["WOLKVOX_WEB_LISTEN_ADDRESS", "Durations are written", "wolkvox\\-exporter\\-doctor(1)"]
    {
        assert!(page.contains(word), "{word} is missing");
    }
}

#[test]
fn a_manual_without_a_place_is_refused() {
    let (code, _, err) = run(bare(directory().path()).args(["man", "missing"]));
    assert_eq!(code, Some(1));
    assert!(err.contains("cannot write a manual page into missing: No such file"), "{err}");
}
