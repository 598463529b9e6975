//! Blocks of interactions against a plain map, and journeys in the order of their deadlines.

use std::num::NonZeroU64;

use ledger::{Delta, OpenJourney};
use redb::ReadableTableMetadata;

use super::*;
use crate::{interactions, schema::INTERACTIONS};

const TARGET: u32 = 7;

fn add(store: &Store, target: u32, some: &BTreeMap<NonZeroU64, i64>) {
    store
        .write(|write| {
            let mut table = write.open_table(INTERACTIONS).map_err(failed)?;
            interactions::add(&mut table, target, some.iter().map(|(who, until)| (*who, *until)))
        })
        .unwrap();
}

fn all(store: &Store, target: u32) -> BTreeMap<NonZeroU64, i64> {
    let table = |view: &View| view.table(INTERACTIONS);
    store.read(|view| interactions::all(&table(view)?, target)).unwrap().into_iter().collect()
}

fn until(
    store: &Store,
    target: u32,
    asked: &BTreeSet<NonZeroU64>,
    oldest: i64,
) -> Vec<Option<i64>> {
    let asked: Vec<_> = asked.iter().copied().collect();
    let table = |view: &View| view.table(INTERACTIONS);
    store.read(|view| interactions::until(&table(view)?, target, &asked, oldest)).unwrap()
}

fn forget(store: &Store, target: u32, oldest: i64) {
    store
        .write(|write| {
            interactions::forget(
                &mut write.open_table(INTERACTIONS).map_err(failed)?,
                target,
                oldest,
            )
        })
        .unwrap();
}

fn blocks(store: &Store) -> u64 {
    store.read(|view| view.table(INTERACTIONS)?.len().map_err(failed)).unwrap()
}

fn some(
    who: impl Strategy<Value = u64>,
    most: usize,
) -> impl Strategy<Value = BTreeMap<NonZeroU64, i64>> {
    let who = who.prop_map(|who| NonZeroU64::new(who).unwrap());
    prop::collection::btree_map(who, -3 * HOUR..5 * HOUR, 0..most)
}

proptest! {
    /// Added in any order and number, again and again, beside other targets; asked for what is
    /// there and what is not.
    #[test]
    fn an_interaction_is_known_until_the_latest_second_that_was_added(
        steps in prop::collection::vec(prop_oneof![some(1..60u64, 40), some(1..=u64::MAX, 700)], 1..9),
        asked in prop::collection::btree_set(1..70u64, 0..70),
        oldest in -4 * HOUR..6 * HOUR,
    ) {
        let store = Store::in_memory([1; 16]).unwrap();
        let mut real: BTreeMap<NonZeroU64, i64> = BTreeMap::new();
        for step in &steps {
            add(&store, TARGET, step);
            add(&store, TARGET - 1, &BTreeMap::from([(NonZeroU64::MIN, 9 * HOUR)]));
            add(&store, TARGET + 1, &BTreeMap::from([(NonZeroU64::MAX, 9 * HOUR)]));
            for (who, until) in step {
                let latest = real.entry(*who).or_insert(*until);
                *latest = until.max(latest).to_owned();
            }
        }
        prop_assert_eq!(all(&store, TARGET), real.clone());
        let mut asked: BTreeSet<_> = asked.into_iter().filter_map(NonZeroU64::new).collect();
        asked.extend(real.keys().step_by(3));
        let known = |who: &NonZeroU64| real.get(who).copied().filter(|until| *until >= oldest);
        prop_assert_eq!(until(&store, TARGET, &asked, oldest), asked.iter().map(known).collect::<Vec<_>>());

        forget(&store, TARGET, oldest);
        prop_assert_eq!(until(&store, TARGET, &asked, oldest), asked.iter().map(known).collect::<Vec<_>>());
        let hour = oldest.div_euclid(HOUR) * HOUR;
        let left = real.iter().filter(|(_, until)| **until >= hour).map(|(who, until)| (*who, *until));
        prop_assert_eq!(all(&store, TARGET), left.collect::<BTreeMap<_, _>>());
        prop_assert_eq!(all(&store, TARGET + 1), BTreeMap::from([(NonZeroU64::MAX, 9 * HOUR)]));
    }
}

/// However they come, one by one or all at once.
#[test]
fn blocks_are_neither_many_nor_large() {
    let who = |n: u64| NonZeroU64::new(n.wrapping_mul(0x9e37_79b9_7f4a_7c15)).unwrap();
    let store = Store::in_memory([1; 16]).unwrap();
    for n in 1..=2000 {
        add(&store, TARGET, &BTreeMap::from([(who(n), 100)]));
    }
    assert!(blocks(&store) <= 5, "{} blocks of 2,000 that came one by one", blocks(&store));
    add(&store, TARGET, &(1..=20_000).map(|n| (who(n), 200)).collect());
    assert!(blocks(&store) <= 5 + 7, "{} blocks with 20,000 more", blocks(&store));
    let known = all(&store, TARGET);
    assert_eq!(known.len(), 20_000);
    assert!(known.values().all(|until| *until == 200));
}

#[test]
fn a_block_that_makes_no_sense_is_an_error() {
    let store = Store::in_memory([1; 16]).unwrap();
    store
        .write(|write| {
            let mut table = write.open_table(INTERACTIONS).map_err(failed)?;
            table.insert((TARGET, 0, 0), [1; 27].as_slice()).map_err(failed)?;
            Ok(())
        })
        .unwrap();
    let table = |view: &View| view.table(INTERACTIONS);
    let error = store.read(|view| interactions::all(&table(view)?, TARGET)).unwrap_err();
    assert!(matches!(error, StoreError::Unusable(_)), "{error}");
}

/// What a step says, one journey after the other.
#[derive(Default)]
struct Plain {
    journeys: BTreeMap<NonZeroU64, OpenJourney>,
    over: BTreeSet<NonZeroU64>,
}

impl Plain {
    fn take(&mut self, step: &Delta) {
        for change in &step.journeys {
            match &change.after {
                Some(journey) => drop(self.journeys.insert(change.interaction, journey.clone())),
                None => drop(self.journeys.remove(&change.interaction)),
            }
        }
        self.over.extend(step.interactions.iter().map(|(interaction, _)| interaction));
    }
}

proptest! {
    /// Journeys that begin, go on, end, and end in the step in which they go on: what is in the
    /// file is what the steps say, and each one that is open is found.
    #[test]
    fn every_journey_is_found_until_it_is_over(
        steps in prop::collection::vec((prop::collection::vec((0i64..9000, 1u64..12), 0..12), 0i64..3000), 1..10),
    ) {
        let store = Store::in_memory([1; 16]).unwrap();
        let (target, mut counters) = restore(&store, "a");
        let (mut plain, mut closing) = (Plain::default(), 0);
        for (rows, passed) in steps {
            closing += passed;
            let mut batch = RowBatch::default();
            for (n, (date, who)) in rows.into_iter().enumerate() {
                batch.push(Ok(Row { fingerprint: n as u64, ..row(date, who) }));
            }
            let idle = IdleTimes::from(Duration::from_mins(30));
            let params = ReconcileParams { bounds: TimeBounds { closing, ..OPEN }, ..params(&idle) };
            let step = store.transact(|tx| {
                let step = reconcile(&counters, &mut batch, &params, &tx.memory(target, i64::MIN))?;
                tx.write(target, &step)?;
                Ok(step)
            }).unwrap();
            plain.take(&step);
            counters.apply(step);

            let open = store.read(|view| view.open_journeys(target)).unwrap();
            let open: BTreeMap<_, _> = open.into_iter().collect();
            prop_assert_eq!(&open, &plain.journeys);
            let asked: Vec<_> = (1..14).filter_map(NonZeroU64::new).collect();
            let states = store.transact(|tx| tx.memory(target, i64::MIN).journeys(&asked)).unwrap();
            for (who, state) in asked.iter().zip(states) {
                let real = match plain.journeys.get(who) {
                    Some(journey) => JourneyState::Open(journey.clone()),
                    None if plain.over.contains(who) => JourneyState::Over,
                    None => JourneyState::New,
                };
                prop_assert_eq!(state, real, "of {}", who);
            }
        }
    }
}
