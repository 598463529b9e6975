//! The outcome of a call after its menu option: it reached the queue of agents, or the caller hung
//! up.

/// The outcome of a call. The vendor documents only two words; all others are
/// [`CallOutcome::Other`], because their meaning is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CallOutcome {
    /// The call reached the queue of agents.
    ReachedQueue,
    /// The caller hung up before.
    HungUp,
    /// The report says something else, or nothing.
    Other,
}

impl CallOutcome {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::ReachedQueue, Self::HungUp, Self::Other];

    /// The value of the label `outcome`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ReachedQueue => "reached_queue",
            Self::HungUp => "hung_up",
            Self::Other => "other",
        }
    }
}
