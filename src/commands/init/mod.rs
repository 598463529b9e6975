//! `init`: makes a working configuration from a server's digits and a token.
//!
//! It asks for everything that flags do not set, writes a commented configuration and a token file
//! that only its owner may read, runs [`doctor`], and prints the next steps. It must never
//! overwrite a file, show the token, or ask if flags set everything.

mod files;
mod texts;

use std::{
    io::{self, Write},
    path::Path,
};

use jiff::Timestamp;

use super::doctor;
use crate::{
    cli::{InitArgs, RunArgs},
    config::{self, ConfigError, Environment, Problem, Secret, TokenSource},
    i18n::{Language, bilingual, say},
    wolkvox::ClientLimits,
};
use files::Files;
use texts::Text;

/// The source of answers: a terminal, or piped input.
pub trait Answers {
    /// Reads a line.
    ///
    /// # Errors
    /// When there is none.
    fn line(&mut self, question: &str) -> io::Result<String>;
    /// Reads a line without showing it.
    ///
    /// # Errors
    /// When there is none.
    fn hidden(&mut self, question: &str) -> io::Result<String>;
}

/// Sets up a target. Returns true if nothing is left to do.
///
/// # Errors
/// When a file exists or cannot be written, when an answer is missing, or when `out` cannot be
/// written.
pub async fn run(
    args: &InitArgs,
    environment: &Environment,
    language: Language,
    answers: &mut dyn Answers,
    clock: &dyn Fn() -> Timestamp,
    out: &mut dyn Write,
) -> anyhow::Result<bool> {
    let directory = args.directory.as_deref().unwrap_or_else(|| Path::new("."));
    let files = Files::new(directory, language)?;
    let mut environment = environment.clone();
    let server = match ask(args, &mut environment, language, answers)? {
        Ok(server) => server,
        Err(problem) => {
            doctor::refuse(&ConfigError { problems: vec![problem] }, language, out)?;
            return Ok(false);
        }
    };
    let wolkvox = args.wolkvox.clone().with("wolkvox.server", server);
    let token = environment.token.clone().filter(|_| wolkvox.text("wolkvox.token-file").is_none());
    let run_args = RunArgs { wolkvox: wolkvox.clone(), ..RunArgs::default() };
    let resolved = match config::resolve(&run_args, &environment, clock()) {
        Ok(resolved) => resolved,
        Err(error) => {
            doctor::refuse(&error, language, out)?;
            return Ok(false);
        }
    };
    files.write(&wolkvox, token.as_ref())?;
    let config = files.config().display().to_string();
    writeln!(out, "{}", say(Text::Written, language, &[("config", config.clone())]))?;
    if token.is_some() {
        let values = [("token", files.token().display().to_string())];
        writeln!(out, "{}", say(Text::TokenWritten, language, &values))?;
    }
    writeln!(out)?;
    let well = args.skip_doctor
        || doctor::run(
            &resolved.config,
            &resolved.warnings,
            language,
            ClientLimits::default(),
            clock,
            out,
        )
        .await?;
    print_next_steps(well, &config, language, out)?;
    Ok(well)
}

/// Prints the next commands, and a scrape configuration for Prometheus.
fn print_next_steps(
    well: bool,
    config: &str,
    language: Language,
    out: &mut dyn Write,
) -> io::Result<()> {
    writeln!(out)?;
    if !well {
        writeln!(
            out,
            "{}\n  wolkvox-exporter doctor --config.file={config}\n",
            say(Text::First, language, &[])
        )?;
    }
    writeln!(
        out,
        "{}\n  wolkvox-exporter --config.file={config}\n",
        say(Text::Start, language, &[])
    )?;
    writeln!(out, "{}\n{}", say(Text::Scrape, language, &[]), include_str!("scrape.yaml"))?;
    writeln!(out, "{}", say(Text::Page, language, &[]))
}

/// Asks for the server and the token, unless flags or variables have them, and checks each answer
/// before the next question. Returns the server. A typed token is stored as that of the
/// environment.
fn ask(
    args: &InitArgs,
    environment: &mut Environment,
    language: Language,
    answers: &mut dyn Answers,
) -> anyhow::Result<Result<String, Problem>> {
    let server = match args.wolkvox.text("wolkvox.server") {
        Some(server) => server.to_owned(),
        None => {
            let question = say(Text::AskServer, language, &[]);
            answers.line(&question).map_err(|error| no_answer(error, &question, language))?
        }
    };
    if let Err(error) =
        config::parse_server(&server, args.wolkvox.text("wolkvox.allow-http").is_some())
    {
        let place = say(Text::ServerPlace, language, &[]);
        return Ok(Err(Problem { place, message: error.into() }));
    }
    let source = match args.wolkvox.text("wolkvox.token-file") {
        Some(path) => Ok(TokenSource::File(path.into())),
        None => {
            if environment.token.is_none() {
                let question = say(Text::AskToken, language, &[]);
                let answer = answers
                    .hidden(&question)
                    .map_err(|error| no_answer(error, &question, language))?;
                environment.token = Some(Secret::new(answer.trim()));
            }
            let token = environment.token.clone().unwrap_or_else(|| Secret::new(""));
            TokenSource::fixed(&token, &bilingual!("the answer", "la respuesta"))
        }
    };
    match source.and_then(|source| source.read()) {
        Ok(_) => Ok(Ok(server)),
        Err(error) => {
            let place = say(Text::TokenPlace, language, &[]);
            Ok(Err(Problem { place, message: error.into() }))
        }
    }
}

/// Names the question in the error if the input ended before an answer.
fn no_answer(error: io::Error, question: &str, language: Language) -> anyhow::Error {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        return anyhow::anyhow!(say(
            Text::NoAnswer,
            language,
            &[("question", question.trim().to_owned())]
        ));
    }
    error.into()
}
