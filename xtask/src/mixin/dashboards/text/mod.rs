//! Every word that a user reads, in every language: tables with the languages side by side.
//!
//! It must never hold a query or a colour. Looking up a missing key ends the generator with the
//! key's name; a key that is never looked up fails a test.

mod common;
mod health;
mod journeys;
mod menus;

/// A language of the dashboards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    English,
    Spanish,
}

/// Key, English, Spanish.
pub type Text = (&'static str, &'static str, &'static str);

impl Language {
    pub(crate) const ALL: [Self; 2] = [Self::English, Self::Spanish];

    /// Returns the code in the folder, the tag and the `uid`.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Spanish => "es",
        }
    }

    /// Returns the name of the language in that language.
    pub(crate) fn own_name(self) -> &'static str {
        match self {
            Self::English => "English",
            Self::Spanish => "Español",
        }
    }

    /// Returns the text of a key.
    ///
    /// # Panics
    /// If no table has such a key, because the dashboard cannot be written without it.
    pub(crate) fn text(self, key: &str) -> &'static str {
        self.find(key)
            .unwrap_or_else(|| panic!("the tables of texts have no key {key:?}: add it in text/"))
    }

    /// Returns the text of a key that need not exist.
    pub(crate) fn find(self, key: &str) -> Option<&'static str> {
        let (_, english, spanish) = texts().find(|(name, ..)| *name == key)?;
        Some(match self {
            Self::English => english,
            Self::Spanish => spanish,
        })
    }
}

/// Returns all texts.
pub fn texts() -> impl Iterator<Item = &'static Text> {
    [common::TEXTS, menus::TEXTS, journeys::TEXTS, health::TEXTS].into_iter().flatten()
}
