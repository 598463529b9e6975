//! Whom to ask, from what was written.
//!
//! Owns the choice between the one target of the `--wolkvox.*` flags and the targets of the file, and the
//! checks of each. It reads token files to see that they are good, and must never keep what it read.

pub(crate) mod egress;
pub(crate) mod expected;
pub(crate) mod names;
pub(crate) mod secret;
pub(crate) mod server;
pub(crate) mod token;
pub(crate) mod zone;

use std::path::{Path, PathBuf};

use crate::cli::{NamesArgs, WolkvoxArgs};
use crate::config::{
    Environment, NameSources, Secret, TargetConfig, TokenSource,
    read::{
        diagnostics::{Diagnostics, with_hint},
        file::{ConfigFile, TargetEntry},
        label,
        precedence::{Written, flag_place, given},
    },
};
use crate::wolkvox::Egress;

/// The variable that holds the token itself.
const TOKEN_VARIABLE: &str = "WOLKVOX_TOKEN";
/// Where the servers known keep their clocks.
const DEFAULT_ZONE: &str = "America/Bogota";

/// What may say where the token is, strongest first. Flag and variable speak of one target only.
struct TokenChoices<'a> {
    flag: Option<&'a Path>,
    variable: Option<&'a Secret>,
    file: Option<(PathBuf, String)>,
}

pub(crate) fn resolve(
    args: &WolkvoxArgs,
    names: &NamesArgs,
    environment: &Environment,
    file: &ConfigFile,
    findings: &mut Diagnostics,
) -> Vec<TargetConfig> {
    egress::check_environment(environment, findings);
    let entries = &file.root.targets;
    if args.server.is_some() && !entries.is_empty() {
        findings.problem(
            flag_place("wolkvox.server"),
            "the file has targets too: keep the flag or the targets, not both",
        );
    }
    match (&args.server, entries.as_slice()) {
        (None, []) => {
            findings.problem(
                flag_place("wolkvox.server"),
                "no server to ask: give this flag, or list targets in --config.file (or try `wolkvox-exporter demo`)",
            );
            Vec::new()
        }
        (Some(text), []) => from_flags(text, args, names, environment, file, findings).into_iter().collect(),
        (_, entries) => {
            let sole = entries.len() == 1;
            if !sole {
                refuse_ambiguous(args, names, environment, findings);
            }
            let mut targets: Vec<TargetConfig> = Vec::with_capacity(entries.len());
            for (index, entry) in entries.iter().enumerate() {
                let place = file.place(&entry.referenced, &format!("targets[{index}]"));
                let from_file = FromFile { file, entry: &entry.value, index, place, sole };
                let Some(target) = from_file.resolve(args, names, environment, findings) else { continue };
                if let Some(reason) = clash(&target, &targets) {
                    findings.problem(&from_file.place, reason);
                } else {
                    targets.push(target);
                }
            }
            targets
        }
    }
}

/// The token of the environment; one of blanks counts as not set.
fn set_token(environment: &Environment) -> Option<&Secret> {
    environment.token.as_ref().filter(|token| !token.expose().trim().is_empty())
}

/// The one target that needs no file.
fn from_flags(
    server: &str,
    args: &WolkvoxArgs,
    names: &NamesArgs,
    environment: &Environment,
    file: &ConfigFile,
    findings: &mut Diagnostics,
) -> Option<TargetConfig> {
    let server = Written { text: server, place: flag_place("wolkvox.server") }
        .read(findings, |text| server::parse(text, args.allow_http));
    let zone = timezone(given(args.timezone.as_deref(), "wolkvox.timezone", file, None, ""), findings);
    let choices =
        TokenChoices { flag: args.token_file.as_deref(), variable: set_token(environment), file: None };
    let token = token(choices, &flag_place("wolkvox.token-file"), findings);
    let names = names_of(names, file, findings);
    let server::Server { label: name, endpoint } = server?.value;
    let choices = egress::Choices {
        proxy: given(args.proxy_url.as_deref(), "wolkvox.proxy-url", file, None, ""),
        ca_file: args.ca_file.clone().map(|path| (path, flag_place("wolkvox.ca-file"))),
        in_file: false,
    };
    let egress = egress::resolve(choices, &endpoint, environment, findings);
    Some(TargetConfig {
        name,
        endpoint,
        egress: egress?,
        token: token?,
        timezone: zone?,
        licences: None,
        expected: Vec::new(),
        names: names?,
    })
}

/// The sources of names that flags alone can give.
fn names_of(args: &NamesArgs, file: &ConfigFile, findings: &mut Diagnostics) -> Option<NameSources> {
    let from = given(args.from.as_deref(), "names.from", file, None, "");
    names::resolve(from, args.file.clone(), findings)
}

/// With several targets, what speaks of "the" target is refused; a token nobody uses is only odd.
fn refuse_ambiguous(
    args: &WolkvoxArgs,
    names: &NamesArgs,
    environment: &Environment,
    findings: &mut Diagnostics,
) {
    let several = "the file has several targets: give each its own";
    if args.token_file.is_some() {
        findings.problem(flag_place("wolkvox.token-file"), format!("{several} `token_file`"));
    }
    if args.timezone.is_some() {
        findings.problem(flag_place("wolkvox.timezone"), format!("{several} `timezone`"));
    }
    if args.proxy_url.is_some() {
        findings.problem(flag_place("wolkvox.proxy-url"), format!("{several} `proxy_url`"));
    }
    if args.ca_file.is_some() {
        findings.problem(flag_place("wolkvox.ca-file"), format!("{several} `tls.ca_file`"));
    }
    if names.from.is_some() {
        findings.problem(flag_place("names.from"), format!("{several} `names.from`"));
    }
    if names.file.is_some() {
        findings.problem(flag_place("names.file"), format!("{several} `names.file`"));
    }
    if set_token(environment).is_some() {
        findings.warn(TOKEN_VARIABLE, "not used, because the file has several targets");
    }
}

/// One entry of the file's `targets`.
struct FromFile<'a> {
    file: &'a ConfigFile,
    entry: &'a TargetEntry,
    index: usize,
    place: String,
    sole: bool,
}

impl FromFile<'_> {
    fn key(&self, key: &str) -> String {
        format!("targets[{}].{key}", self.index)
    }

    fn resolve(
        &self,
        args: &WolkvoxArgs,
        names: &NamesArgs,
        environment: &Environment,
        findings: &mut Diagnostics,
    ) -> Option<TargetConfig> {
        let server = self.server(args.allow_http, findings);
        let name = match &self.entry.name {
            Some(name) => {
                label::read(self.file, name, &self.key("name"), label::LONGEST_NAME, findings).map(Some)
            }
            None => Some(None),
        };
        let flag = args.timezone.as_deref().filter(|_| self.sole);
        let written =
            given(flag, "wolkvox.timezone", self.file, self.entry.timezone.as_ref(), &self.key("timezone"));
        let zone = timezone(written, findings);
        let licences = self.licences(findings);
        let choices = TokenChoices {
            flag: args.token_file.as_deref().filter(|_| self.sole),
            variable: set_token(environment).filter(|_| self.sole),
            file: self.entry.token_file.as_ref().map(|path| {
                (
                    self.file.path_from_here(&path.value),
                    self.file.place(&path.referenced, &self.key("token_file")),
                )
            }),
        };
        let token = token(choices, &self.place, findings);
        let names = self.names(names, findings);
        let server = server?;
        let egress = self.egress(args, &server.endpoint, environment, findings);
        Some(TargetConfig {
            name: name?.unwrap_or(server.label),
            endpoint: server.endpoint,
            egress: egress?,
            token: token?,
            timezone: zone?,
            licences: licences?,
            expected: Vec::new(),
            names: names?,
        })
    }

    fn egress(
        &self,
        args: &WolkvoxArgs,
        endpoint: &reqwest::Url,
        environment: &Environment,
        findings: &mut Diagnostics,
    ) -> Option<Egress> {
        let flag = args.proxy_url.as_deref().filter(|_| self.sole);
        let written = self.entry.proxy_url.as_ref();
        let ca_file = match args.ca_file.as_ref().filter(|_| self.sole) {
            Some(path) => Some((path.clone(), flag_place("wolkvox.ca-file"))),
            None => self.entry.tls.ca_file.as_ref().map(|path| {
                let place = self.file.place(&path.referenced, &self.key("tls.ca_file"));
                (self.file.path_from_here(&path.value), place)
            }),
        };
        let choices = egress::Choices {
            proxy: given(flag, "wolkvox.proxy-url", self.file, written, &self.key("proxy_url")),
            ca_file,
            in_file: flag.is_none(),
        };
        egress::resolve(choices, endpoint, environment, findings)
    }

    fn names(&self, args: &NamesArgs, findings: &mut Diagnostics) -> Option<NameSources> {
        let entry = &self.entry.names;
        let flag = args.from.as_deref().filter(|_| self.sole);
        let from = given(flag, "names.from", self.file, entry.from.as_ref(), &self.key("names.from"));
        let file = match args.file.as_ref().filter(|_| self.sole) {
            Some(path) => Some(path.clone()),
            None => entry.file.as_ref().map(|path| self.file.path_from_here(&path.value)),
        };
        names::resolve(from, file, findings)
    }

    fn server(&self, allow_http: bool, findings: &mut Diagnostics) -> Option<server::Server> {
        let Some(text) = &self.entry.server else {
            findings.problem(&self.place, "a target needs a `server`, as in `server: \"0042\"`");
            return None;
        };
        let place = self.file.place(&text.referenced, &self.key("server"));
        if self.file.is_bare_number(text) {
            findings.problem(
                place,
                format!(
                    "put the server in quotes, `server: \"{}\"`: without them YAML reads a number, \
                     and a number has no leading zeros",
                    text.value
                ),
            );
            return None;
        }
        let server = server::parse(&text.value, allow_http);
        findings.keep(&place, server.map_err(|reason| with_hint(&text.value, reason)))
    }

    /// The licences written, if any were; nothing after a problem.
    fn licences(&self, findings: &mut Diagnostics) -> Option<Option<u32>> {
        let Some(text) = &self.entry.licences else { return Some(None) };
        let place = self.file.place(&text.referenced, &self.key("licences"));
        let number = text.value.trim().parse().ok().filter(|&number| number > 0);
        findings
            .keep(&place, number.ok_or_else(|| format!("{:?} must be a whole number above 0", text.value)))
            .map(Some)
    }
}

fn timezone(written: Option<Written<'_>>, findings: &mut Diagnostics) -> Option<jiff::tz::TimeZone> {
    let written =
        written.unwrap_or_else(|| Written { text: DEFAULT_ZONE, place: flag_place("wolkvox.timezone") });
    written.read(findings, zone::parse).map(|zone| zone.value)
}

/// The strongest source, after a look that it holds a token now.
fn token(choices: TokenChoices<'_>, place: &str, findings: &mut Diagnostics) -> Option<TokenSource> {
    let (source, place) = match choices {
        TokenChoices { flag: Some(_), variable: Some(_), .. } => {
            let reason = format!("{TOKEN_VARIABLE} is set too: keep one of them");
            findings.problem(flag_place("wolkvox.token-file"), reason);
            return None;
        }
        TokenChoices { flag: Some(path), .. } => {
            (TokenSource::File(path.to_owned()), flag_place("wolkvox.token-file"))
        }
        TokenChoices { variable: Some(token), file, .. } => {
            if let Some((_, place)) = file {
                findings.warn(place, format!("not used, because {TOKEN_VARIABLE} is set"));
            }
            (
                findings.keep(TOKEN_VARIABLE, TokenSource::fixed(token, "the variable"))?,
                TOKEN_VARIABLE.to_owned(),
            )
        }
        TokenChoices { file: Some((path, place)), .. } => (TokenSource::File(path), place),
        TokenChoices { .. } => {
            findings.problem(
                place,
                format!("no token: name a file that holds it (--wolkvox.token-file, or `token_file` in the file), or set the variable {TOKEN_VARIABLE}"),
            );
            return None;
        }
    };
    findings.keep(&place, source.read())?;
    if let (Some(mode), TokenSource::File(path)) = (source.open_to_all(), &source) {
        let path = path.display();
        findings.warn(
            place,
            format!("every user of this machine can read {path} (mode {mode:04o}): chmod o-r {path}"),
        );
    }
    Some(source)
}

/// Why `target` cannot stand beside the `others`.
fn clash(target: &TargetConfig, others: &[TargetConfig]) -> Option<String> {
    // The vendor allows a token one request at a time, and each target asks by itself.
    let token = |target: &TargetConfig| target.token.read().ok();
    let mine = token(target)?;
    let is_twin = |other: &&TargetConfig| {
        other.endpoint == target.endpoint && token(other).is_some_and(|other| other.expose() == mine.expose())
    };
    if let Some(twin) = others.iter().find(is_twin) {
        return Some(format!(
            "this is the target {:?} again, the same server with the same token: keep one",
            twin.name
        ));
    }
    let taken = others.iter().any(|other| other.name == target.name);
    taken.then(|| {
        format!("another target is called {:?} already: give this one a `name` of its own", target.name)
    })
}
