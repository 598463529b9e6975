//! Declarations of settings: all facts about one setting, in one place.
//!
//! Owns the form of a declaration (`section!`, [`Kind`], [`Key`]). The flags, the keys of the file,
//! their precedence, the output of `--config.check`, the refusal of a reload, and the schema of the
//! file follow from it; a test compares the tables of `docs/configuration.md` with it. It must know
//! no setting by name.

use std::{collections::BTreeMap, fmt, path::PathBuf, str::FromStr, time::Duration};

use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use serde_saphyr::Spanned;

use crate::config::{
    Flags, Problem,
    read::{
        diagnostics::{Diagnostics, with_hint},
        duration::{parse, parse_seconds, show},
        file::{ConfigFile, OptionsEntry, Scalar},
    },
};
use crate::i18n::{Bilingual, Language, bilingual};

/// Untyped part of a declaration: the names under which a setting is known, and what people read
/// about it.
#[derive(Debug, Clone)]
pub struct Key {
    /// Path in the configuration file, such as `poll.interval`; `None` if only a flag sets it.
    pub path: Option<String>,
    /// Flag without its hyphens, such as `poll.interval`; `None` if only the file sets it.
    pub flag: Option<String>,
    /// Word for the value in `--help`.
    pub value_name: &'static str,
    /// Default as people write it; empty if there is none.
    pub default: &'static str,
    /// One sentence for `--help` and the schema.
    pub help: String,
    /// Number of values, and of times that the flag may be given.
    pub arity: Arity,
    /// Path whose relative form begins at the directory of the file that names it.
    pub is_path: bool,
    /// Holds from the start of the process to its end, so that a reload must not change it.
    pub fixed: bool,
    /// JSON schema of the value in the file.
    pub schema: Value,
}

/// Number of values that a setting takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arity {
    /// One value; the flag is given once.
    One,
    /// A list; the flag is repeated, or its values are separated by commas.
    Many,
    /// `true` or `false`; the flag alone means `true`.
    Switch,
}

impl Key {
    /// Declares a setting of one text.
    pub(crate) fn text(value_name: &'static str, help: &str) -> Self {
        Self {
            path: None,
            flag: None,
            value_name,
            default: "",
            help: help.to_owned(),
            arity: Arity::One,
            is_path: false,
            fixed: false,
            schema: json!({"type": "string", "minLength": 1}),
        }
    }

    pub(crate) fn at(self, path: &str) -> Self {
        Self { path: Some(path.to_owned()), ..self }
    }

    pub(crate) fn flag(self, flag: &str) -> Self {
        Self { flag: Some(flag.to_owned()), ..self }
    }

    pub(crate) fn or(self, default: &'static str) -> Self {
        Self { default, ..self }
    }

    pub(crate) fn schema(self, schema: Value) -> Self {
        Self { schema, ..self }
    }

    pub(crate) fn switch(self) -> Self {
        Self { arity: Arity::Switch, schema: json!({"type": "boolean"}), ..self }
    }

    /// Returns the variable of the environment that stands for the flag.
    pub fn variable(&self) -> Option<String> {
        self.flag.as_deref().map(variable)
    }

    /// Returns the place that a message names if the setting was not given: the flag if there is
    /// one.
    fn default_place(&self) -> String {
        match (&self.flag, &self.path) {
            (Some(flag), _) => flag_place(flag),
            (None, Some(path)) => path.clone(),
            (None, None) => String::new(),
        }
    }
}

fn variable(flag: &str) -> String {
    let name = flag.strip_prefix("wolkvox.").unwrap_or(flag);
    format!("WOLKVOX_{}", name.replace(['.', '-'], "_").to_uppercase())
}

/// Returns the name of a flag and of its variable, as messages show them.
pub(crate) fn flag_place(flag: &str) -> String {
    format!("--{flag} ({})", variable(flag))
}

/// Settings that may be given as flags, under one heading of `--help`.
pub trait FlagGroup: 'static {
    /// Heading in `--help`.
    const HEADING: &'static str;
    /// Returns the declarations, in the order of `--help`.
    fn keys() -> Vec<Key>;
}

/// A section of the configuration file whose settings are declared with `section!`.
pub(crate) trait Section: FlagGroup + Default {
    /// The section as written in the file.
    type File: DeserializeOwned + Default + fmt::Debug;
    /// Key of the section.
    const NAME: &'static str;
    /// Returns the declarations.
    fn settings() -> Vec<Setting<Self>>;
}

/// One declared setting of the section `S`.
pub(crate) struct Setting<S: Section> {
    pub(crate) key: Key,
    parse: Assign<S>,
    show: Show<S>,
    written: fn(&S::File) -> Option<&Scalar>,
}

/// Reads a text into a section.
type Assign<S> = Box<dyn Fn(&mut S, &str) -> Result<(), Bilingual>>;
/// Shows a value of a section; nothing if it is not set.
type Show<S> = Box<dyn Fn(&S) -> Option<String>>;
/// Reads a text as a value.
type Parse<T> = Box<dyn Fn(&str) -> Result<T, Bilingual>>;

impl<S: Section> Setting<S> {
    pub(crate) fn new<T: 'static>(
        name: &'static str,
        help: &str,
        kind: Kind<T>,
        get: fn(&S) -> &T,
        set: fn(&mut S, T),
        written: fn(&S::File) -> Option<&Scalar>,
    ) -> Self {
        let Kind { mut key, parse, show, has_flag, .. } = kind;
        let path = format!("{}.{name}", S::NAME);
        if has_flag && key.flag.is_none() {
            key.flag = Some(path.replace('_', "-"));
        }
        key.path = Some(path);
        key.help = help.trim().to_owned();
        Self {
            key,
            parse: Box::new(move |section, text| parse(text).map(|value| set(section, value))),
            show: Box::new(move |section| show(get(section))),
            written,
        }
    }
}

/// Typed part of a declaration: default, bounds, parser and form in `--config.check`.
pub(crate) struct Kind<T> {
    key: Key,
    has_flag: bool,
    initial: Box<dyn Fn() -> T>,
    parse: Parse<T>,
    show: fn(&T) -> Option<String>,
}

impl<T: 'static> Kind<Option<T>> {
    /// Declares a setting of one value that may stay unset.
    pub(crate) fn optional(
        value_name: &'static str,
        parse: impl Fn(&str) -> Result<Option<T>, Bilingual> + 'static,
        show: fn(&Option<T>) -> Option<String>,
    ) -> Self {
        Self {
            key: Key::text(value_name, ""),
            has_flag: true,
            initial: Box::new(|| None),
            parse: Box::new(parse),
            show,
        }
    }
}

impl<T: 'static> Kind<T> {
    /// Declares a setting of one value. `default` must be a text that `parse` reads.
    pub(crate) fn new(
        value_name: &'static str,
        default: &'static str,
        parse: impl Fn(&str) -> Result<T, Bilingual> + Clone + 'static,
        show: fn(&T) -> Option<String>,
    ) -> Self {
        let of_default = parse.clone();
        Self {
            key: Key::text(value_name, "").or(default),
            has_flag: true,
            initial: Box::new(move || of_default(default).expect("the default is good")),
            parse: Box::new(parse),
            show,
        }
    }

    /// Declares a setting that a function of its section reads, because it is more than one text or
    /// needs other settings.
    pub(crate) fn apart(
        default: &'static str,
        initial: fn() -> T,
        show: fn(&T) -> Option<String>,
        schema: Value,
    ) -> Self {
        Self {
            key: Key::text("VALUE", "").or(default).schema(schema),
            has_flag: false,
            initial: Box::new(initial),
            parse: Box::new(|_| {
                Err(bilingual!("a text cannot stand here", "aquí no puede ir un texto"))
            }),
            show,
        }
    }

    /// Names the flag, where it is not the path with hyphens.
    pub(crate) fn flag(mut self, flag: &str) -> Self {
        self.key.flag = Some(flag.to_owned());
        self
    }

    pub(crate) fn file_only(mut self) -> Self {
        self.has_flag = false;
        self
    }

    /// Lets the flag be given several times.
    pub(crate) fn repeated(mut self, value_name: &'static str) -> Self {
        self.key.arity = Arity::Many;
        self.key.value_name = value_name;
        self
    }

    /// Refuses a reload that changes the setting.
    pub(crate) fn until_restart(mut self) -> Self {
        self.key.fixed = true;
        self
    }

    pub(crate) fn value_name(mut self, value_name: &'static str) -> Self {
        self.key.value_name = value_name;
        self
    }

    pub(crate) fn schema(mut self, schema: Value) -> Self {
        self.key.schema = schema;
        self
    }

    pub(crate) fn initial(&self) -> T {
        (self.initial)()
    }
}

/// Lowest and highest value of a setting, both allowed, and the reason for them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds<T> {
    pub(crate) min: Option<T>,
    pub(crate) max: Option<T>,
    /// Advice that ends the message, in English and in Spanish; may be empty.
    pub(crate) advice: [&'static str; 2],
}

impl<T: PartialOrd + Copy> Bounds<T> {
    pub(crate) const NONE: Self = Self { min: None, max: None, advice: ["", ""] };

    pub(crate) const fn between(min: T, max: T) -> Self {
        Self { min: Some(min), max: Some(max), advice: ["", ""] }
    }

    pub(crate) const fn at_least(min: T) -> Self {
        Self { min: Some(min), max: None, advice: ["", ""] }
    }

    pub(crate) const fn at_most(max: T, advice: [&'static str; 2]) -> Self {
        Self { min: None, max: Some(max), advice }
    }

    fn contain(&self, value: T) -> bool {
        self.min.is_none_or(|min| value >= min) && self.max.is_none_or(|max| value <= max)
    }

    /// Ends a sentence that begins with "must be".
    fn text(&self, show: impl Fn(T) -> String) -> Bilingual {
        let [english, spanish] = self.advice;
        let advice = Bilingual::new(|language| match language {
            Language::En => english.to_owned(),
            Language::Es => spanish.to_owned(),
        });
        match (self.min.map(&show), self.max.map(&show)) {
            (Some(min), Some(max)) => {
                bilingual!(in advice: "from {min} to {max}{advice}", "de {min} a {max}{advice}")
            }
            (Some(min), None) => {
                bilingual!(in advice: "at least {min}{advice}", "de {min} como mínimo{advice}")
            }
            (None, Some(max)) => {
                bilingual!(in advice: "at most {max}{advice}", "de {max} como máximo{advice}")
            }
            (None, None) => advice,
        }
    }
}

fn bounded(duration: Duration, bounds: &Bounds<Duration>) -> Result<Duration, Bilingual> {
    if bounds.contain(duration) {
        return Ok(duration);
    }
    let allowed = bounds.text(show);
    Err(bilingual!(in allowed: "{} must be {allowed}", "{} debe ser {allowed}"; show(duration)))
}

/// Declares a duration, which may have a fraction of a second.
pub(crate) fn duration(default: &'static str, bounds: Bounds<Duration>) -> Kind<Duration> {
    duration_kind(default, move |text| bounded(parse(text)?, &bounds))
}

/// Declares a duration in whole seconds, because the vendor's dates have no fraction.
pub(crate) fn seconds(default: &'static str, bounds: Bounds<Duration>) -> Kind<Duration> {
    duration_kind(default, move |text| bounded_seconds(text, &bounds))
}

/// Reads whole seconds within bounds.
pub(crate) fn bounded_seconds(
    text: &str,
    bounds: &Bounds<Duration>,
) -> Result<Duration, Bilingual> {
    bounded(parse_seconds(text)?, bounds)
}

fn duration_kind(
    default: &'static str,
    parse: impl Fn(&str) -> Result<Duration, Bilingual> + Clone + 'static,
) -> Kind<Duration> {
    let schema = json!({"type": "string", "pattern": "^.*[A-Za-z].*$"});
    Kind::new("DURATION", default, parse, |value| Some(show(*value))).schema(schema)
}

/// Declares a whole number within two bounds, which messages show.
pub(crate) fn number<T>(default: &'static str, min: T, max: T) -> Kind<T>
where
    T: FromStr + fmt::Display + PartialOrd + Copy + Serialize + 'static,
{
    let schema = json!({"type": "integer", "minimum": min, "maximum": max});
    Kind::new(
        "NUMBER",
        default,
        move |text| parse_number(text, min, max),
        |value| Some(value.to_string()),
    )
    .schema(schema)
}

fn parse_number<T: FromStr + fmt::Display + PartialOrd + Copy>(
    text: &str,
    min: T,
    max: T,
) -> Result<T, Bilingual> {
    let text = text.trim();
    let number = text.parse().ok().filter(|number| Bounds::between(min, max).contain(*number));
    number.ok_or_else(|| {
        bilingual!(
            "{text:?} must be a whole number from {min} to {max}",
            "{text:?} debe ser un número entero de {min} a {max}"
        )
    })
}

/// Declares a setting that is `true` or `false`.
pub(crate) fn switch() -> Kind<bool> {
    let mut kind = Kind::new("", "", boolean, |value| Some(value.to_string()));
    kind.initial = Box::new(|| false);
    kind.key = kind.key.switch();
    kind
}

/// Reads `true` or `false`.
pub(crate) fn boolean(text: &str) -> Result<bool, Bilingual> {
    match text.trim() {
        "true" => Ok(true),
        "false" => Ok(false),
        other => Err(bilingual!(
            "{other:?} must be `true` or `false`",
            "{other:?} debe ser `true` o `false`"
        )),
    }
}

/// Declares a file without a default.
pub(crate) fn optional_file() -> Kind<Option<PathBuf>> {
    let mut kind = Kind::optional(
        "FILE",
        |text| Ok(Some(PathBuf::from(text))),
        |path| path.as_ref().map(|path| path.display().to_string()),
    );
    kind.key.is_path = true;
    kind
}

/// Declares a file with a default.
pub(crate) fn file(default: &'static str) -> Kind<PathBuf> {
    let mut kind = Kind::new(
        "FILE",
        default,
        move |text| parse_path(text, default),
        |path| Some(path.display().to_string()),
    );
    kind.key.is_path = true;
    kind
}

fn parse_path(text: &str, example: &str) -> Result<PathBuf, Bilingual> {
    let path = PathBuf::from(text);
    let names_a_file = path.file_name().is_some();
    names_a_file.then_some(path).ok_or_else(|| {
        bilingual!(
            "this names no file: write a path such as {example}",
            "esto no nombra un archivo: escriba una ruta como {example}"
        )
    })
}

/// Joins the items of a list, as `--config.check` prints them.
pub(crate) fn listed(items: impl IntoIterator<Item = impl fmt::Display>) -> String {
    let items: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    items.join(", ")
}

/// A section as it was read: each setting has the given value, or its default.
pub(crate) struct SectionRead<S> {
    pub(crate) config: S,
    /// The place where each setting was given, by its name in the section.
    origins: BTreeMap<String, String>,
    default_places: BTreeMap<String, String>,
    /// All given settings could be read.
    pub(crate) sound: bool,
}

impl<S> SectionRead<S> {
    /// Returns the place at which to change the setting, given or not.
    pub(crate) fn place(&self, name: &str) -> String {
        let place = self.origins.get(name).or_else(|| self.default_places.get(name));
        place.cloned().unwrap_or_default()
    }

    /// Returns the origin of the value, to follow the value in another setting's message.
    pub(crate) fn origin(&self, name: &str) -> Bilingual {
        match self.origins.get(name) {
            Some(place) => bilingual!(", from {place}", ", de {place}"),
            None => bilingual!(" by default", " por defecto"),
        }
    }
}

/// Reads a section: a flag or its variable wins over the file, the file over the default. Reports
/// every problem.
pub(crate) fn read_section<S: Section>(
    flags: &Flags<S>,
    file: &ConfigFile,
    written: &S::File,
    diagnostics: &mut Diagnostics,
) -> SectionRead<S> {
    let mut read = SectionRead {
        config: S::default(),
        origins: BTreeMap::new(),
        default_places: BTreeMap::new(),
        sound: true,
    };
    for setting in S::settings() {
        let Key { path: Some(path), flag, is_path, .. } = &setting.key else { continue };
        let name = path.split_once('.').map_or(path.as_str(), |(_, name)| name).to_owned();
        read.default_places.insert(name.clone(), setting.key.default_place());
        let by_flag = flag
            .as_deref()
            .filter(|_| setting.key.arity != Arity::Many)
            .and_then(|flag| flags.text(flag).map(|text| (text.to_owned(), flag_place(flag))));
        let given = by_flag.or_else(|| {
            let text = (setting.written)(written)?;
            let value = if *is_path && !text.value.is_empty() {
                file.path_from_here(&text.value).to_string_lossy().into_owned()
            } else {
                text.value.clone()
            };
            Some((value, file.place(&text.referenced, path)))
        });
        let Some((text, place)) = given else { continue };
        match (setting.parse)(&mut read.config, &text) {
            Ok(()) => {
                read.origins.insert(name, place);
            }
            Err(reason) => {
                read.sound = false;
                diagnostics.problem(place, with_hint(&text, reason));
            }
        }
    }
    read
}

/// Writes a section as `--config.check` prints it.
pub(crate) fn show_section<S: Section>(section: &S, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    writeln!(f, "{}:", S::NAME)?;
    for setting in S::settings() {
        let path = setting.key.path.as_deref().unwrap_or_default();
        let name = path.split_once('.').map_or(path, |(_, name)| name);
        match (setting.show)(section) {
            // A group of keys has lines of its own.
            Some(value) if value.starts_with('\n') => writeln!(f, "  {name}:{value}")?,
            Some(value) => writeln!(f, "  {name}: {value}")?,
            None => {}
        }
    }
    Ok(())
}

/// Reports every setting of a section that differs although a reload must not change it.
pub(crate) fn changed_until_restart<S: Section>(
    running: &S,
    wanted: &S,
    problems: &mut Vec<Problem>,
) {
    for setting in S::settings().into_iter().filter(|setting| setting.key.fixed) {
        let before = (setting.show)(running).unwrap_or_else(|| "none".to_owned());
        let after = (setting.show)(wanted).unwrap_or_else(|| "none".to_owned());
        if before != after {
            problems.push(Problem {
                place: setting.key.path.unwrap_or_default(),
                message: bilingual!(
                    "changed from {before} to {after}: that takes a restart, or change it back",
                    "cambió de {before} a {after}: para eso hay que reiniciar; si no, devuélvalo a como estaba"
                ),
            });
        }
    }
}

/// The text of a key of the file, if it holds one text.
pub(crate) trait OneText {
    fn one_text(&self) -> Option<&Scalar> {
        None
    }
}

impl OneText for Option<Scalar> {
    fn one_text(&self) -> Option<&Scalar> {
        self.as_ref()
    }
}

impl OneText for OptionsEntry {}
impl OneText for Option<Spanned<Vec<Scalar>>> {}
impl<T> OneText for Vec<T> {}
impl<T> OneText for BTreeMap<String, T> {}
impl<T> OneText for Option<Vec<T>> {}

/// Declares a section: its type, its flags, and its keys in the file.
///
/// Each setting is written as a field: the doc comment is its help, then come name, type and
/// [`Kind`]. A setting that is not one text names the type of its key in the file after `as`, and a
/// function of the section reads it.
macro_rules! section {
    (
        $(#[$meta:meta])*
        pub struct $Config:ident: $name:literal, $heading:literal, $File:ident {
            $( $(#[doc = $help:literal])+ $field:ident: $type:ty $(as $file:ty)? = $kind:expr; )+
        }
        $( in file only { $( $(#[$more_meta:meta])* $more:ident: $more_file:ty; )+ } )?
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq)]
        pub struct $Config {
            $( $(#[doc = $help])+ pub $field: $type, )+
        }

        impl Default for $Config {
            fn default() -> Self {
                Self { $( $field: $kind.initial(), )+ }
            }
        }

        /// The section as written in the file.
        #[derive(Debug, Default, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        pub(crate) struct $File {
            $(
                #[serde(default, deserialize_with = "crate::config::read::file::nothing_is_default")]
                pub(crate) $field: $crate::config::setting::section!(@file $($file)?),
            )+
            $( $(
                #[serde(default, deserialize_with = "crate::config::read::file::nothing_is_default")]
                pub(crate) $more: $more_file,
            )+ )?
        }

        impl $crate::config::setting::FlagGroup for $Config {
            const HEADING: &'static str = $heading;

            fn keys() -> Vec<$crate::config::setting::Key> {
                use $crate::config::setting::Section as _;
                Self::settings().into_iter().map(|setting| setting.key).collect()
            }
        }

        impl $crate::config::setting::Section for $Config {
            type File = $File;
            const NAME: &'static str = $name;

            fn settings() -> Vec<$crate::config::setting::Setting<Self>> {
                use $crate::config::setting::{OneText as _, Setting};
                vec![ $( Setting::new(
                    stringify!($field),
                    concat!($($help),+),
                    $kind,
                    |section| &section.$field,
                    |section, value| section.$field = value,
                    |file| file.$field.one_text(),
                ), )+ ]
            }
        }
    };
    (@file) => { Option<$crate::config::read::file::Scalar> };
    (@file $file:ty) => { $file };
}
pub(crate) use section;
