//! What can be wrong with a history.

use std::fmt;

/// Classes of what is wrong; the tests of the checker show each.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Kind {
    /// Acknowledged, and not in the log.
    Lost,
    /// A command, or an event, is in the log more than once, or two requests were told that they were the first.
    Twice,
    /// In the log otherwise than it was answered, or two answers to one key differ.
    Differs,
    /// Every request of the key was refused, and the command is in the log.
    DoneThoughRefused,
    /// The first answer of all says that it is a repeat.
    RepeatedAtFirst,
    /// An offset, or a version of a stream, is missing in the log.
    Gap,
    /// A recorded-at that is not after the one before.
    RecordedBack,
    /// A command stands before another that was acknowledged before it was asked.
    OutOfOrder,
    /// `If-Match` named another version than the one that was written upon.
    MatchIgnored,
    /// More seats taken than there are.
    Overbooked,
    /// An answer that no state explains that was current while it was asked.
    Unexplained,
    /// An answer that was true once, but was over when it was asked.
    FromThePast,
    /// A refusal, or an answer, that the checker cannot judge: the load must not provoke it.
    NotUnderstood,
}

/// Something that is wrong.
#[derive(Clone, Debug)]
pub struct Anomaly {
    /// Of which class.
    pub kind: Kind,
    /// Where, with what was asked and found.
    pub text: String,
}

impl Anomaly {
    pub(super) fn new(kind: Kind, text: impl Into<String>) -> Anomaly {
        Anomaly { kind, text: text.into() }
    }
}

impl fmt::Display for Anomaly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.kind, self.text)
    }
}
