//! What stands in a topic for a person, for something of theirs, and for an event: a keyed hash that is the topic's own.
//! The same id in two topics gives two pseudonyms that nobody can tie together without the chain's secret.

use std::fmt::Display;

use carelog_domain::kernel::{
    AccountId, AppointmentId, CreditNoteId, EventId, InvoiceId, LabReportId, PatientId, PaymentId, PractitionerId,
    RefundId, StreamName,
};
use carelog_domain::ports::KeyStore;
use carelog_schemas::topics::Pseudonym;

/// The pseudonyms of one topic.
pub struct Pseudonyms<'a> {
    keys: &'a dyn KeyStore,
    domain: String,
}

macro_rules! pseudonyms_of {
    ($($method:ident: $id:ty),* $(,)?) => {$(
        pub(crate) fn $method(&self, id: $id) -> Pseudonym {
            self.of(<$id>::KIND, id)
        }
    )*};
}

impl<'a> Pseudonyms<'a> {
    /// Those of a topic.
    pub fn new(keys: &'a dyn KeyStore, topic: &str) -> Pseudonyms<'a> {
        Pseudonyms { keys, domain: format!("pseudonym/{topic}") }
    }

    /// Of something of this kind.
    pub fn of(&self, kind: &str, id: impl Display) -> Pseudonym {
        Pseudonym::of_hash(&self.keys.keyed_hash(&self.domain, format!("{kind}:{id}").as_bytes()))
    }

    /// What a message is about: the category of a stream and the pseudonym of its key. That of `appointment:<id>` ends
    /// with the appointment's pseudonym.
    pub fn subject(&self, stream: &StreamName) -> String {
        format!("{}:{}", stream.category(), self.of(stream.category(), stream.key()))
    }

    /// The id of the message that tells of an event, a UUID.
    pub fn message(&self, event: EventId) -> String {
        let hash = self.keys.keyed_hash(&self.domain, format!("event:{event}").as_bytes());
        let mut bytes = [0u8; 16];
        bytes.copy_from_slice(&hash[..16]);
        uuid::Builder::from_custom_bytes(bytes).into_uuid().to_string()
    }

    pseudonyms_of! {
        patient: PatientId,
        practitioner: PractitionerId,
        appointment: AppointmentId,
        report: LabReportId,
        invoice: InvoiceId,
        credit_note: CreditNoteId,
        account: AccountId,
        payment: PaymentId,
        refund: RefundId,
    }
}
