//! Resolves the targets.
//!
//! Owns the choice between the one target of the `--wolkvox.*` flags and the targets of the file,
//! and the checks of each. It reads token files to check them, and must never keep a token.

pub(crate) mod egress;
pub(crate) mod expected;
pub(crate) mod keys;
pub(crate) mod names;
pub(crate) mod secret;
pub(crate) mod server;
pub(crate) mod token;
pub(crate) mod zone;

use std::path::{Path, PathBuf};

use self::keys::{
    ALLOW_HTTP, CA_FILE, NAMES_FILE, NAMES_FROM, NameFlags, OUTCOMES, PROXY_URL, SERVER, TIMEZONE,
    TOKEN_FILE, TargetFlags,
};
use crate::{
    config::{
        Environment, Flags, NameSources, Secret, TargetConfig, TokenSource,
        read::{
            diagnostics::{Diagnostics, with_hint},
            file::{ConfigFile, Scalar, TargetEntry},
            label,
        },
        setting::{boolean, flag_place},
    },
    i18n::{Bilingual, bilingual},
    wolkvox::Egress,
};

/// The variable that holds the token itself.
const TOKEN_VARIABLE: &str = "WOLKVOX_TOKEN";

/// A written text and its place.
#[derive(Debug)]
pub(crate) struct WrittenText<'a> {
    pub(crate) text: &'a str,
    pub(crate) place: String,
}

impl WrittenText<'_> {
    /// Parses it. Reports a problem and returns `None` if that fails.
    pub(crate) fn read<T, E: Into<Bilingual>>(
        &self,
        diagnostics: &mut Diagnostics,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let value = parse(self.text).map_err(|reason| with_hint(self.text, reason.into()));
        diagnostics.keep(&self.place, value)
    }
}

/// A path from the working directory, and its place.
pub(crate) struct WrittenPath {
    pub(crate) path: PathBuf,
    pub(crate) place: String,
}

/// The possible sources of the token, strongest first. Flag and variable apply to a single target
/// only.
struct TokenChoices<'a> {
    flag: Option<&'a Path>,
    variable: Option<&'a Secret>,
    file: Option<WrittenPath>,
}

/// The flags, variables and file from which targets are read.
#[derive(Clone, Copy)]
pub(crate) struct Given<'a> {
    pub(crate) target: &'a Flags<TargetFlags>,
    pub(crate) names: &'a Flags<NameFlags>,
    pub(crate) environment: &'a Environment,
    pub(crate) file: &'a ConfigFile,
}

impl<'a> Given<'a> {
    fn flag(&self, flag: &str) -> Option<&'a str> {
        self.target.text(flag).or_else(|| self.names.text(flag))
    }

    /// Returns the token of the environment, unless it is blank.
    fn token(&self) -> Option<&'a Secret> {
        self.environment.token.as_ref().filter(|token| !token.expose().trim().is_empty())
    }
}

pub(crate) fn resolve(given: Given<'_>, diagnostics: &mut Diagnostics) -> Vec<TargetConfig> {
    egress::check_environment(given.environment, diagnostics);
    let file = given.file;
    let entries = &file.root.targets;
    if given.flag(SERVER).is_some() && !entries.is_empty() {
        let reason = bilingual!(
            "the file has targets too: keep the flag or the targets, not both",
            "el archivo también tiene destinos: deje la opción o los destinos, no ambos"
        );
        diagnostics.problem(flag_place(SERVER), reason);
    }
    if entries.is_empty() {
        if given.flag(SERVER).is_none() {
            diagnostics.problem(
                flag_place(SERVER),
                bilingual!(
                    "no server to ask: give this flag, or list targets in --config.file (or try `wolkvox-exporter demo`)",
                    "no se indicó ningún servidor: dé esta opción, o liste destinos en --config.file (o pruebe `wolkvox-exporter demo`)"
                ),
            );
            return Vec::new();
        }
        let nothing = TargetEntry::default();
        let only = TargetTexts {
            given,
            entry: &nothing,
            index: None,
            place: flag_place(TOKEN_FILE),
            sole: true,
        };
        return only.resolve(diagnostics).into_iter().collect();
    }
    let sole = entries.len() == 1;
    if !sole {
        refuse_ambiguous(given, diagnostics);
    }
    let mut targets: Vec<TargetConfig> = Vec::with_capacity(entries.len());
    for (index, entry) in entries.iter().enumerate() {
        let place = file.place(&entry.referenced, &format!("targets[{index}]"));
        let source = TargetTexts { given, entry: &entry.value, index: Some(index), place, sole };
        let Some(target) = source.resolve(diagnostics) else { continue };
        if let Some(reason) = clash(&target, &targets) {
            diagnostics.problem(&source.place, reason);
        } else {
            targets.push(target);
        }
    }
    targets
}

/// Refuses flags of a single target if there are several; an unused token only causes a warning.
fn refuse_ambiguous(given: Given<'_>, diagnostics: &mut Diagnostics) {
    for (flag, key) in [
        (TOKEN_FILE, "token_file"),
        (TIMEZONE, "timezone"),
        (PROXY_URL, "proxy_url"),
        (CA_FILE, "tls.ca_file"),
        (OUTCOMES, "outcomes"),
        (NAMES_FROM, "names.from"),
        (NAMES_FILE, "names.file"),
    ] {
        if given.flag(flag).is_some() {
            let reason = bilingual!(
                "the file has several targets: give each its own `{key}`",
                "el archivo tiene varios destinos: dé a cada uno su propio `{key}`"
            );
            diagnostics.problem(flag_place(flag), reason);
        }
    }
    if given.token().is_some() {
        let reason = bilingual!(
            "not used, because the file has several targets",
            "no se usa, porque el archivo tiene varios destinos"
        );
        diagnostics.warn(TOKEN_VARIABLE, reason);
    }
}

/// The settings of one target, as written.
struct TargetTexts<'a> {
    given: Given<'a>,
    /// Its entry in the file; empty if flags alone describe it.
    entry: &'a TargetEntry,
    /// Index of the entry.
    index: Option<usize>,
    /// Place of the target as a whole.
    place: String,
    /// It is the only target, to which flags and variables apply.
    sole: bool,
}

impl<'a> TargetTexts<'a> {
    fn key(&self, key: &str) -> String {
        format!("targets[{}].{key}", self.index.unwrap_or_default())
    }

    fn place_of(&self, text: &Scalar, key: &str) -> String {
        self.given.file.place(&text.referenced, &self.key(key))
    }

    fn flag(&self, flag: &str) -> Option<&'a str> {
        self.given.flag(flag).filter(|_| self.sole)
    }

    /// Returns the flag if it was given, else the file's key.
    fn written(&self, flag: &str, key: &str, value: Option<&'a Scalar>) -> Option<WrittenText<'a>> {
        match (self.flag(flag), value) {
            (Some(text), _) => Some(WrittenText { text, place: flag_place(flag) }),
            (None, Some(text)) => {
                Some(WrittenText { text: &text.value, place: self.place_of(text, key) })
            }
            (None, None) => None,
        }
    }

    /// Returns the path in the file.
    fn path_in_file(&self, key: &str, value: Option<&Scalar>) -> Option<WrittenPath> {
        let text = value?;
        let path = self.given.file.path_from_here(&text.value);
        Some(WrittenPath { path, place: self.place_of(text, key) })
    }

    /// Returns the path of the flag, or else of the file.
    fn path(&self, flag: &str, key: &str, value: Option<&Scalar>) -> Option<WrittenPath> {
        match self.flag(flag) {
            Some(path) => Some(WrittenPath { path: path.into(), place: flag_place(flag) }),
            None => self.path_in_file(key, value),
        }
    }

    fn resolve(&self, diagnostics: &mut Diagnostics) -> Option<TargetConfig> {
        let entry = self.entry;
        let server = self.server(diagnostics);
        let name = match &entry.name {
            Some(name) => {
                let key = self.key("name");
                label::read(self.given.file, name, &key, label::LONGEST_NAME, diagnostics)
            }
            None => server.as_ref().map(|server| server.label.clone()),
        };
        let zone = match self.written(TIMEZONE, "timezone", entry.timezone.as_ref()) {
            Some(written) => written.read(diagnostics, zone::parse),
            None => diagnostics.keep("", zone::parse(TargetConfig::DEFAULT_ZONE)),
        };
        let licences = match &entry.licences {
            Some(text) => self.licences(text, diagnostics).map(Some),
            None => Some(None),
        };
        let outcomes = match self.written(OUTCOMES, "outcomes", entry.outcomes.as_ref()) {
            Some(written) => written.read(diagnostics, boolean),
            None => Some(false),
        };
        let choices = TokenChoices {
            flag: self.flag(TOKEN_FILE).map(Path::new),
            variable: self.given.token().filter(|_| self.sole),
            file: self.path_in_file("token_file", entry.token_file.as_ref()),
        };
        let token = token(choices, &self.place, diagnostics);
        let names = self.names(diagnostics);
        let server = server?;
        let egress = self.egress(&server.endpoint, diagnostics);
        Some(TargetConfig {
            name: name?,
            endpoint: server.endpoint,
            egress: egress?,
            token: token?,
            timezone: zone?,
            licences: licences?,
            outcomes: outcomes?,
            expected: Vec::new(),
            names: names?,
        })
    }

    fn egress(&self, endpoint: &reqwest::Url, diagnostics: &mut Diagnostics) -> Option<Egress> {
        let choices = egress::Choices {
            proxy: self.written(PROXY_URL, "proxy_url", self.entry.proxy_url.as_ref()),
            ca_file: self.path(CA_FILE, "tls.ca_file", self.entry.tls.ca_file.as_ref()),
            in_file: self.flag(PROXY_URL).is_none(),
        };
        egress::resolve(choices, endpoint, self.given.environment, diagnostics)
    }

    fn names(&self, diagnostics: &mut Diagnostics) -> Option<NameSources> {
        let entry = &self.entry.names;
        let from = self.written(NAMES_FROM, "names.from", entry.from.as_ref());
        let file = self.path(NAMES_FILE, "names.file", entry.file.as_ref());
        names::resolve(from, file.map(|file| file.path), diagnostics)
    }

    fn server(&self, diagnostics: &mut Diagnostics) -> Option<server::Server> {
        let allow_http = self.given.flag(ALLOW_HTTP).is_some();
        if self.index.is_none() {
            let written = self.written(SERVER, "server", None)?;
            return written.read(diagnostics, |text| server::parse(text, allow_http));
        }
        let Some(text) = &self.entry.server else {
            let reason = bilingual!(
                "a target needs a `server`, as in `server: \"0042\"`",
                "un destino necesita un `server`, como en `server: \"0042\"`"
            );
            diagnostics.problem(&self.place, reason);
            return None;
        };
        let place = self.place_of(text, "server");
        if self.given.file.is_bare_number(text) {
            diagnostics.problem(
                place,
                bilingual!(
                    "put the server in quotes, `server: \"{}\"`: without them YAML reads a number, \
                     and a number has no leading zeros",
                    "ponga el servidor entre comillas, `server: \"{}\"`: sin ellas YAML lee un número, \
                     y un número no tiene ceros a la izquierda";
                    text.value
                ),
            );
            return None;
        }
        WrittenText { text: &text.value, place }
            .read(diagnostics, |text| server::parse(text, allow_http))
    }

    fn licences(&self, text: &Scalar, diagnostics: &mut Diagnostics) -> Option<u32> {
        let number = text.value.trim().parse().ok().filter(|&number| number > 0);
        let number = number.ok_or_else(|| {
            bilingual!(
                "{:?} must be a whole number above 0",
                "{:?} debe ser un número entero mayor que 0"; text.value
            )
        });
        diagnostics.keep(&self.place_of(text, "licences"), number)
    }
}

/// Returns the strongest source, after checking that it holds a token now. `place` is that of the
/// target.
fn token(
    choices: TokenChoices<'_>,
    place: &str,
    diagnostics: &mut Diagnostics,
) -> Option<TokenSource> {
    let (source, place) = strongest(choices, place, diagnostics)?;
    diagnostics.keep(&place, source.read())?;
    if let Some(mode) = source.open_to_all()
        && let TokenSource::File(path) = &source
    {
        let path = path.display();
        diagnostics.warn(
            place,
            bilingual!(
                "every user of this machine can read {path} (mode {mode:04o}): chmod o-r {path}",
                "cualquier usuario de esta máquina puede leer {path} (modo {mode:04o}): chmod o-r {path}"
            ),
        );
    }
    Some(source)
}

/// Returns the strongest source of a token, and its place.
fn strongest(
    choices: TokenChoices<'_>,
    place: &str,
    diagnostics: &mut Diagnostics,
) -> Option<(TokenSource, String)> {
    match choices {
        TokenChoices { flag: Some(_), variable: Some(_), .. } => {
            let reason = bilingual!(
                "{TOKEN_VARIABLE} is set too: keep one of them",
                "{TOKEN_VARIABLE} también está definida: deje una de las dos"
            );
            diagnostics.problem(flag_place(TOKEN_FILE), reason);
            None
        }
        TokenChoices { flag: Some(path), .. } => {
            Some((TokenSource::File(path.to_owned()), flag_place(TOKEN_FILE)))
        }
        TokenChoices { variable: Some(token), file, .. } => {
            if let Some(WrittenPath { place, .. }) = file {
                let reason = bilingual!(
                    "not used, because {TOKEN_VARIABLE} is set",
                    "no se usa, porque {TOKEN_VARIABLE} está definida"
                );
                diagnostics.warn(place, reason);
            }
            let origin = bilingual!("the variable", "la variable");
            let source = diagnostics.keep(TOKEN_VARIABLE, TokenSource::fixed(token, &origin))?;
            Some((source, TOKEN_VARIABLE.to_owned()))
        }
        TokenChoices { file: Some(WrittenPath { path, place }), .. } => {
            Some((TokenSource::File(path), place))
        }
        TokenChoices { .. } => {
            diagnostics.problem(
                place,
                bilingual!(
                    "no token: name a file that holds it (--wolkvox.token-file, or `token_file` in the file), or set \
                     the variable {TOKEN_VARIABLE}",
                    "no hay token: nombre un archivo que lo tenga (--wolkvox.token-file, o `token_file` en el archivo), o \
                     defina la variable {TOKEN_VARIABLE}"
                ),
            );
            None
        }
    }
}

/// Returns the reason why `target` conflicts with the `others`, if it does.
fn clash(target: &TargetConfig, others: &[TargetConfig]) -> Option<Bilingual> {
    // The vendor allows one request at a time per token, and targets do not wait for each other.
    let mine = target.token.read().ok()?;
    let twin = others.iter().find(|other| {
        other.endpoint == target.endpoint
            && other.token.read().is_ok_and(|other| other.expose() == mine.expose())
    });
    if let Some(twin) = twin {
        return Some(bilingual!(
            "this is the target {:?} again, the same server with the same token: keep one",
            "este es otra vez el destino {:?}, el mismo servidor con el mismo token: deje uno";
            twin.name
        ));
    }
    let taken = others.iter().any(|other| other.name == target.name);
    taken.then(|| {
        bilingual!(
            "another target is called {:?} already: give this one a `name` of its own",
            "otro destino ya se llama {:?}: dé a este un `name` propio"; target.name
        )
    })
}
