//! The names of routing points and options: asked for after the first poll that succeeded, and then once a day.
//!
//! Whatever happens here must never touch the poll: a failure leaves the names as they were and is tried again in
//! an hour.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use jiff::civil::Date;
use tokio::time::Instant;
use tracing::{debug, info};

use super::{CycleError, Poller, Source, blocking};
use crate::{
    model::{NameKind, Names, OptionRules},
    schedule::quota::{self, Purpose},
    wolkvox::ApiError,
};

const RETRY: Duration = Duration::from_secs(3600);
/// So many are remembered of each kind, with those that the vendor has ceased to list.
const MOST_REMEMBERED: usize = 20_000;

/// Where a target's names come from.
#[derive(Debug, Default)]
pub struct NameSettings {
    /// Whether the vendor is asked.
    pub ask: bool,
    /// The operator's own, which win; by the codes that are exposed.
    pub own: Names,
}

/// What is known, and when it was asked for.
#[derive(Debug)]
pub(super) struct NameBook {
    /// As the vendor gave them.
    vendor: Names,
    /// As they are exposed.
    exposed: Arc<Names>,
    /// The server's day on which each kind was answered.
    answered: BTreeMap<NameKind, Date>,
    /// No request before.
    after: Instant,
}

impl NameBook {
    /// `vendor` is what the vendor once said; `rules`, under which codes its options are exposed.
    pub(super) fn new(settings: &NameSettings, rules: &OptionRules, vendor: Names) -> Self {
        let vendor = if settings.ask { vendor } else { Names::default() };
        let exposed = Arc::new(vendor.as_exposed(rules).overlaid(&settings.own));
        Self { vendor, exposed, answered: BTreeMap::new(), after: Instant::now() }
    }

    /// The names to expose.
    pub(super) fn exposed(&self) -> Arc<Names> {
        self.exposed.clone()
    }

    /// Takes over an answer; whether it says anything new. An empty one says nothing: an error may look like it.
    fn learn(
        &mut self,
        kind: NameKind,
        answer: BTreeMap<String, String>,
        settings: &NameSettings,
        rules: &OptionRules,
    ) -> bool {
        let list = self.vendor.list_mut(kind);
        let mut learned = list.clone();
        // What is no longer listed may still have series, which go on being called what they were.
        learned.extend(answer.iter().map(|(code, name)| (code.clone(), name.clone())));
        if learned.len() > MOST_REMEMBERED {
            learned = answer;
        }
        if learned == *list {
            return false;
        }
        *list = learned;
        self.exposed = Arc::new(self.vendor.as_exposed(rules).overlaid(&settings.own));
        true
    }
}

impl<S: Source> Poller<S> {
    /// The names to expose.
    pub fn names(&self) -> Arc<Names> {
        self.names.exposed()
    }

    /// Asks for the names that are due. Only the end of the process is an error.
    pub(super) async fn ask_names(&mut self) -> Result<(), CycleError> {
        if !self.settings.names.ask || Instant::now() < self.names.after {
            return Ok(());
        }
        let today = quota::day((self.clock)(), &self.settings.zone);
        for kind in NameKind::ALL {
            if self.names.answered.get(&kind) == Some(&today) {
                continue;
            }
            self.names.after = Instant::now() + RETRY;
            if self.spend(Purpose::Background).await.is_err() {
                return Ok(());
            }
            let (source, length) = (self.source.clone(), self.parser.label_length());
            let started = Instant::now();
            let answer = self.tend(async move { source.names(kind, length).await }).await?;
            if !matches!(answer, Ok(None) | Err(ApiError::TokenUnreadable(_))) {
                self.telemetry.requested(started.elapsed(), answer.as_ref().err().map(ApiError::class));
            }
            match answer {
                Ok(answer) => {
                    self.names.answered.insert(kind, today);
                    self.take_names(kind, answer.unwrap_or_default()).await;
                }
                Err(fault) => info!(
                    server = self.settings.name,
                    class = fault.class().as_str(),
                    "no names of {} came, trying again in an hour: {fault}",
                    kind.as_str()
                ),
            }
        }
        if NameKind::ALL.iter().all(|kind| self.names.answered.get(kind) == Some(&today)) {
            self.names.after = Instant::now();
        }
        Ok(())
    }

    async fn take_names(&mut self, kind: NameKind, answer: BTreeMap<String, String>) {
        debug!(server = self.settings.name, names = answer.len(), "names of {} came", kind.as_str());
        if !self.names.learn(kind, answer, &self.settings.names, &self.settings.rules) {
            return;
        }
        let (store, id, list) = (self.store.clone(), self.id, self.names.vendor.list(kind).clone());
        if let Err(error) = blocking(move || store.keep_names(id, kind, &list)).await {
            // They are in memory, and will be asked for again tomorrow.
            self.stale = true;
            info!(server = self.settings.name, "names could not be stored: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(names: &[(&str, &str)]) -> BTreeMap<String, String> {
        names.iter().map(|(code, name)| ((*code).to_owned(), (*name).to_owned())).collect()
    }

    fn settings() -> NameSettings {
        let mut settings = NameSettings { ask: true, ..NameSettings::default() };
        settings.own.options = list(&[("1", "Ventas")]);
        settings
    }

    fn rules() -> OptionRules {
        let mut rules = OptionRules::default();
        rules.rename("(?i)agente", "AGENTE").expect("a pattern");
        rules
    }

    #[test]
    fn what_is_no_longer_listed_keeps_its_name() {
        let (settings, rules) = (settings(), rules());
        let mut book = NameBook::new(&settings, &rules, Names::default());
        assert!(book.learn(
            NameKind::Options,
            list(&[("1", "Uno"), ("agente", "Asesor")]),
            &settings,
            &rules
        ));
        assert!(book.learn(NameKind::Options, list(&[("agente", "Persona")]), &settings, &rules));
        assert!(!book.learn(NameKind::Options, list(&[("agente", "Persona")]), &settings, &rules));
        assert!(!book.learn(NameKind::Options, BTreeMap::new(), &settings, &rules));
        let exposed = book.exposed();
        assert_eq!((exposed.option("1"), exposed.option("AGENTE")), (Some("Ventas"), Some("Persona")));
        assert_eq!(book.vendor.option("1"), Some("Uno"));
    }

    #[test]
    fn names_do_not_grow_without_end() {
        let (settings, rules) = (settings(), rules());
        let mut book = NameBook::new(&settings, &rules, Names::default());
        for round in 0..3 {
            let many = (0..9_000).map(|number| (format!("{round}-{number}"), "x".to_owned())).collect();
            assert!(book.learn(NameKind::RoutingPoints, many, &settings, &rules));
        }
        assert_eq!(book.vendor.routing_points.len(), 9_000);
        assert_eq!(book.exposed().routing_point("2-0"), Some("x"));
    }

    #[test]
    fn what_the_vendor_once_said_is_forgotten_when_it_is_not_to_be_asked() {
        let off = NameSettings { ask: false, ..settings() };
        let stored = Names { options: list(&[("1", "Uno"), ("2", "Dos")]), ..Names::default() };
        let exposed = NameBook::new(&off, &rules(), stored).exposed();
        assert_eq!((exposed.option("1"), exposed.option("2")), (Some("Ventas"), None));
    }
}
