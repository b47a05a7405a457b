//! The rules of each saga, by given / when / then: its pure functions and nothing else.

mod appointment_billing;
mod day_opening;
mod given;
mod identifier_addition;
mod lab_report_processing;
mod no_show_watch;
mod patient_registration;
