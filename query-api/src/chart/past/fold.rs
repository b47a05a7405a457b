//! One stream's events to one item of a chart. Statuses, seats, values and balances come from the domain's states; what
//! those do not keep (reasons, who acknowledged, when) is taken from the events themselves.

use carelog_domain::billing;
use carelog_domain::event::{
    AppointmentEvent, Event, InvoiceEvent, LabReportEvent, PatientEvent, PatientScheduleEvent,
};
use carelog_domain::kernel::{Evolve, Recorded};
use carelog_domain::laboratory;
use carelog_domain::scheduling;
use carelog_schemas::read_models::chart::{
    ChartAppointment, ChartInvoice, ChartObservation, ChartReport, KnownAt, Profile,
};

use super::Items;

/// True for streams whose events make items of a chart.
pub(super) fn is_charted(category: &str) -> bool {
    matches!(category, "patient" | "patient-schedule" | "appointment" | "lab-report" | "invoice")
}

/// Adds the item that these events of one stream make, if they make one.
pub(super) fn take(items: &mut Items, events: &[Recorded<Event>]) {
    match events.first().map(|recorded| &recorded.event) {
        Some(Event::PatientEvent(_)) => items.profile = profile(events),
        Some(Event::PatientScheduleEvent(PatientScheduleEvent::PatientLinked(linked))) => {
            let linked_at = events[0].context.occurred_at;
            items.hospitals.push(KnownAt { hospital: linked.hospital.to_string(), linked_at });
        }
        Some(Event::AppointmentEvent(_)) => items.appointments.extend(appointment(events)),
        Some(Event::LabReportEvent(_)) => items.reports.extend(report(events)),
        Some(Event::InvoiceEvent(_)) => items.invoices.extend(invoice(events)),
        _ => {}
    }
}

fn last_version(events: &[Recorded<Event>]) -> u64 {
    events.last().map_or(0, |recorded| recorded.context.version.0)
}

fn profile(events: &[Recorded<Event>]) -> Option<Profile> {
    let mut profile: Option<Profile> = None;
    for recorded in events {
        let Event::PatientEvent(event) = &recorded.event else { continue };
        match (&mut profile, event) {
            (profile, PatientEvent::PatientRegistered(e)) => {
                let known = e.demographics.open().cloned();
                *profile = Some(Profile {
                    name: known.as_ref().map(|known| known.name.text.clone()),
                    gender: known.as_ref().map(|known| known.gender),
                    birth_date: known.as_ref().and_then(|known| known.birth_date),
                    contacts: known.as_ref().map(|known| known.contacts.clone()),
                    address: known.and_then(|known| known.address).map(|address| address.text),
                    identifiers: e.identifiers.iter().map(|each| each.open().cloned()).collect(),
                    erased: e.demographics.is_erased(),
                    registered_at: recorded.context.occurred_at,
                    version: 0,
                });
            }
            (Some(profile), PatientEvent::PatientCorrected(e)) => {
                if let Some(name) = &e.name {
                    profile.name = name.open().map(|name| name.text.clone());
                }
                if let Some(gender) = &e.gender {
                    profile.gender = gender.open().copied();
                }
                if let Some(birth_date) = &e.birth_date {
                    profile.birth_date = birth_date.open().copied();
                }
            }
            (Some(profile), PatientEvent::ContactsChanged(e)) => {
                profile.contacts = e.contacts.open().cloned();
                if let Some(address) = &e.address {
                    profile.address = address.open().map(|address| address.text.clone());
                }
            }
            (Some(profile), PatientEvent::IdentifierAdded(e)) => profile.identifiers.push(e.identifier.open().cloned()),
            (None, _) => {}
        }
    }
    profile.map(|profile| Profile { version: last_version(events), ..profile })
}

fn appointment(events: &[Recorded<Event>]) -> Option<ChartAppointment> {
    use AppointmentEvent as E;
    let mut state = scheduling::Appointment::default();
    let (mut specialty, mut reason, mut cancelled_by, mut cancel_reason) = (None, None, None, None);
    for recorded in events {
        let Event::AppointmentEvent(event) = &recorded.event else { continue };
        state.evolve(event);
        let given = match event {
            E::AppointmentProposed(e) => e.reason.as_ref(),
            E::AppointmentMadePending(e) => e.reason.as_ref(),
            E::AppointmentWaitlisted(e) => e.reason.as_ref(),
            E::AppointmentBooked(e) => {
                specialty = Some(e.specialty.clone());
                e.reason.as_ref()
            }
            E::AppointmentCancelled(e) => {
                cancelled_by = Some(e.by);
                cancel_reason = e.reason.as_ref().and_then(|reason| reason.open().cloned());
                None
            }
            _ => None,
        };
        reason = given.and_then(|reason| reason.open().cloned()).or(reason);
    }
    let facts = state.get()?;
    let period = facts.seat.as_ref().map(|seat| &seat.period).or(facts.requested.as_ref());
    Some(ChartAppointment {
        appointment: facts.appointment.to_string(),
        hospital: facts.hospital.to_string(),
        practitioner: facts.practitioner.to_string(),
        role: facts.role.to_string(),
        specialty,
        service: facts.service.clone(),
        status: facts.status,
        date: facts.seat.as_ref().map(|seat| seat.date),
        start: period.map(|period| period.start),
        end: period.map(|period| period.end),
        reason,
        started: facts.visit.as_ref().map(|visit| visit.start),
        ended: facts.visit.as_ref().map(|visit| visit.end),
        cancelled_by,
        cancel_reason,
        version: last_version(events),
    })
}

fn report(events: &[Recorded<Event>]) -> Option<ChartReport> {
    use LabReportEvent as E;
    let mut state = laboratory::LabReport::default();
    let (mut uploaded, mut finalised_at, mut failure) = (None, None, None);
    let mut acknowledged = std::collections::BTreeMap::new();
    for recorded in events {
        let Event::LabReportEvent(event) = &recorded.event else { continue };
        state.evolve(event);
        match event {
            E::LabReportUploaded(e) => uploaded = Some((e, recorded.context.occurred_at)),
            E::ProcessingStarted(_) => failure = None,
            E::ProcessingFailed(e) => failure = Some(e.reason.word().to_owned()),
            E::LabReportFinalised(_) => finalised_at = Some(recorded.context.occurred_at),
            E::LabReportAmended(_) => acknowledged.clear(),
            E::CriticalValueAcknowledged(e) => {
                let by = (recorded.context.actor.user.clone(), recorded.context.occurred_at);
                acknowledged.insert(e.observation, (by, e.value_seen.open().cloned()));
            }
            _ => {}
        }
    }
    let record = state.record()?;
    let (upload, uploaded_at) = uploaded?;
    let open = record.open_tasks();
    let extraction = record.extraction.clone();
    let header = extraction.as_ref().map(|extraction| extraction.header.clone());
    let unparsed = extraction.as_ref().map(|extraction| extraction.unparsed.clone()).unwrap_or_default();
    let observation = |value: laboratory::Observation| {
        let seen = acknowledged.get(&value.number).cloned();
        let (by, value_seen) = seen.map_or((None, None), |(by, value)| (Some(by), value));
        let (acknowledged_by, acknowledged_at) = by.map_or((None, None), |(user, at)| (Some(user), Some(at)));
        ChartObservation {
            open_task: open.contains(&value.number),
            acknowledged_by,
            acknowledged_at,
            value_seen,
            value,
        }
    };
    Some(ChartReport {
        report: record.report.to_string(),
        hospital: record.hospital.to_string(),
        file_status: record.file,
        status: record.status,
        reaches_chart: record.reaches_chart(),
        review_reasons: record.review.clone(),
        file_name: upload.file_name.open().cloned(),
        blob: upload.blob.to_string(),
        failure,
        uploaded_at,
        collected: header.as_ref().and_then(|header| header.collected.clone()),
        laboratory: header.and_then(|header| header.laboratory),
        observations: extraction.into_iter().flat_map(|each| each.observations).map(observation).collect(),
        unparsed,
        erased: upload.file_name.is_erased(),
        finalised_at,
        version: last_version(events),
    })
}

fn invoice(events: &[Recorded<Event>]) -> Option<ChartInvoice> {
    let mut state = billing::Invoice::default();
    for recorded in events {
        if let Event::InvoiceEvent(event) = &recorded.event {
            let event: &InvoiceEvent = event;
            state.evolve(event);
        }
    }
    let document = state.document()?;
    let draft = document.status == billing::InvoiceStatus::Draft;
    Some(ChartInvoice {
        invoice: document.invoice.to_string(),
        hospital: document.hospital.to_string(),
        appointment: document.appointment.map(|appointment| appointment.to_string()),
        kind: document.kind.word().to_owned(),
        status: document.status.word().to_owned(),
        printed_number: document.issued.as_ref().map(|issued| issued.printed_number.clone()),
        issue_date: document.issued.as_ref().map(|issued| issued.issue_date),
        gross: document.totals.gross,
        balance: if draft { carelog_domain::kernel::Money::zero(document.balance.currency) } else { document.balance },
        version: last_version(events),
    })
}
