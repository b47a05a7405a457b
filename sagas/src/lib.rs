//! Sagas carry what happened to what must follow: an appointment to its invoice, an uploaded file to the chart, a
//! registration to its end. Each is three pure functions in a file of its own; `engine` carries out what they ask for.
//! See docs/sagas.md.

pub mod catalog;
pub mod engine;
pub mod saga;

#[cfg(feature = "faults")]
pub mod faults;

mod appointment_billing;
mod day_opening;
mod identifier_addition;
mod lab_report_processing;
mod no_show_watch;
mod patient_registration;

pub use appointment_billing::AppointmentBilling;
pub use day_opening::{DAYS_AHEAD, DayOpening};
pub use engine::{Deps, SagaEngine, SagasConfig, Settling};
pub use identifier_addition::IdentifierAddition;
pub use lab_report_processing::LabReportProcessing;
pub use no_show_watch::NoShowWatch;
pub use patient_registration::PatientRegistration;
pub use saga::{Hospital, Intent, Saga};
