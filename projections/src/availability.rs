//! Read model `availability`: days, slots, who sits in them and who holds a seat until when.

use carelog_domain::event::{DayEvent, Event};
use carelog_domain::kernel::{HospitalId, LocalDate, PractitionerId, Recorded, RoleId, Timestamp};
use carelog_domain::ports::SqlValue;
use carelog_domain::scheduling::OpenedSlot;
use carelog_schemas::read_models::Model;
use carelog_schemas::read_models::availability::{DAYS, HOLDS, MODEL, SEATS, SLOTS};

use crate::change::{Change, add, date, delete, int, put, text};
use crate::projection::Projection;

/// See the module.
pub struct Availability;

impl Projection for Availability {
    const MODEL: &'static Model = &MODEL;
    const EVENTS: &'static [&'static str] = &[
        "DayOpened",
        "SlotsChanged",
        "SlotsBlocked",
        "SlotsUnblocked",
        "SlotHeld",
        "HoldReleased",
        "SeatTaken",
        "SeatReleased",
    ];

    fn project(recorded: &Recorded<Event>) -> Vec<Change> {
        let Event::DayEvent(event) = &recorded.event else { return vec![] };
        match event {
            DayEvent::DayOpened(e) => {
                let day = Day { hospital: e.hospital, practitioner: e.practitioner, role: e.role, date: e.date };
                let row = vec![
                    ("role", text(e.role)),
                    ("date", date(e.date)),
                    ("hospital", text(e.hospital)),
                    ("practitioner", text(e.practitioner)),
                    ("specialty", text(&e.specialty)),
                    ("opened_at", recorded.context.occurred_at.into()),
                ];
                let covered = |slot: &OpenedSlot| e.blocked.iter().filter(|(start, _)| *start == slot.start).count();
                let slots = e.slots.iter().map(|slot| day.opened(slot, covered(slot)));
                std::iter::once(put(&DAYS, row)).chain(slots).collect()
            }
            DayEvent::SlotsChanged(e) => {
                let day = Day { hospital: e.hospital, practitioner: e.practitioner, role: e.role, date: e.date };
                let removed = e.removed.iter().map(|start| delete(&SLOTS, slot(e.role, e.date, *start)));
                removed.chain(e.added.iter().map(|slot| day.opened(slot, 0))).collect()
            }
            DayEvent::SlotsBlocked(e) => blocked(e.role, e.date, &e.slots, 1),
            DayEvent::SlotsUnblocked(e) => blocked(e.role, e.date, &e.slots, -1),
            DayEvent::SlotHeld(e) => vec![put(
                &HOLDS,
                vec![
                    ("hold_id", text(e.hold)),
                    ("role", text(e.role)),
                    ("date", date(e.date)),
                    ("start_at", e.slot.into()),
                    ("hospital", text(e.hospital)),
                    ("owner", text(&e.owner)),
                    ("until_at", e.until.into()),
                ],
            )],
            DayEvent::HoldReleased(e) => vec![delete(&HOLDS, vec![text(e.hold)])],
            DayEvent::SeatTaken(e) => {
                let seat = vec![
                    ("role", text(e.role)),
                    ("date", date(e.date)),
                    ("start_at", e.slot.into()),
                    ("appointment", text(e.appointment)),
                    ("overbooked", e.overbooked.into()),
                ];
                vec![put(&SEATS, seat), add(&SLOTS, slot(e.role, e.date, e.slot), vec![("taken", 1)])]
            }
            DayEvent::SeatReleased(e) => {
                let place = slot(e.role, e.date, e.slot);
                let seat = [place.clone(), vec![text(e.appointment)]].concat();
                vec![delete(&SEATS, seat), add(&SLOTS, place, vec![("taken", -1)])]
            }
        }
    }
}

struct Day {
    hospital: HospitalId,
    practitioner: PractitionerId,
    role: RoleId,
    date: LocalDate,
}

impl Day {
    fn opened(&self, slot: &OpenedSlot, leaves: usize) -> Change {
        put(
            &SLOTS,
            vec![
                ("role", text(self.role)),
                ("date", date(self.date)),
                ("start_at", slot.start.into()),
                ("end_at", slot.end.into()),
                ("hospital", text(self.hospital)),
                ("practitioner", text(self.practitioner)),
                ("capacity", int(slot.capacity)),
                ("taken", int(0)),
                ("blocked", int(leaves)),
            ],
        )
    }
}

fn slot(role: RoleId, day: LocalDate, start: Timestamp) -> Vec<SqlValue> {
    vec![text(role), date(day), start.into()]
}

fn blocked(role: RoleId, day: LocalDate, slots: &[Timestamp], by: i64) -> Vec<Change> {
    slots.iter().map(|start| add(&SLOTS, slot(role, day, *start), vec![("blocked", by)])).collect()
}
