//! The labels that identify a menu series. Values are clean: trimmed, without control characters,
//! never empty.

use std::sync::Arc;

/// The label value for everything that has no series of its own, because of a limit or of the
/// operator's rules.
pub const OTHER: &str = "other";

/// The channel of calls.
pub const VOICE: &str = "voice";

/// The labels `rp_id` and `channel`: a routing point as reached through one channel.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PointLabels {
    /// Digits as text, or a name for an AI voice.
    pub rp_id: Arc<str>,
    /// `voice`, `chat-web`, ...
    pub channel: Arc<str>,
}

/// The labels `rp_id`, `channel` and `cod_opc_menu`: an option of a menu.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MenuLabels {
    /// The routing point that offers the option.
    pub point: PointLabels,
    /// The operator's own code, free text.
    pub option: Arc<str>,
}

/// The labels `rp_id`, `channel`, `from_opc_menu` and `to_opc_menu`: a step from one option to the
/// next.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TransitionLabels {
    /// The routing point at which the step was made.
    pub point: PointLabels,
    /// The option before.
    pub from: Arc<str>,
    /// The option after; may be the same.
    pub to: Arc<str>,
}

/// Something that is counted, whose series begin together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Counted {
    /// A routing point.
    Point(PointLabels),
    /// An option.
    Menu(MenuLabels),
    /// A step.
    Transition(TransitionLabels),
}

impl PointLabels {
    /// Makes labels of the two values.
    pub fn new(rp_id: &str, channel: &str) -> Self {
        Self { rp_id: rp_id.into(), channel: channel.into() }
    }

    /// The routing point that collects everything without a series of its own.
    pub fn other() -> Self {
        Self::new(OTHER, OTHER)
    }
}

impl MenuLabels {
    /// Makes labels of the three values.
    pub fn new(rp_id: &str, channel: &str, option: &str) -> Self {
        Self { point: PointLabels::new(rp_id, channel), option: option.into() }
    }

    /// The option that collects everything without a series of its own at this routing point.
    pub fn other(point: PointLabels) -> Self {
        Self { point, option: OTHER.into() }
    }
}

impl TransitionLabels {
    /// Makes labels of the four values.
    pub fn new(rp_id: &str, channel: &str, from: &str, to: &str) -> Self {
        Self { point: PointLabels::new(rp_id, channel), from: from.into(), to: to.into() }
    }

    /// The step that collects everything without a series of its own at this routing point.
    pub fn other(point: PointLabels) -> Self {
        Self { point, from: OTHER.into(), to: OTHER.into() }
    }
}
