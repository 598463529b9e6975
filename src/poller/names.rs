//! The names of routing points and options: requested after the first successful poll, and then
//! once per day.
//!
//! Owns the known names and the days on which they were requested. It must never affect a poll: a
//! failure leaves the names unchanged, and the request is repeated after an hour.

use std::{collections::BTreeMap, sync::Arc};

use jiff::civil::Date;

use crate::{
    config::NameSources,
    model::{NameKind, Names, OptionRules},
};

/// Most names of each kind that are remembered, including those that the vendor no longer lists.
const MOST_REMEMBERED: usize = 20_000;

/// The known names, and the days on which the vendor sent them.
#[derive(Debug)]
pub(super) struct NameBook {
    /// The vendor's names.
    vendor: Names,
    /// The names as they are exposed.
    exposed: Arc<Names>,
    /// The server's day on which each kind was last answered.
    answered: BTreeMap<NameKind, Date>,
}

impl NameBook {
    /// Makes a name book from the stored names of the vendor. `rules` rename and fold their
    /// options.
    pub(super) fn new(sources: &NameSources, rules: &OptionRules, vendor: Names) -> Self {
        let vendor = if sources.vendor { vendor } else { Names::default() };
        let exposed = Arc::new(vendor.as_exposed(rules).overlaid(&sources.own));
        Self { vendor, exposed, answered: BTreeMap::new() }
    }

    /// Returns the names to expose.
    pub(super) fn exposed(&self) -> Arc<Names> {
        self.exposed.clone()
    }

    /// Returns the kinds of names that have not been answered on the server's day.
    pub(super) fn wanted(
        &self,
        sources: &NameSources,
        today: Date,
    ) -> impl Iterator<Item = NameKind> {
        let asks = sources.vendor;
        NameKind::ALL
            .into_iter()
            .filter(move |kind| asks && self.answered.get(kind) != Some(&today))
    }

    /// Returns the vendor's names of one kind.
    pub(super) fn vendor(&self, kind: NameKind) -> &BTreeMap<String, String> {
        self.vendor.list(kind)
    }

    /// Records that a kind was answered on the server's day.
    pub(super) fn answered(&mut self, kind: NameKind, today: Date) {
        self.answered.insert(kind, today);
    }

    /// Adds the names of an answer. Returns true if they differ from the known ones. An empty
    /// answer changes nothing, because an error may look the same.
    pub(super) fn learn(
        &mut self,
        kind: NameKind,
        answer: BTreeMap<String, String>,
        sources: &NameSources,
        rules: &OptionRules,
    ) -> bool {
        let list = self.vendor.list_mut(kind);
        let mut learned = list.clone();
        // A code that is no longer listed may still have series, which keep its name.
        learned.extend(answer.iter().map(|(code, name)| (code.clone(), name.clone())));
        if learned.len() > MOST_REMEMBERED {
            learned = answer;
        }
        if learned == *list {
            return false;
        }
        *list = learned;
        self.exposed = Arc::new(self.vendor.as_exposed(rules).overlaid(&sources.own));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(names: &[(&str, &str)]) -> BTreeMap<String, String> {
        names.iter().map(|(code, name)| ((*code).to_owned(), (*name).to_owned())).collect()
    }

    fn sources() -> NameSources {
        let own = Names { options: list(&[("1", "Ventas")]), ..Names::default() };
        NameSources { own, ..NameSources::default() }
    }

    fn rules() -> OptionRules {
        let mut rules = OptionRules::default();
        rules.rename("(?i)agente", "AGENTE").expect("a pattern");
        rules
    }

    #[test]
    fn what_is_no_longer_listed_keeps_its_name() {
        let (sources, rules) = (sources(), rules());
        let mut book = NameBook::new(&sources, &rules, Names::default());
        assert!(book.learn(
            NameKind::Options,
            list(&[("1", "Uno"), ("agente", "Asesor")]),
            &sources,
            &rules
        ));
        assert!(book.learn(NameKind::Options, list(&[("agente", "Persona")]), &sources, &rules));
        assert!(!book.learn(NameKind::Options, list(&[("agente", "Persona")]), &sources, &rules));
        assert!(!book.learn(NameKind::Options, BTreeMap::new(), &sources, &rules));
        let exposed = book.exposed();
        assert_eq!(
            (exposed.option("1"), exposed.option("AGENTE")),
            (Some("Ventas"), Some("Persona"))
        );
        assert_eq!(book.vendor.option("1"), Some("Uno"));
    }

    #[test]
    fn names_do_not_grow_without_end() {
        let (sources, rules) = (sources(), rules());
        let mut book = NameBook::new(&sources, &rules, Names::default());
        for round in 0..3 {
            let many =
                (0..9_000).map(|number| (format!("{round}-{number}"), "x".to_owned())).collect();
            assert!(book.learn(NameKind::RoutingPoints, many, &sources, &rules));
        }
        assert_eq!(book.vendor.routing_points.len(), 9_000);
        assert_eq!(book.exposed().routing_point("2-0"), Some("x"));
    }

    #[test]
    fn what_the_vendor_once_said_is_forgotten_when_it_is_not_to_be_asked() {
        let off = NameSources { vendor: false, ..sources() };
        let stored = Names { options: list(&[("1", "Uno"), ("2", "Dos")]), ..Names::default() };
        let exposed = NameBook::new(&off, &rules(), stored).exposed();
        assert_eq!((exposed.option("1"), exposed.option("2")), (Some("Ventas"), None));
    }
}
