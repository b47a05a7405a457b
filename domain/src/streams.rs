//! The names of all streams, in one place (format). The first id in a name decides its slot.

use crate::billing::InvoiceKind;
use crate::kernel::{
    AccountId, AppointmentId, CreditNoteId, HospitalId, InvoiceId, LabReportId, LocalDate, PatientId, PractitionerId,
    RoleId, Slot, StreamName,
};

/// A hospital: its zone, currency, prices and policies.
pub fn organization(hospital: HospitalId) -> StreamName {
    StreamName::new("organization", hospital)
}

/// A practitioner, the person.
pub fn practitioner(practitioner: PractitionerId) -> StreamName {
    StreamName::new("practitioner", practitioner)
}

/// A practitioner at a hospital.
pub fn role(role: RoleId) -> StreamName {
    StreamName::new("practitioner-role", role)
}

/// One day of a practitioner at a hospital: its slots and who sits in them.
pub fn day(role: RoleId, date: LocalDate) -> StreamName {
    StreamName::new("practitioner-day", format_args!("{role}:{date}"))
}

/// An appointment.
pub fn appointment(appointment: AppointmentId) -> StreamName {
    StreamName::new("appointment", appointment)
}

/// A patient at a hospital: begins with the link, holds the live appointments there.
pub fn patient_schedule(hospital: HospitalId, patient: PatientId) -> StreamName {
    StreamName::new("patient-schedule", format_args!("{hospital}:{patient}"))
}

/// A patient of the chain.
pub fn patient(patient: PatientId) -> StreamName {
    StreamName::new("patient", patient)
}

/// The claim on an identifier, named by its keyed hash, in a slot of its own.
pub fn identifier(keyed_hash: &[u8; 32]) -> StreamName {
    StreamName::new("identifier", hex::encode(keyed_hash))
}

/// The registration of a patient at a hospital.
pub fn patient_registration(patient: PatientId, hospital: HospitalId) -> StreamName {
    StreamName::new("patient-registration", format_args!("{patient}:{hospital}"))
}

/// The identifiers a patient of the chain is given later.
pub fn identifier_addition(patient: PatientId) -> StreamName {
    StreamName::new("identifier-addition", patient)
}

/// A lab report.
pub fn lab_report(report: LabReportId) -> StreamName {
    StreamName::new("lab-report", report)
}

/// An invoice.
pub fn invoice(invoice: InvoiceId) -> StreamName {
    StreamName::new("invoice", invoice)
}

/// A credit note.
pub fn credit_note(note: CreditNoteId) -> StreamName {
    StreamName::new("credit-note", note)
}

/// The numbers given to one kind of document of a hospital in one year.
pub fn invoice_series(hospital: HospitalId, series: &str, year: i32) -> StreamName {
    StreamName::new("invoice-series", format_args!("{hospital}:{series}:{year}"))
}

/// The name of the series an invoice of this kind is numbered in; imported invoices have their own.
pub fn series_of(kind: InvoiceKind, imported: bool) -> String {
    if imported { format!("{kind}-imported") } else { kind.word().to_owned() }
}

/// A payer's account at a hospital.
pub fn account(account: AccountId) -> StreamName {
    StreamName::new("account", account)
}

/// Successes without events, remembered; one stream for each command.
pub fn remembered(slot: Slot, command: crate::kernel::CommandId) -> StreamName {
    let id = crate::kernel::EventId::derive(command, slot, crate::kernel::Timestamp::from_micros(0), u32::MAX);
    StreamName::new("command", id)
}

/// An import of one folder into a hospital.
pub fn import(hospital: HospitalId, manifest: &str) -> StreamName {
    StreamName::new("import", format_args!("{hospital}:{manifest}"))
}

/// What an instance of a saga took in and carried out; a registration shares its stream with its request.
pub fn saga(name: &str, instance: &str) -> StreamName {
    StreamName::new(name, instance)
}
