//! One request of one client, and what came of it, as the checker sees it.

/// A request.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// Who asked.
    pub client: usize,
    /// Which node was asked.
    pub node: String,
    /// When it was sent, in nanoseconds of the recorder.
    pub invoked: u64,
    /// When the answer was there, or was no longer waited for.
    pub completed: u64,
    /// What for.
    pub asked: Asked,
    /// What came.
    pub answer: Answer,
}

/// What was asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Asked {
    /// A change; the same command may be asked for many times.
    Command {
        /// Its id, which derives from the client's key.
        command: String,
        /// The version that `If-Match` named.
        if_match: Option<u64>,
        /// For people.
        what: String,
    },
    /// What a command did: never older than what was answered before.
    Status {
        /// Its id.
        command: String,
    },
    /// What stands in the log about something, wherever one asks: never older than what was answered before.
    Version {
        /// For people.
        what: String,
    },
    /// What a read model knows: not older than the token that was sent, nor of the future.
    Model {
        /// `(partition, offset)` that must be in it.
        token: (u16, u64),
        /// For people.
        what: String,
    },
}

/// What came.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    /// Acknowledged.
    Done(Done),
    /// Refused, and what the refusal says about a stream.
    Refused {
        /// The problem's code.
        code: String,
        /// What it claims; a code that claims nothing is not understood.
        observed: Option<Observation>,
    },
    /// Positions of a command's events.
    Found(Vec<(u16, u64)>),
    /// There is no such command.
    Missing,
    /// The state of a stream.
    Observed(Observation),
    /// The server said that it cannot tell now, and changed nothing or does not know.
    Unavailable {
        /// The problem's code.
        code: String,
        /// Whether it said when to come again.
        retry_after: bool,
    },
    /// Nothing that could be read.
    Nothing {
        /// How it broke off.
        why: String,
    },
}

impl Answer {
    /// In a word or two, to count by.
    pub fn in_words(&self) -> String {
        match self {
            Answer::Done(done) if done.repeated => "done before".to_owned(),
            Answer::Done(_) => "done".to_owned(),
            Answer::Refused { code, .. } => code.clone(),
            Answer::Found(_) => "status".to_owned(),
            Answer::Missing => "no status".to_owned(),
            Answer::Observed(_) => "state".to_owned(),
            Answer::Unavailable { code, .. } => format!("503 {code}"),
            Answer::Nothing { why } => why.split(':').next().unwrap_or_default().to_owned(),
        }
    }
}

/// An acknowledgement.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Done {
    /// The leading stream.
    pub stream: String,
    /// Its version after the command.
    pub version: u64,
    /// Ids of the events.
    pub events: Vec<String>,
    /// The last position written in each partition.
    pub token: Vec<(u16, u64)>,
    /// Whether it says that it had been done before.
    pub repeated: bool,
}

/// What an answer says about a stream.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Observation {
    /// The stream.
    pub stream: String,
    /// What it says of it.
    pub seen: Seen,
}

/// What can be said of a stream.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Seen {
    /// It is at this version; 0: there is none.
    Version(u64),
    /// A practitioner's day: the slot that starts then has no seat left.
    Full(String),
    /// A practitioner's day: this appointment sits in that slot.
    Seated(String, String),
    /// An appointment's status.
    Status(Standing),
}

/// FHIR's status of an appointment, as far as the load brings them there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// It has a seat.
    Booked,
    /// It will not take place.
    Cancelled,
}

impl Attempt {
    /// The command that was asked for, if one was.
    pub fn command(&self) -> Option<&str> {
        match &self.asked {
            Asked::Command { command, .. } => Some(command),
            _ => None,
        }
    }

    /// The acknowledgement, if it is one.
    pub fn done(&self) -> Option<&Done> {
        match &self.answer {
            Answer::Done(done) => Some(done),
            _ => None,
        }
    }

    /// True when the client does not know what came of it.
    pub fn is_unknown(&self) -> bool {
        matches!(self.answer, Answer::Unavailable { .. } | Answer::Nothing { .. })
    }
}
