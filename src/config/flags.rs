//! Flags that follow from the declarations of settings.
//!
//! Owns the conversion of a declaration to a flag with its variable and its line in `--help`, and
//! the given texts. It must never judge a value or fill in a default: a flag that was not given
//! stays absent, so that the value of the file applies.

use std::{collections::BTreeMap, fmt, marker::PhantomData};

use clap::{
    Arg, ArgAction, ArgMatches, Args, Command, Error, FromArgMatches, builder::BoolishValueParser,
};

use super::{Arity, FlagGroup, Key};

/// The flags of the group `G` that were given, by name.
pub struct Flags<G> {
    given: BTreeMap<String, Vec<String>>,
    group: PhantomData<fn() -> G>,
}

impl<G> Flags<G> {
    /// Returns the text of a flag that takes one value.
    pub fn text(&self, flag: &str) -> Option<&str> {
        self.all(flag).first().map(String::as_str)
    }

    /// Returns the texts of a flag that may be repeated; none if it was not given.
    pub fn all(&self, flag: &str) -> &[String] {
        self.given.get(flag).map_or(&[], Vec::as_slice)
    }

    /// Adds a flag, or replaces it.
    #[must_use]
    pub fn with(mut self, flag: &str, text: impl Into<String>) -> Self {
        self.given.insert(flag.to_owned(), vec![text.into()]);
        self
    }
}

impl<G> Default for Flags<G> {
    fn default() -> Self {
        Self { given: BTreeMap::new(), group: PhantomData }
    }
}

impl<G> Clone for Flags<G> {
    fn clone(&self) -> Self {
        Self { given: self.given.clone(), group: PhantomData }
    }
}

impl<G> fmt::Debug for Flags<G> {
    /// Shows the names of the given flags. A value may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.given.keys()).finish()
    }
}

/// Flags of a group, with their declarations.
fn declared<G: FlagGroup>() -> impl Iterator<Item = (String, Key)> {
    G::keys().into_iter().filter_map(|key| Some((key.flag.clone()?, key)))
}

impl<G: FlagGroup> Args for Flags<G> {
    fn augment_args(command: Command) -> Command {
        let flags = declared::<G>().map(|(flag, key)| arg(flag, &key).help_heading(G::HEADING));
        command.args(flags)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

/// Makes the flag. clap keeps names for as long as the process runs.
fn arg(flag: String, key: &Key) -> Arg {
    let flag: &'static str = flag.leak();
    let help = match key.default {
        "" => key.help.clone(),
        default => format!("{} [default: {default}]", key.help),
    };
    let arg = Arg::new(flag).long(flag).help(help);
    let arg = match key.variable() {
        Some(variable) => arg.env(&*variable.leak()),
        None => arg,
    };
    match key.arity {
        Arity::One => arg.value_name(key.value_name),
        Arity::Many => {
            arg.value_name(key.value_name).action(ArgAction::Append).value_delimiter(',')
        }
        Arity::Switch => arg.action(ArgAction::SetTrue).value_parser(BoolishValueParser::new()),
    }
}

impl<G: FlagGroup> FromArgMatches for Flags<G> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let mut flags = Self::default();
        flags.update_from_arg_matches(matches)?;
        Ok(flags)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        for (flag, key) in declared::<G>() {
            let texts: Vec<String> = match key.arity {
                Arity::Switch if matches.get_flag(&flag) => vec!["true".to_owned()],
                Arity::Switch => Vec::new(),
                Arity::One | Arity::Many => {
                    matches.get_many::<String>(&flag).into_iter().flatten().cloned().collect()
                }
            };
            if !texts.is_empty() {
                self.given.insert(flag, texts);
            }
        }
        Ok(())
    }
}
