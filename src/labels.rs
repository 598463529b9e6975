//! What a menu series is told apart by. Values are clean: trimmed, without control characters, never empty.

use std::sync::Arc;

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

impl MenuLabels {
    /// From the three values.
    pub fn new(rp_id: &str, channel: &str, option: &str) -> Self {
        Self { point: PointLabels::new(rp_id, channel), option: option.into() }
    }
}

impl PointLabels {
    /// From the two values.
    pub fn new(rp_id: &str, channel: &str) -> Self {
        Self { rp_id: rp_id.into(), channel: channel.into() }
    }
}
