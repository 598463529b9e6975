//! Tests of `init` through the real binary: without a terminal, at a terminal, and its refusals.

use std::{
    fs,
    io::Write as _,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Output, Stdio},
};

use crate::support::api::{Api, TOKEN, noon_name};
use crate::support::{debian, process};

/// Runs a command with this text on its standard input.
async fn fed(mut command: Command, input: &str) -> Output {
    let input = input.to_owned();
    tokio::task::spawn_blocking(move || {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        // The command may end without reading its input.
        let _ = child.stdin.take().expect("it is piped").write_all(input.as_bytes());
        child.wait_with_output().expect("it can be waited for")
    })
    .await
    .expect("it was run")
}

fn init(directory: &Path, args: &[&str]) -> Command {
    let mut command = process::bare(directory);
    command.arg("init").args(args);
    command.arg(format!("--wolkvox.timezone={}", noon_name()));
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("it is there").permissions().mode() & 0o777
}

#[tokio::test]
async fn flags_and_a_piped_token_are_enough() {
    let api = Api::start(|_| {}).await;
    let directory = tempfile::tempdir().expect("a temporary directory can be created");
    let server = format!("--wolkvox.server={}", api.url());
    let said =
        fed(init(directory.path(), &["--init.directory=new", &server]), &format!("{TOKEN}\n"))
            .await;
    let out = text(&said.stdout);
    assert!(said.status.success(), "{out}{}", text(&said.stderr));
    assert!(out.contains("All is well") && out.contains("--config.file=new/wolkvox.yaml"), "{out}");
    assert!(out.contains("static_configs") && !out.contains(TOKEN), "{out}");
    let (config, token) =
        (directory.path().join("new/wolkvox.yaml"), directory.path().join("new/wolkvox.token"));
    assert_eq!((mode(&config), mode(&token)), (0o644, 0o600));
    assert_eq!(fs::read_to_string(&token).expect("written"), format!("{TOKEN}\n"));

    // The written file must be a valid configuration that causes no warning.
    let mut check = process::bare(directory.path());
    check.args(["--config.file=new/wolkvox.yaml", "--config.check"]);
    let checked = fed(check, "").await;
    assert!(checked.status.success() && checked.stderr.is_empty(), "{}", text(&checked.stderr));
    assert!(text(&checked.stdout).contains(&api.url()), "{}", text(&checked.stdout));

    // On a second run it must neither ask nor change anything.
    let (before, requests) = (fs::read(&config).expect("written"), api.requests());
    let said =
        fed(init(directory.path(), &["--init.directory=new", "--wolkvox.server=0042"]), "other\n")
            .await;
    assert!(
        !said.status.success() && text(&said.stderr).contains("nothing is overwritten"),
        "{}",
        text(&said.stderr)
    );
    assert_eq!((fs::read(&config).expect("written"), api.requests()), (before, requests));
    assert_eq!(fs::read_to_string(&token).expect("written"), format!("{TOKEN}\n"));
}

#[tokio::test]
async fn a_token_that_is_refused_is_told_in_spanish_and_the_files_are_there() {
    let api = Api::start(|_| {}).await;
    let directory = tempfile::tempdir().expect("a temporary directory can be created");
    let server = format!("--wolkvox.server={}", api.url());
    let said = fed(init(directory.path(), &["--lang=es", &server]), "no-such-token\n").await;
    let out = text(&said.stdout);
    assert_eq!(said.status.code(), Some(1), "{out}");
    assert!(
        out.contains("Haga lo que dicen las flechas") && !out.contains("no-such-token"),
        "{out}"
    );
    let config = fs::read_to_string(directory.path().join("wolkvox.yaml")).expect("written");
    assert!(
        config.contains("# Los contadores: quien borre este archivo empieza de 0."),
        "{config}"
    );
}

#[tokio::test]
async fn a_token_file_that_is_there_is_named_and_not_copied() {
    let directory = tempfile::tempdir().expect("a temporary directory can be created");
    let token = directory.path().join("mine");
    fs::write(&token, TOKEN).expect("it can be written");
    fs::set_permissions(&token, fs::Permissions::from_mode(0o600)).expect("it is ours");
    let args = ["--wolkvox.server=0042", "--wolkvox.token-file=mine", "--init.skip-doctor"];
    let said = fed(init(directory.path(), &args), "").await;
    assert!(said.status.success(), "{}", text(&said.stderr));
    let config = fs::read_to_string(directory.path().join("wolkvox.yaml")).expect("written");
    assert!(config.contains(&format!("token_file: {:?}", token.to_string_lossy())), "{config}");
    assert!(!directory.path().join("wolkvox.token").exists());
}

#[tokio::test]
async fn what_is_no_server_leaves_nothing_behind() {
    let directory = tempfile::tempdir().expect("a temporary directory can be created");
    let said = fed(init(directory.path(), &["--wolkvox.server=42"]), "token\n").await;
    assert_eq!(said.status.code(), Some(1));
    assert!(text(&said.stdout).contains("did you mean \"0042\""), "{}", text(&said.stdout));
    assert_eq!(fs::read_dir(directory.path()).expect("it is there").count(), 0);
    // An answer that does not come must not make it write anything either.
    let said = fed(init(directory.path(), &["--wolkvox.server=0042"]), "").await;
    assert!(text(&said.stderr).contains("no answer to"), "{}", text(&said.stderr));
    assert_eq!(fs::read_dir(directory.path()).expect("it is there").count(), 0);
}

/// A newcomer's first mistakes must be answered in Spanish before anything is written.
#[tokio::test]
async fn the_first_mistakes_are_told_in_spanish() {
    let directory = tempfile::tempdir().expect("a temporary directory can be created");
    let cases = [
        ("42\n", "servidor: un servidor tiene cuatro dígitos: ¿quiso decir \"0042\"?"),
        ("wolkvox\n", "servidor: esto no es un servidor: escriba sus cuatro dígitos"),
        ("", "sin respuesta a: Los cuatro dígitos de la operación"),
        ("0042\n", "sin respuesta a: Su token"),
        ("0042\n\n", "token: la respuesta no tiene nada"),
        ("0042\n'hunter2'\n", "token: la respuesta tiene un token entre comillas"),
        ("0042\nhunter2 hunter2\n", "token: la respuesta tiene un espacio"),
    ];
    for (input, answer) in cases {
        let said = fed(init(directory.path(), &["--lang=es"]), input).await;
        let printed = text(&said.stdout) + &text(&said.stderr);
        assert_eq!(said.status.code(), Some(1), "{printed}");
        let words: Vec<&str> = printed.split_whitespace().collect();
        assert!(words.join(" ").contains(answer), "{input:?}: {printed}");
        assert!(!printed.contains("hunter2"), "{printed}");
        assert_eq!(fs::read_dir(directory.path()).expect("it is there").count(), 0);
    }
    fs::write(directory.path().join("wolkvox.yaml"), "").expect("it can be written");
    let said = fed(init(directory.path(), &["--lang=es"]), "").await;
    assert!(
        text(&said.stderr).contains("ya existe, y no se sobrescribe nada"),
        "{}",
        text(&said.stderr)
    );
}

/// At a terminal, which `script` of Debian's base system provides, it must ask questions and hide
/// the token while it is typed.
#[tokio::test]
async fn at_a_terminal_it_asks_and_does_not_show_the_token() {
    let directory = tempfile::tempdir().expect("a temporary directory can be created");
    let mut command = debian::command("script");
    let inner =
        format!("{} init --init.skip-doctor --lang=en", env!("CARGO_BIN_EXE_wolkvox-exporter"));
    command.args(["--quiet", "--return", "--command", &inner, "/dev/null"]);
    command.env_remove("WOLKVOX_TOKEN").current_dir(directory.path());
    let said = fed(command, "0042\nhunter2-token\n").await;
    let out = text(&said.stdout);
    assert!(said.status.success(), "{out}");
    assert!(out.contains("The four digits of the operation") && out.contains("Its token"), "{out}");
    let after = out.split("Its token").nth(1).unwrap_or_default();
    assert!(!after.contains("hunter2-token"), "{out}");
    let token = fs::read_to_string(directory.path().join("wolkvox.token")).expect("written");
    assert_eq!(token, "hunter2-token\n");
}
