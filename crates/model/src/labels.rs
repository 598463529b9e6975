//! What a menu series is told apart by. Values are clean: trimmed, without control characters, never empty.

use std::sync::Arc;

/// The label value that takes what has no place of its own: over a limit, or by the operator's rules.
pub const OTHER: &str = "other";

/// The labels `rp_id` and `channel`: a routing point as it is reached one way.
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
    /// Where.
    pub point: PointLabels,
    /// The operator's own code, free text.
    pub option: Arc<str>,
}

/// The labels `rp_id`, `channel`, `from_opc_menu` and `to_opc_menu`: a step from one option to the next.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TransitionLabels {
    /// Where.
    pub point: PointLabels,
    /// The option before.
    pub from: Arc<str>,
    /// The option after; may be the same.
    pub to: Arc<str>,
}

/// Any of them: one thing that is counted, whose series begin together.
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
    /// From the two values.
    pub fn new(rp_id: &str, channel: &str) -> Self {
        Self { rp_id: rp_id.into(), channel: channel.into() }
    }

    /// The routing point that takes what has no place of its own.
    pub fn other() -> Self {
        Self::new(OTHER, OTHER)
    }
}

impl MenuLabels {
    /// From the three values.
    pub fn new(rp_id: &str, channel: &str, option: &str) -> Self {
        Self { point: PointLabels::new(rp_id, channel), option: option.into() }
    }

    /// The option that takes what has no place of its own at this routing point.
    pub fn other(point: PointLabels) -> Self {
        Self { point, option: OTHER.into() }
    }
}

impl TransitionLabels {
    /// From the four values.
    pub fn new(rp_id: &str, channel: &str, from: &str, to: &str) -> Self {
        Self { point: PointLabels::new(rp_id, channel), from: from.into(), to: to.into() }
    }

    /// The step that takes those that have no place of their own at this routing point.
    pub fn other(point: PointLabels) -> Self {
        Self { point, from: OTHER.into(), to: OTHER.into() }
    }
}
