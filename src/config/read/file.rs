//! The configuration file, and the file of names, as written.
//!
//! Owns their keys and the parser. Every value stays the text that was written, with its place, so
//! that `resolve` can name the line and distinguish `0042` from `"0042"`. It must never interpret a
//! value.

use std::{
    collections::BTreeMap,
    fs,
    io::Read,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_saphyr::{Error, Location, MessageFormatter, Spanned, UserMessageFormatter};

use crate::config::{
    baseline::BaselineKeys,
    metrics::{MenuKeys, journey::JourneyKeys},
    poll::PollKeys,
    read::{diagnostics::Problem, suggest},
    state::StateKeys,
    web::WebKeys,
};
use crate::i18n::{Bilingual, bilingual};

/// Size of the largest file, in bytes, so that a file named by mistake is not read whole.
const LARGEST: u64 = 1 << 20;

/// A scalar of the file, unquoted and with its place.
pub(crate) type Scalar = Spanned<String>;

/// A file, or the absence of one.
#[derive(Debug, Default)]
pub(crate) struct YamlFile<R> {
    path: PathBuf,
    source: String,
    pub(crate) root: R,
}

/// The configuration file.
pub(crate) type ConfigFile = YamlFile<Root>;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Root {
    #[serde(default, deserialize_with = "nothing_is_default")]
    pub(crate) targets: Vec<Spanned<TargetEntry>>,
    #[serde(default, deserialize_with = "nothing_is_default")]
    pub(crate) poll: PollKeys,
    #[serde(default, deserialize_with = "nothing_is_default")]
    pub(crate) menu: MenuKeys,
    #[serde(default, deserialize_with = "nothing_is_default")]
    pub(crate) journey: JourneyKeys,
    #[serde(default, deserialize_with = "nothing_is_default")]
    pub(crate) baseline: BaselineKeys,
    #[serde(default, deserialize_with = "nothing_is_default")]
    pub(crate) state: StateKeys,
    #[serde(default, deserialize_with = "nothing_is_default")]
    pub(crate) web: WebKeys,
}

/// A file of names.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NamesRoot {
    #[serde(default, deserialize_with = "nothing_is_default")]
    pub(crate) routing_points: BTreeMap<String, Scalar>,
    #[serde(default, deserialize_with = "nothing_is_default")]
    pub(crate) options: BTreeMap<String, Scalar>,
    #[serde(default, deserialize_with = "nothing_is_default")]
    pub(crate) options_at: BTreeMap<String, BTreeMap<String, Scalar>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TargetEntry {
    pub(crate) name: Option<Scalar>,
    pub(crate) server: Option<Scalar>,
    pub(crate) token_file: Option<Scalar>,
    pub(crate) proxy_url: Option<Scalar>,
    #[serde(default, deserialize_with = "nothing_is_default")]
    pub(crate) tls: TlsEntry,
    pub(crate) timezone: Option<Scalar>,
    pub(crate) licences: Option<Scalar>,
    pub(crate) outcomes: Option<Scalar>,
    #[serde(default, deserialize_with = "nothing_is_default")]
    pub(crate) names: NamesEntry,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TlsEntry {
    pub(crate) ca_file: Option<Scalar>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NamesEntry {
    pub(crate) from: Option<Scalar>,
    pub(crate) file: Option<Scalar>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OptionsEntry {
    #[serde(default, deserialize_with = "nothing_is_default")]
    pub(crate) allow: Vec<Scalar>,
    #[serde(default, deserialize_with = "nothing_is_default")]
    pub(crate) deny: Vec<Scalar>,
    #[serde(default, deserialize_with = "nothing_is_default")]
    pub(crate) rename: Vec<Spanned<RenameEntry>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RenameEntry {
    #[serde(rename = "match")]
    pub(crate) pattern: Option<Scalar>,
    pub(crate) to: Option<Scalar>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExpectedEntry {
    pub(crate) target: Option<Scalar>,
    pub(crate) rp_id: Option<Scalar>,
    pub(crate) channel: Option<Scalar>,
    #[serde(default, deserialize_with = "nothing_is_default")]
    pub(crate) options: Vec<Scalar>,
}

/// Reads a key without a value (`poll:` with all its lines commented out) as an absent key.
pub(crate) fn nothing_is_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    from: D,
) -> Result<T, D::Error> {
    Option::deserialize(from).map(Option::unwrap_or_default)
}

impl<R: DeserializeOwned> YamlFile<R> {
    /// Reads and parses `path`; `what` describes the file in messages, with its article: "the
    /// configuration file".
    pub(crate) fn read(path: &Path, what: &Bilingual) -> Result<Self, Problem> {
        let place = path.display().to_string();
        let mut bytes = Vec::new();
        let read =
            fs::File::open(path).and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes));
        if let Err(reason) = read {
            return Err(Problem {
                place,
                message: bilingual!(in what: "cannot read {what}: {reason}", "no se puede leer {what}: {reason}"),
            });
        }
        if bytes.len() as u64 > LARGEST {
            return Err(Problem {
                place,
                message: bilingual!(in what: "larger than 1 MiB: that is not {what}", "pesa más de 1 MiB: eso no es {what}"),
            });
        }
        match String::from_utf8(bytes) {
            Ok(source) => Self::parse(path, source),
            Err(_) => Err(Problem {
                place,
                message: bilingual!(
                    "not a text file in UTF-8: save it as one (a byte-order mark of UTF-16 at its start is a sign of another)",
                    "no es un archivo de texto en UTF-8: guárdelo así (una marca de orden de bytes de UTF-16 al comienzo indica que no lo es)"
                ),
            }),
        }
    }

    fn parse(path: &Path, source: String) -> Result<Self, Problem> {
        let options = serde_saphyr::options! {
            // An option may be called NO; only true and false are booleans in YAML 1.2.
            strict_booleans: true,
            // A snippet would print the neighbouring lines, which may hold secrets.
            with_snippet: false,
        };
        match serde_saphyr::from_str_with_options(&source, options) {
            Ok(root) => Ok(Self { path: path.to_owned(), source, root }),
            Err(error) => Err(problem(path, &error)),
        }
    }
}

impl<R> YamlFile<R> {
    /// Formats `file:line:column: key`.
    pub(crate) fn place(&self, at: &Location, key: &str) -> String {
        format!("{}:{}:{}: {key}", self.path.display(), at.line(), at.column())
    }

    /// Returns the whole text, which may hold secrets.
    pub(crate) fn source(&self) -> &str {
        &self.source
    }

    /// Returns a path in the file, which is relative to the file's directory unless it is absolute.
    pub(crate) fn path_from_here(&self, path: &str) -> PathBuf {
        self.path.parent().unwrap_or(Path::new("")).join(path)
    }

    /// Returns true if the scalar has no quotes and YAML takes it for a number or a boolean.
    ///
    /// The text is kept as written either way; but another program that reads the file, or the one
    /// that wrote it, would see `0042` as 42.
    pub(crate) fn is_bare_number(&self, text: &Scalar) -> bool {
        let start =
            text.defined.span().byte_offset().and_then(|offset| usize::try_from(offset).ok());
        let quoted = start
            .and_then(|start| self.source.get(start..))
            .is_some_and(|rest| rest.starts_with(['"', '\'']));
        let value = text.value.trim();
        let digits = value.trim_start_matches(['+', '-', '.']).replace('_', "");
        let number = digits.starts_with(|first: char| first.is_ascii_digit())
            && (digits.parse::<f64>().is_ok()
                || digits.starts_with("0x")
                || digits.starts_with("0o"));
        !quoted
            && (number || value.eq_ignore_ascii_case("true") || value.eq_ignore_ascii_case("false"))
    }
}

/// Describes the mistake for the person who wrote the file.
fn explain(error: &Error) -> Bilingual {
    match error {
        Error::SerdeUnknownField { field, .. }
            if field.contains("token") && field != "token_file" =>
        {
            bilingual!(
                "unknown key `{field}`: the token itself does not stand in this file, a `token_file` does",
                "clave desconocida `{field}`: el token no va en este archivo; lo que va es un `token_file`"
            )
        }
        Error::SerdeUnknownField { field, expected, .. } => {
            match suggest::closest(field, expected.iter().copied()) {
                Some(meant) => bilingual!(
                    "unknown key `{field}`: did you mean `{meant}`?",
                    "clave desconocida `{field}`: ¿quiso decir `{meant}`?"
                ),
                None => bilingual!(
                    "unknown key `{field}`: the keys here are {}",
                    "clave desconocida `{field}`: las claves de aquí son {}"; expected.join(", ")
                ),
            }
        }
        Error::DuplicateMappingKey { key: Some(key), .. } => {
            bilingual!(
                "the key `{key}` stands here for the second time: keep one",
                "la clave `{key}` está aquí por segunda vez: deje una"
            )
        }
        Error::NullIntoString { .. } => {
            bilingual!("a value is missing here", "aquí falta un valor")
        }
        Error::MultipleDocuments { .. } => bilingual!(
            "a second document begins here: a configuration is one",
            "aquí empieza un segundo documento: una configuración es uno solo"
        ),
        other => {
            let reason = UserMessageFormatter.format_message(other);
            bilingual!(
                "this is not the YAML that belongs here: {reason}",
                "esto no es el YAML que va aquí: {reason}"
            )
        }
    }
}

fn problem(path: &Path, error: &Error) -> Problem {
    let error = error.without_snippet();
    let message = explain(error);
    let place = match error.location() {
        Some(at) => format!("{}:{}:{}", path.display(), at.line(), at.column()),
        None => path.display().to_string(),
    };
    // A key may hold anything that YAML can quote, including control sequences for a terminal.
    Problem {
        place,
        message: Bilingual::new(|language| {
            message.in_language(language).replace(char::is_control, " ")
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(source: &str) -> Result<ConfigFile, String> {
        ConfigFile::parse(Path::new("etc/w.yml"), source.to_owned())
            .map_err(|problem| problem.to_string())
    }

    #[test]
    fn sections_may_be_left_out_or_empty() {
        for source in ["", "# nothing yet\n", "poll:\ntargets:\nmenu:\n  expected:\n", "{}"] {
            let file = parse(source).expect(source);
            assert!(file.root.targets.is_empty() && file.root.poll.interval.is_none());
        }
    }

    #[test]
    fn texts_stay_as_written() {
        let file = parse("menu:\n  expected:\n  - options: [1, 0042, NO, \"2\", 'a b', N/D]\n")
            .expect("good");
        let options = &file.root.menu.expected[0].value.options;
        let seen: Vec<_> =
            options.iter().map(|text| (text.value.as_str(), file.is_bare_number(text))).collect();
        let expected = [
            ("1", true),
            ("0042", true),
            ("NO", false),
            ("2", false),
            ("a b", false),
            ("N/D", false),
        ];
        assert_eq!(seen, expected);
        assert_eq!(file.place(&options[1].referenced, "x"), "etc/w.yml:3:18: x");
    }

    #[test]
    fn what_yaml_takes_for_something_else_is_seen() {
        for (written, bare) in [
            ("0042", true),
            ("0x1f", true),
            ("1e3", true),
            ("-1.5", true),
            ("1_000", true),
            ("true", true),
            ("\"0042\"", false),
            ("'0042'", false),
            ("wv0042", false),
            ("PULSE", false),
            ("12:30", false),
            ("ñ", false),
        ] {
            let file = parse(&format!("# ñ\nstate: {{path: {written}}}")).expect(written);
            assert_eq!(
                file.is_bare_number(file.root.state.path.as_ref().expect("a path")),
                bare,
                "{written}"
            );
        }
    }

    #[test]
    fn errors_name_line_reason_and_remedy() {
        for (source, message) in [
            (
                "poll:\n  intervall: 5m\n",
                "etc/w.yml:2:3: unknown key `intervall`: did you mean `interval`?",
            ),
            (
                "\"a\\e[2J\": 1",
                "etc/w.yml:1:1: unknown key `a [2J`: the keys here are targets, poll, menu, journey, baseline, state, web",
            ),
            (
                "web: {}\nweb: {}\n",
                "etc/w.yml:2:1: the key `web` stands here for the second time: keep one",
            ),
            (
                "a\n",
                "etc/w.yml:1:1: this is not the YAML that belongs here: expected mapping start",
            ),
            (
                "poll: {}\n---\npoll: {}\n",
                "etc/w.yml:3:1: a second document begins here: a configuration is one",
            ),
            ("web: {listen_addresses: [~]}", "etc/w.yml:1:26: a value is missing here"),
        ] {
            assert_eq!(parse(source).expect_err(source), message, "{source}");
        }
        let token = parse("targets:\n- token: hunter2\n").expect_err("refused");
        assert!(token.contains("`token_file`") && !token.contains("hunter2"), "{token}");
    }
}
