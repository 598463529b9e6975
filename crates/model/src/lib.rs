//! The vocabulary of the domain: the names of menu options, their meaning, and their series.
//!
//! Owns labels, names, kinds, rules of options, the seconds of a wall clock, and the keyed hash of
//! an interaction. Depends on no other room, and must never know where rows come from or where
//! numbers go.

mod call_outcome;
mod fingerprint;
mod labels;
mod local_second;
mod names;
mod option_kind;
mod option_rules;
mod vendor;

pub use call_outcome::CallOutcome;
pub use fingerprint::{Fingerprints, OwnHasher, OwnMap};
pub use labels::{Counted, MenuLabels, OTHER, PointLabels, TransitionLabels, VOICE};
pub use local_second::{LocalSecond, LocalStretch};
pub use names::{NameKind, Names};
pub use option_kind::{OptionKind, OptionKinds};
pub use option_rules::{DigitFold, NUMBER, OptionRules, PatternError, Ruled};
pub use vendor::{LONGEST_INTERACTION, MOST_ATTEMPTS};
