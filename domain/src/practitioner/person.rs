//! A practitioner, the person: the rules of one stream `practitioner:<practitioner>`.

use super::PractitionerRejection;
use super::commands::RegisterPractitioner;
use super::events::PractitionerRegistered;
use crate::event::PractitionerEvent;
use crate::kernel::{Decide, Evolve, Personal, PractitionerId, Times};
use crate::patient::HumanName;

/// Longest name of a person.
pub(crate) const NAME_BYTES_MAX: usize = 300;

/// A practitioner, if the chain knows them.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Practitioner {
    id: Option<PractitionerId>,
}

/// What can be asked of one practitioner; the id of a new one derives from its command.
#[derive(Clone, PartialEq, Debug)]
pub enum PractitionerCommand {
    /// Adds them to the chain.
    Register(PractitionerId, RegisterPractitioner),
}

impl Practitioner {
    /// Their id; `None` if the chain does not know them.
    pub fn id(&self) -> Option<PractitionerId> {
        self.id
    }
}

impl Evolve for Practitioner {
    type Event = PractitionerEvent;

    fn evolve(&mut self, event: &PractitionerEvent) {
        match event {
            PractitionerEvent::PractitionerRegistered(e) => self.id = Some(e.practitioner),
        }
    }
}

impl Decide for Practitioner {
    type Command = PractitionerCommand;
    type Rejection = PractitionerRejection;

    fn decide(
        &self,
        command: &PractitionerCommand,
        _: &Times,
    ) -> Result<Vec<PractitionerEvent>, PractitionerRejection> {
        let PractitionerCommand::Register(practitioner, command) = command;
        if self.id.is_some() {
            return Err(PractitionerRejection::PractitionerExists);
        }
        let name = command.name.open().map_or("", |name| name.text.trim());
        if name.is_empty() {
            return Err(PractitionerRejection::NameMissing);
        }
        if name.len() > NAME_BYTES_MAX {
            return Err(PractitionerRejection::NameTooLong);
        }
        let name = Personal::new(HumanName { text: name.to_owned() });
        Ok(vec![PractitionerRegistered { practitioner: *practitioner, name }.into()])
    }
}

#[cfg(test)]
mod tests;
