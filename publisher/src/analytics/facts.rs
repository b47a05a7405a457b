//! What is known of appointments so far, as far as it was needed lately; the rest is folded from the log on demand.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::Arc;

use carelog_domain::billing::Invoice;
use carelog_domain::event::{AppointmentEvent, Event, InvoiceEvent, RoleEvent};
use carelog_domain::kernel::{AppointmentId, Evolve, InvoiceId, Position, Recorded, RoleId, StreamName, Tag, Version};
use carelog_domain::ports::{Direction, EventLog, Stored};
use carelog_domain::scheduling::Appointment;
use carelog_domain::streams;
use lru::LruCache;

use super::MOVES_MONEY;
use super::row::Row;
use crate::mapper::{MapError, read};

/// Appointments and roles that are kept at hand: what a clinic touches in a day, some 10 MB.
const KEPT: NonZeroUsize = NonZeroUsize::new(8_192).expect("not 0");
/// Events of a stream read at a time.
const PAGE: usize = 500;
/// More events than one appointment's tag ever stands on.
const TAGGED_MAX: usize = 100_000;

/// Folds appointments with what is billed for them.
pub(crate) struct Facts {
    log: Arc<dyn EventLog>,
    appointments: LruCache<AppointmentId, Joined>,
    /// For which appointment an invoice is, if for any.
    invoices: LruCache<InvoiceId, Option<AppointmentId>>,
    specialties: LruCache<RoleId, String>,
}

/// An appointment and its invoices.
#[derive(Default)]
struct Joined {
    appointment: Appointment,
    invoices: BTreeMap<InvoiceId, Invoice>,
}

impl Facts {
    /// Nothing is at hand.
    pub(crate) fn new(log: Arc<dyn EventLog>) -> Facts {
        Facts {
            log,
            appointments: LruCache::new(KEPT),
            invoices: LruCache::new(KEPT),
            specialties: LruCache::new(KEPT),
        }
    }

    /// The row after an event, if it changes one. Events are handed in in their order, none left out.
    pub(crate) async fn after(&mut self, recorded: &Recorded<Event>) -> Result<Option<Row>, MapError> {
        let position = recorded.context.position;
        let (appointment, invoice) = match &recorded.event {
            Event::AppointmentEvent(_) => (recorded.context.stream.key().parse().ok(), None),
            Event::InvoiceEvent(_) => match recorded.context.stream.key().parse().ok() {
                Some(invoice) => (self.appointment_of(invoice, recorded).await?, Some(invoice)),
                None => (None, None),
            },
            _ => (None, None),
        };
        let Some(appointment) = appointment else { return Ok(None) };
        let mut joined = match self.appointments.pop(&appointment) {
            Some(joined) => joined,
            None => self.joined(appointment, position).await?,
        };
        match (&recorded.event, invoice) {
            (Event::AppointmentEvent(event), _) => joined.appointment.evolve(event),
            (Event::InvoiceEvent(event), Some(invoice)) => joined.invoices.entry(invoice).or_default().evolve(event),
            _ => {}
        }
        let change = recorded.event.event_type();
        let row = match joined.appointment.get() {
            Some(facts) if invoice.is_none() || MOVES_MONEY.contains(&change) => {
                let specialty = self.specialty(facts.role).await?;
                Some(Row::of(facts, joined.invoices.values(), specialty, change))
            }
            _ => None,
        };
        self.appointments.put(appointment, joined);
        Ok(row)
    }

    /// Which appointment an invoice is for.
    async fn appointment_of(
        &mut self,
        invoice: InvoiceId,
        recorded: &Recorded<Event>,
    ) -> Result<Option<AppointmentId>, MapError> {
        if let Event::InvoiceEvent(InvoiceEvent::InvoiceDrafted(drafted)) = &recorded.event {
            self.invoices.put(invoice, drafted.appointment);
            return Ok(drafted.appointment);
        }
        if let Some(known) = self.invoices.get(&invoice) {
            return Ok(*known);
        }
        let first = self.log.read_stream(&recorded.context.stream, Version::NONE, 1).await.map_err(MapError::Log)?;
        let appointment = match first.first().map(read).transpose()?.map(|first| first.event) {
            Some(Event::InvoiceEvent(InvoiceEvent::InvoiceDrafted(drafted))) => drafted.appointment,
            _ => None,
        };
        self.invoices.put(invoice, appointment);
        Ok(appointment)
    }

    /// An appointment and its invoices as they were before a position of their partition.
    async fn joined(&self, id: AppointmentId, before: Position) -> Result<Joined, MapError> {
        let mut joined = Joined::default();
        for stored in self.stream_before(&streams::appointment(id), before).await? {
            if let Ok(event) = AppointmentEvent::try_from(read(&stored)?.event) {
                joined.appointment.evolve(&event);
            }
        }
        let tag = Tag::new(AppointmentId::KIND, id);
        let tagged = self.log.read_tag(id.slot(), &tag, Direction::Forward, TAGGED_MAX).await.map_err(MapError::Log)?;
        let drafts = tagged.iter().filter(|stored| stored.event_type == "InvoiceDrafted" && is_before(stored, before));
        for draft in drafts {
            let Ok(invoice) = draft.context.stream.key().parse() else { continue };
            let state = joined.invoices.entry(invoice).or_default();
            for stored in self.stream_before(&draft.context.stream, before).await? {
                if let Ok(event) = InvoiceEvent::try_from(read(&stored)?.event) {
                    state.evolve(&event);
                }
            }
        }
        Ok(joined)
    }

    async fn stream_before(&self, stream: &StreamName, before: Position) -> Result<Vec<Stored>, MapError> {
        let mut found: Vec<Stored> = Vec::new();
        loop {
            let after = found.last().map_or(Version::NONE, |last| last.context.version);
            let page = self.log.read_stream(stream, after, PAGE).await.map_err(MapError::Log)?;
            let read = page.len();
            found.extend(page.into_iter().take_while(|stored| is_before(stored, before)));
            let came_to = found.last().map_or(Version::NONE, |last| last.context.version);
            if read < PAGE || came_to == after {
                return Ok(found);
            }
        }
    }

    /// What a role is for, which never changes.
    async fn specialty(&mut self, role: RoleId) -> Result<String, MapError> {
        if let Some(known) = self.specialties.get(&role) {
            return Ok(known.clone());
        }
        let first = self.log.read_stream(&streams::role(role), Version::NONE, 1).await.map_err(MapError::Log)?;
        let specialty = match first.first().map(read).transpose()?.map(|first| first.event) {
            Some(Event::RoleEvent(RoleEvent::RoleAssigned(assigned))) => assigned.specialty,
            _ => String::new(), // No appointment without a role: a booking names one that was assigned.
        };
        self.specialties.put(role, specialty.clone());
        Ok(specialty)
    }
}

/// Streams of one slot lie in one partition, so their offsets can be compared.
fn is_before(stored: &Stored, position: Position) -> bool {
    stored.context.position.offset < position.offset
}
