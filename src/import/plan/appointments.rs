//! The steps of each appointment row: booked, and then what its status says.

use std::collections::{BTreeMap, HashMap};

use carelog_domain::kernel::{LocalDate, Timestamp};
use chrono::{Days, NaiveTime};
use serde_json::{Value, json};

use super::super::manifest::Practitioner;
use super::super::rows::{Appointment, Row, Status, Year};
use super::{Frame, Kind, Rank, Step, patient_key};

/// How long before the next booking of its slot a cancellation is assumed to have come, in microseconds.
const BEFORE_NEXT_BOOKING_MICROS: i64 = -500_000;
/// The same when it would come before its own booking.
const AFTER_OWN_BOOKING_MICROS: i64 = 1_000_000;

impl Frame<'_> {
    /// Every step of a practitioner's appointments.
    pub(super) fn appointments(&self, practitioner: &Practitioner, year: &Year, steps: &mut Vec<(Rank, Step)>) {
        let booked = self.booking_times(year);
        let next = next_in_slot(year);
        let folder = self.folder_index(practitioner);
        for (index, row) in year.appointments.iter().enumerate() {
            let writer = RowWriter { frame: self, practitioner, row };
            let mut push = |kind, step| steps.push(((kind, folder, row.line), step));
            push(Kind::Book, writer.book(booked[index]));
            match row.value.status {
                Status::Attended => writer.attended(&mut push),
                Status::Cancelled => {
                    let refilled = next[index].map(|next| booked[next]);
                    push(Kind::Cancel, writer.cancel(self.cancelled_at(&row.value, booked[index], refilled)));
                }
                Status::DidNotAttend => push(Kind::NoShow, writer.no_show()),
                Status::Scheduled | Status::Unknown => {}
            }
        }
    }

    fn folder_index(&self, practitioner: &Practitioner) -> usize {
        let same = |each: &Practitioner| each.folder == practitioner.folder;
        self.manifest.practitioners.iter().position(same).unwrap_or_default()
    }

    /// Midnight of the scheduling date plus a second for each appointment booked before on that day.
    fn booking_times(&self, year: &Year) -> Vec<Timestamp> {
        let mut order: Vec<usize> = (0..year.appointments.len()).collect();
        order.sort_by_key(|&index| &year.appointments[index].value.appointment_id);
        let mut booked_on: HashMap<LocalDate, i64> = HashMap::new();
        let mut times = vec![Timestamp::default(); order.len()];
        for index in order {
            let date = year.appointments[index].value.scheduling_date;
            let before = booked_on.entry(date).or_default();
            *before += 1;
            times[index] = self.zone.start_instant(date, NaiveTime::MIN).plus_micros(*before * 1_000_000);
        }
        times
    }

    fn cancelled_at(&self, row: &Appointment, booked: Timestamp, refilled: Option<Timestamp>) -> Timestamp {
        let at = match refilled {
            Some(next) => next.plus_micros(BEFORE_NEXT_BOOKING_MICROS),
            None if row.appointment_date < self.ref_date => {
                let before = row.appointment_date.checked_sub_days(Days::new(1)).unwrap_or(row.appointment_date);
                self.zone.start_instant(before, NaiveTime::from_hms_opt(18, 0, 0).unwrap_or_default())
            }
            None => self.zone.start_instant(self.ref_date, NaiveTime::from_hms_opt(0, 30, 0).unwrap_or_default()),
        };
        at.max(booked.plus_micros(AFTER_OWN_BOOKING_MICROS))
    }
}

/// The index of the row that was booked into the same slot after each row, if any.
fn next_in_slot(year: &Year) -> Vec<Option<usize>> {
    let mut slots: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, row) in year.appointments.iter().enumerate() {
        slots.entry(&row.value.slot_id).or_default().push(index);
    }
    let mut next = vec![None; year.appointments.len()];
    for mut chain in slots.into_values() {
        // Some chains are out of order in the file: the order of booking is that of date and number.
        chain.sort_by_key(|&index| {
            let row = &year.appointments[index].value;
            (row.scheduling_date, &row.appointment_id)
        });
        chain.windows(2).for_each(|pair| next[pair[0]] = Some(pair[1]));
    }
    next
}

struct RowWriter<'a> {
    frame: &'a Frame<'a>,
    practitioner: &'a Practitioner,
    row: &'a Row<Appointment>,
}

impl RowWriter<'_> {
    fn key(&self, step: &str) -> String {
        format!("{}/appointment/{}/{step}", self.practitioner.folder, self.row.value.appointment_id)
    }

    fn step(&self, operation: &'static str, step: &str, occurred_at: Timestamp, assumed: bool, body: Value) -> Step {
        let file = format!("{}/appointments.csv", self.practitioner.folder);
        Step { occurred_at, assumed, operation, key: self.key(step), body, file, line: self.row.line }
    }

    fn on_appointment(&self, more: Value) -> Value {
        let mut body = json!({ "appointment": format!("@{}", self.key("book")) });
        if let (Some(body), Value::Object(more)) = (body.as_object_mut(), more) {
            body.extend(more);
        }
        body
    }

    fn at(&self, time: Option<NaiveTime>) -> Timestamp {
        let row = &self.row.value;
        self.frame.zone.start_instant(row.appointment_date, time.unwrap_or(row.appointment_time))
    }

    fn start(&self) -> Timestamp {
        self.at(None)
    }

    fn book(&self, at: Timestamp) -> Step {
        let body = json!({
            "role": format!("@{}/role", self.practitioner.folder),
            "patient": format!("@{}", patient_key(self.practitioner, &self.row.value.patient_id)),
            "start": self.start(),
            "service": self.practitioner.service.code,
        });
        self.step("BookAppointment", "book", at, true, body)
    }

    fn attended(&self, push: &mut impl FnMut(Kind, Step)) {
        let row = &self.row.value;
        let here = self.at(row.check_in_time);
        let (started, ended) = (self.at(row.start_time), self.at(row.end_time));
        push(Kind::Arrive, self.step("Arrive", "arrive", here, false, self.on_appointment(json!({}))));
        push(Kind::CheckIn, self.step("CheckIn", "check-in", here, false, self.on_appointment(json!({}))));
        let visit = self.on_appointment(json!({ "started": started, "ended": ended }));
        push(Kind::Fulfil, self.step("Fulfil", "fulfil", ended, false, visit));
    }

    fn cancel(&self, at: Timestamp) -> Step {
        self.step("CancelAppointment", "cancel", at, true, self.on_appointment(json!({ "by": "other" })))
    }

    fn no_show(&self) -> Step {
        let at = self.start().plus_minutes(i64::from(self.frame.manifest.hospital.grace_minutes));
        self.step("MarkNoShow", "no-show", at, true, self.on_appointment(json!({})))
    }
}
