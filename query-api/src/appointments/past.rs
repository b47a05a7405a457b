//! An appointment's past, read from the log and folded with the domain's own `evolve`: what happened, and what it was.

use async_graphql::{ComplexObject, Context, ID, Result, SimpleObject};
use carelog_domain::event::{AppointmentEvent, Event};
use carelog_domain::kernel::{AppointmentId, Evolve, Recorded, StreamName, Timestamp, Version, Zone};
use carelog_domain::ports::DurableEnds;
use carelog_domain::scheduling::{self, history as words};
use carelog_domain::{kernel, streams};
use carelog_schemas::sealing::read_sealed;

use crate::asking::Asking;
use crate::hospitals::Hospital;
use crate::loading::one;
use crate::patients::Patient;
use crate::practitioners::Practitioner;
use crate::problem::{Answer, Problem};
use crate::scalars::{Date, DateTime, Money};
use crate::words::AppointmentStatus;

/// One thing that happened.
#[derive(SimpleObject)]
pub(crate) struct HistoryEntry {
    /// In plain words, times on the hospital's wall. Holds nothing personal.
    description: String,
    /// The event's type, such as `AppointmentBooked`.
    event: String,
    /// When it happened.
    occurred_at: DateTime,
    /// When it was written down.
    recorded_at: DateTime,
    /// Id of the user who caused it; of a part of Carelog when no person did.
    user: String,
    /// As what they acted, such as `front-desk`.
    role: String,
    /// The command that caused it.
    command: ID,
    /// Its place in the log, such as `0:123`.
    position: String,
    /// The appointment's version after it.
    version: i64,
}

/// What an appointment was at another time.
#[derive(SimpleObject)]
#[graphql(complex)]
pub(crate) struct AppointmentThen {
    /// How far it had come.
    status: AppointmentStatus,
    /// When it was to begin.
    start: Option<DateTime>,
    /// When it was to end.
    end: Option<DateTime>,
    /// The local day its slot belonged to.
    date: Option<Date>,
    /// Code of the service.
    service: String,
    /// The price agreed, before tax.
    price: Option<Money>,
    /// True while its slot was under leave.
    needs_rebooking: bool,
    /// When the visit began.
    started_at: Option<DateTime>,
    /// When the visit ended.
    ended_at: Option<DateTime>,
    /// Its version then.
    version: i64,
    #[graphql(skip)]
    facts: scheduling::AppointmentFacts,
}

#[ComplexObject]
impl AppointmentThen {
    /// Where, as the hospital is now.
    async fn hospital(&self, ctx: &Context<'_>) -> Result<Option<Hospital>> {
        Ok(one::<Hospital>(ctx, self.facts.hospital).await?)
    }

    /// For whom, as the patient is now.
    async fn patient(&self, ctx: &Context<'_>) -> Result<Option<Patient>> {
        Ok(one::<Patient>(ctx, self.facts.patient).await?)
    }

    /// With whom, as the practitioner is now.
    async fn practitioner(&self, ctx: &Context<'_>) -> Result<Option<Practitioner>> {
        Ok(one::<Practitioner>(ctx, self.facts.practitioner).await?)
    }
}

pub(super) async fn history(
    asking: &Asking,
    appointment: AppointmentId,
    zone: Option<String>,
) -> Answer<Vec<HistoryEntry>> {
    let zone: Zone = zone.and_then(|name| name.parse().ok()).unwrap_or(Zone::UTC);
    let events = read_stream(asking, &streams::appointment(appointment)).await?;
    Ok(events.into_iter().map(|recorded| entry(recorded, zone)).collect())
}

fn entry(recorded: Recorded<Event>, zone: Zone) -> HistoryEntry {
    let Recorded { event, context } = recorded;
    HistoryEntry {
        description: words::describe_in(&event, zone),
        event: event.event_type().to_owned(),
        occurred_at: DateTime(context.occurred_at),
        recorded_at: DateTime(context.recorded_at),
        user: context.actor.user,
        role: context.actor.role.word().to_owned(),
        command: ID(context.command.0.to_string()),
        position: context.position.to_string(),
        version: i64::try_from(context.version.0).unwrap_or(i64::MAX),
    }
}

pub(super) async fn as_of(
    asking: &Asking,
    appointment: AppointmentId,
    recorded_by: Option<Timestamp>,
    occurred_by: Option<Timestamp>,
) -> Answer<Option<AppointmentThen>> {
    let mut state = scheduling::Appointment::default();
    let mut version = Version::NONE;
    for recorded in read_stream(asking, &streams::appointment(appointment)).await? {
        let known = recorded_by.is_none_or(|at| recorded.context.recorded_at <= at);
        let happened = occurred_by.is_none_or(|at| recorded.context.occurred_at <= at);
        if !(known && happened) {
            continue;
        }
        if let Ok(event) = AppointmentEvent::try_from(recorded.event) {
            state.evolve(&event);
            version = recorded.context.version;
        }
    }
    Ok(state.get().map(|facts| then(facts, version)))
}

fn then(facts: &scheduling::AppointmentFacts, version: Version) -> AppointmentThen {
    let period = facts.seat.as_ref().map(|seat| &seat.period).or(facts.requested.as_ref());
    AppointmentThen {
        status: facts.status.into(),
        start: period.map(|period| DateTime(period.start)),
        end: period.map(|period| DateTime(period.end)),
        date: facts.seat.as_ref().map(|seat| Date(seat.date)),
        service: facts.service.clone(),
        price: facts.price.as_ref().map(|price| Money::from(price.amount)),
        needs_rebooking: facts.rebooking.is_some(),
        started_at: facts.visit.as_ref().map(|visit| DateTime(visit.start)),
        ended_at: facts.visit.as_ref().map(|visit| DateTime(visit.end)),
        version: i64::try_from(version.0).unwrap_or(i64::MAX),
        facts: facts.clone(),
    }
}

/// All events of a stream, or a refusal; personal values stay sealed, as nothing here shows them.
async fn read_stream(asking: &Asking, stream: &StreamName) -> Answer<Vec<Recorded<Event>>> {
    let limit = asking.deps.limits.history_events_max;
    let log = &asking.deps.log;
    let durable = DurableEnds::caught_up(&**log, log.partition_of(stream.slot())).await?;
    let stored = durable.only(log.read_stream(stream, kernel::Version::NONE, limit + 1).await?);
    if stored.len() > limit {
        return Err(Problem::new("history-too-long", format!("more than {limit} events happened to this appointment")));
    }
    stored
        .iter()
        .map(read_sealed)
        .collect::<std::result::Result<_, _>>()
        .map_err(|error| Problem::damaged("an event", &error))
}
