//! What to send, in order of occurred-at. Pure: the same folder gives the same plan.
//!
//! Times the source does not give are assumed and marked so: bookings at midnight of their day plus a second for each
//! appointment booked before on that day; cancellations just before the slot's next booking, or at 18:00 the day
//! before, or (from the ref date on) at 00:30 of the ref date.

mod appointments;

use std::collections::HashMap;

use anyhow::Context;
use carelog_domain::kernel::{LocalDate, Timestamp, Zone};
use chrono::{Days, NaiveTime};
use serde_json::{Value, json};

use super::manifest::{Manifest, Practitioner};
use super::rows::Year;

/// Days between the opening of the book and the first slot.
const OPENED_BEFORE_DAYS: u64 = 31;

/// One command to send.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(crate) occurred_at: Timestamp,
    /// True when the source does not give that time.
    pub(crate) assumed: bool,
    /// The command's name.
    pub(crate) operation: &'static str,
    /// What its idempotency key ends in: `row/step`.
    pub(crate) key: String,
    /// The body; a text `@key` stands for the id that the step of that key made.
    pub(crate) body: Value,
    /// Where the row stands, for the report.
    pub(crate) file: String,
    pub(crate) line: u64,
}

impl Step {
    /// Keys of the steps whose ids its body needs.
    pub(crate) fn needs(&self) -> impl Iterator<Item = &str> {
        let fields = self.body.as_object().into_iter().flat_map(serde_json::Map::values);
        fields.filter_map(|value| value.as_str()?.strip_prefix('@'))
    }
}

/// All steps of an import.
pub(crate) struct Plan {
    /// What must be there first: hospital, prices, practitioners, open days.
    pub(crate) setup: Vec<Step>,
    /// Every later step, by local date, in order; patients of a day apart, since they may be sent at once.
    pub(crate) days: Vec<Day>,
}

/// One local date of the import.
pub(crate) struct Day {
    pub(crate) date: LocalDate,
    pub(crate) patients: Vec<Step>,
    pub(crate) steps: Vec<Step>,
    /// The instant before which everything is in once the day is sent.
    pub(crate) until: Timestamp,
}

/// What a whole plan is made with.
struct Frame<'a> {
    manifest: &'a Manifest,
    zone: Zone,
    ref_date: LocalDate,
    /// When the setup occurred.
    opened_at: Timestamp,
}

impl Plan {
    /// The plan of a folder.
    pub(crate) fn of(manifest: &Manifest, years: &[Year]) -> anyhow::Result<Plan> {
        let zone: Zone = manifest.hospital.zone.parse().context("clinic.toml: hospital.zone")?;
        let date = &manifest.ref_date;
        let ref_date = LocalDate::from_ymd_opt(i32::from(date.year), date.month.into(), date.day.into());
        let ref_date = ref_date.context("clinic.toml: ref_date is not a date")?;
        let dates = years.iter().flat_map(|year| year.slots.iter().map(|row| row.value.appointment_date));
        let first = dates.min().context("the folder has no slots")?;
        let opened = first.checked_sub_days(Days::new(OPENED_BEFORE_DAYS)).context("the first slot is too early")?;
        let opened_at = zone.start_instant(opened, NaiveTime::MIN);
        let frame = Frame { manifest, zone, ref_date, opened_at };
        let mut plan = Plan { setup: frame.setup(years)?, days: Vec::new() };
        let mut steps = Vec::new();
        for (practitioner, year) in manifest.practitioners.iter().zip(years) {
            frame.patients(practitioner, year, &mut steps);
            frame.appointments(practitioner, year, &mut steps);
        }
        plan.split_by_day(steps, zone);
        Ok(plan)
    }

    /// How many commands there are.
    pub(crate) fn len(&self) -> usize {
        self.setup.len() + self.days.iter().map(|day| day.patients.len() + day.steps.len()).sum::<usize>()
    }

    fn split_by_day(&mut self, mut steps: Vec<(Rank, Step)>, zone: Zone) {
        steps.sort_by(|(a_rank, a), (b_rank, b)| (a.occurred_at, a_rank).cmp(&(b.occurred_at, b_rank)));
        for (rank, step) in steps {
            let date = zone.date_of(step.occurred_at);
            if self.days.last().is_none_or(|day| day.date != date) {
                let next = date.checked_add_days(Days::new(1)).unwrap_or(date);
                let until = zone.start_instant(next, NaiveTime::MIN);
                self.days.push(Day { date, patients: Vec::new(), steps: Vec::new(), until });
            }
            let day = self.days.last_mut().expect("a day was pushed just now");
            if rank.0 == Kind::Patient { day.patients.push(step) } else { day.steps.push(step) }
        }
    }
}

/// What goes first when times are equal: patients, then what frees seats, then what takes them, then what follows; and
/// within that the order of the folders and of their rows.
type Rank = (Kind, usize, u64);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Patient,
    Cancel,
    Book,
    Arrive,
    CheckIn,
    Fulfil,
    NoShow,
}

impl Frame<'_> {
    fn setup_step(&self, operation: &'static str, key: String, body: Value) -> Step {
        let file = "clinic.toml".to_owned();
        Step { occurred_at: self.opened_at, assumed: true, operation, key, body, file, line: 0 }
    }

    fn setup(&self, years: &[Year]) -> anyhow::Result<Vec<Step>> {
        let hospital = &self.manifest.hospital;
        let opened = self.zone.date_of(self.opened_at);
        let mut steps = vec![
            self.setup_step(
                "RegisterHospital",
                "hospital".to_owned(),
                json!({
                    "name": hospital.name, "zone": hospital.zone, "currency": hospital.currency,
                    "policies": { "graceMinutes": hospital.grace_minutes },
                }),
            ),
            self.setup_step(
                "StartImport",
                "start".to_owned(),
                json!({
                    "hospital": "@hospital", "manifest": self.manifest.name, "digest": self.manifest.digest,
                    "watermark": self.opened_at,
                }),
            ),
        ];
        let price = |practitioner: &Practitioner| {
            let service = &practitioner.service;
            json!({
                "service": service.code, "display": service.display,
                "amount": { "amount": service.price, "currency": hospital.currency },
                "tax": { "category": service.tax_category, "rateBasisPoints": service.tax_basis_points },
                "validFrom": opened,
            })
        };
        let prices: Vec<Value> = self.manifest.practitioners.iter().map(price).collect();
        let body = json!({ "hospital": "@hospital", "entries": prices });
        steps.push(self.setup_step("SetPriceList", "prices".to_owned(), body));
        for (practitioner, year) in self.manifest.practitioners.iter().zip(years) {
            steps.extend(self.practitioner(practitioner, year, opened)?);
        }
        Ok(steps)
    }

    fn practitioner(&self, practitioner: &Practitioner, year: &Year, opened: LocalDate) -> anyhow::Result<Vec<Step>> {
        let dates = || year.slots.iter().map(|row| row.value.appointment_date);
        let (Some(first), Some(last)) = (dates().min(), dates().max()) else {
            anyhow::bail!("{}/slots.csv has no rows", practitioner.folder);
        };
        let folder = &practitioner.folder;
        let key = |step: &str| format!("{folder}/{step}");
        let role = format!("@{}", key("role"));
        let blocks: Vec<Value> = practitioner
            .weekdays
            .iter()
            .map(|weekday| {
                json!({
                    "weekday": weekday, "start": format!("{}:00", practitioner.start),
                    "end": format!("{}:00", practitioner.end), "slotMinutes": practitioner.slot_minutes, "capacity": 1,
                })
            })
            .collect();
        Ok(vec![
            self.setup_step(
                "RegisterPractitioner",
                key("practitioner"),
                json!({ "name": { "text": practitioner.name } }),
            ),
            self.setup_step(
                "AssignRole",
                key("role"),
                json!({
                    "practitioner": format!("@{}", key("practitioner")), "hospital": "@hospital",
                    "specialty": practitioner.specialty, "services": [practitioner.service.code],
                }),
            ),
            self.setup_step(
                "SetSchedule",
                key("schedule"),
                json!({ "role": role, "effectiveFrom": opened, "blocks": blocks }),
            ),
            self.setup_step("OpenDays", key("days"), json!({ "role": role, "from": first, "to": last })),
        ])
    }

    /// Each patient on the day of their first booking, before it; those without one at the very start.
    fn patients(&self, practitioner: &Practitioner, year: &Year, steps: &mut Vec<(Rank, Step)>) {
        let mut first: HashMap<&str, LocalDate> = HashMap::new();
        for row in &year.appointments {
            let date = first.entry(&row.value.patient_id).or_insert(row.value.scheduling_date);
            *date = (*date).min(row.value.scheduling_date);
        }
        let file = format!("{}/patients.csv", practitioner.folder);
        for row in &year.patients {
            let patient = &row.value;
            let registered = first.get(patient.patient_id.as_str());
            let occurred_at = registered.map_or(self.opened_at, |date| self.zone.start_instant(*date, NaiveTime::MIN));
            let gender = match patient.sex.as_str() {
                "Female" => "female",
                "Male" => "male",
                _ => "unknown",
            };
            let body = json!({
                "hospital": "@hospital",
                "name": { "text": patient.name }, "gender": gender, "birthDate": patient.dob,
                "identifiers": [{
                    "system": self.manifest.identifier_system(practitioner), "kind": "MR", "value": patient.patient_id,
                }],
            });
            let key = patient_key(practitioner, &patient.patient_id);
            let step = Step {
                occurred_at,
                assumed: true,
                operation: "RequestRegistration",
                key,
                body,
                file: file.clone(),
                line: row.line,
            };
            steps.push(((Kind::Patient, 0, row.line), step));
        }
    }
}

fn patient_key(practitioner: &Practitioner, patient_id: &str) -> String {
    format!("{}/patient/{patient_id}", practitioner.folder)
}
