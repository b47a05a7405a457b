//! Topic `carelog.laboratory.v1`.

use carelog_domain::event::{Event, LabReportEvent as E};
use carelog_schemas::topics::laboratory::{
    LabReportAmended, LabReportAppended, LabReportCancelled, LabReportCorrected, LabReportExtracted,
    LabReportFinalised, LabReportUploaded, Message, ProcessingFailed,
};

use crate::pseudonyms::Pseudonyms;

/// A message with the three ids that nearly all carry, and more.
macro_rules! about {
    ($names:ident, $event:ident => $message:ident { $($more:tt)* }) => {
        $message {
            report: $names.report($event.report),
            hospital: $event.hospital,
            patient: $names.patient($event.patient),
            $($more)*
        }
        .into()
    };
}

pub(crate) fn message(event: &Event, names: &Pseudonyms<'_>) -> Option<Message> {
    let Event::LabReportEvent(event) = event else { return None };
    Some(match event {
        E::LabReportUploaded(e) => about!(names, e => LabReportUploaded { bytes: e.bytes }),
        E::LabReportExtracted(e) => about!(names, e => LabReportExtracted {
            attempt: e.attempt,
            observations: e.observations,
            needs_review: e.needs_review,
        }),
        E::ProcessingFailed(e) => ProcessingFailed {
            report: names.report(e.report),
            patient: names.patient(e.patient),
            attempt: e.attempt,
            reason: e.reason,
        }
        .into(),
        E::LabReportFinalised(e) => about!(names, e => LabReportFinalised {}),
        E::LabReportAmended(e) => about!(names, e => LabReportAmended {}),
        E::LabReportCorrected(e) => about!(names, e => LabReportCorrected {}),
        E::LabReportAppended(e) => about!(names, e => LabReportAppended { observations: e.observations }),
        E::LabReportCancelled(e) => about!(names, e => LabReportCancelled {}),
        // Steps of the work, reasons that name what differs from the patient, and what says that a value is critical.
        E::ProcessingStarted(_)
        | E::ReviewNeeded(_)
        | E::ReviewResolved(_)
        | E::ObservationCancelled(_)
        | E::CriticalValueAcknowledged(_) => return None,
    })
}
