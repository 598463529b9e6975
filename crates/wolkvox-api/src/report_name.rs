//! The two reports that are read, and which field of each plays which part in a row.

use model::CallOutcome;

/// A report of the vendor. Both are asked for and answered in the same form; they differ in the
/// fields of their rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ReportName {
    /// The menu options that were entered, of calls and chats.
    #[default]
    Diagram13,
    /// Outcomes of calls after a menu option.
    Diagram1,
}

impl ReportName {
    /// Both of them.
    pub const ALL: [Self; 2] = [Self::Diagram13, Self::Diagram1];

    /// The vendor's own name of it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Diagram13 => "diagram_13",
            Self::Diagram1 => "diagram_1",
        }
    }

    /// The field that [`RowLabels::channel`](crate::RowLabels::channel) is read from.
    pub(super) fn channel_field(self) -> &'static str {
        match self {
            Self::Diagram13 => "channel",
            Self::Diagram1 => "result",
        }
    }

    /// The field that [`Row::second`](crate::Row::second) is read from.
    pub(super) fn second_field(self) -> &'static str {
        match self {
            Self::Diagram13 => "second_event",
            Self::Diagram1 => "time",
        }
    }
}

/// Reads a `result`. The two documented words are known in any case; nothing else is guessed.
pub(super) fn call_outcome(result: &str) -> CallOutcome {
    match result {
        ok if ok.eq_ignore_ascii_case("ok") => CallOutcome::ReachedQueue,
        hung_up if hung_up.eq_ignore_ascii_case("hung up") => CallOutcome::HungUp,
        _ => CallOutcome::Other,
    }
}
