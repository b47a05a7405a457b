//! Read model `practitioners`: hospitals with prices and policies, practitioners with roles, schedules and leave.

use carelog_domain::event::{Event, OrganizationEvent, PractitionerEvent, RoleEvent};
use carelog_domain::kernel::{HospitalId, Recorded};
use carelog_domain::organization::events::HospitalRegistered;
use carelog_domain::organization::{Policies, PriceEntry};
use carelog_domain::ports::SqlValue;
use carelog_schemas::read_models::practitioners::{
    HOSPITALS, LEAVES, MODEL, PRACTITIONER_ROLES, PRACTITIONERS, PRICES, SCHEDULES,
};
use carelog_schemas::read_models::{Model, sort_key};

use crate::change::{Cell, Change, date, delete, int, json, maybe_text, patch, personal, put, text};
use crate::projection::Projection;

/// See the module.
pub struct Practitioners;

impl Projection for Practitioners {
    const MODEL: &'static Model = &MODEL;
    const EVENTS: &'static [&'static str] = &[
        "HospitalRegistered",
        "PoliciesSet",
        "PriceListSet",
        "PractitionerRegistered",
        "RoleAssigned",
        "ScheduleSet",
        "DaysOpened",
        "LeaveTaken",
        "LeaveCancelled",
    ];

    fn project(recorded: &Recorded<Event>) -> Vec<Change> {
        match &recorded.event {
            Event::OrganizationEvent(event) => of_hospital(event, recorded),
            Event::PractitionerEvent(PractitionerEvent::PractitionerRegistered(e)) => {
                let name = e.name.open();
                let key = name.map(|name| sort_key(&name.text)).unwrap_or_default();
                let row = vec![
                    ("practitioner", text(e.practitioner)),
                    ("name", maybe_text(name.map(|name| &name.text))),
                    ("name_key", SqlValue::Bytes(key)),
                    ("erased", e.name.is_erased().into()),
                    ("registered_at", recorded.context.occurred_at.into()),
                    version(recorded),
                ];
                vec![put(&PRACTITIONERS, row)]
            }
            Event::RoleEvent(event) => of_role(event, recorded),
            _ => vec![],
        }
    }
}

fn of_hospital(event: &OrganizationEvent, recorded: &Recorded<Event>) -> Vec<Change> {
    let changed = |hospital: HospitalId, cells: Vec<Cell>| {
        patch(&HOSPITALS, vec![text(hospital)], [cells, vec![version(recorded)]].concat())
    };
    match event {
        OrganizationEvent::HospitalRegistered(e) => vec![hospital(e, recorded)],
        OrganizationEvent::PoliciesSet(e) => vec![changed(e.hospital, policies(&e.policies))],
        OrganizationEvent::PriceListSet(e) => {
            let entries = e.entries.iter().enumerate().map(|(index, entry)| price(e.hospital, index, entry));
            let gone = delete(&PRICES, vec![text(e.hospital)]);
            [changed(e.hospital, vec![]), gone].into_iter().chain(entries).collect()
        }
    }
}

fn hospital(e: &HospitalRegistered, recorded: &Recorded<Event>) -> Change {
    let row = vec![
        ("hospital", text(e.hospital)),
        ("name", text(&e.name)),
        ("name_key", SqlValue::Bytes(sort_key(&e.name))),
        ("zone", text(e.zone)),
        ("currency", text(e.currency)),
        ("invoice_prefix", text(&e.numbering.invoice_prefix)),
        ("credit_note_prefix", text(&e.numbering.credit_note_prefix)),
        ("number_digits", int(e.numbering.digits)),
        ("registered_at", recorded.context.occurred_at.into()),
        version(recorded),
    ];
    put(&HOSPITALS, [row, policies(&e.policies)].concat())
}

fn policies(policies: &Policies) -> Vec<Cell> {
    let late = policies.late_cancel.as_ref();
    vec![
        ("no_show", text(policies.no_show)),
        ("grace_minutes", int(policies.grace_minutes)),
        ("no_show_fee", maybe_text(policies.no_show_fee.as_ref())),
        ("late_cancel_hours", late.map_or(SqlValue::Null, |late| int(late.hours_before))),
        ("late_cancel_fee", maybe_text(late.map(|late| &late.fee))),
        ("overbooking_per_slot_max", int(policies.overbooking_per_slot_max)),
        ("reschedule_price", text(policies.reschedule_price)),
    ]
}

fn price(hospital: HospitalId, index: usize, entry: &PriceEntry) -> Change {
    put(
        &PRICES,
        vec![
            ("hospital", text(hospital)),
            ("ordinal", int(index + 1)),
            ("service", text(&entry.service)),
            ("display", text(&entry.display)),
            ("amount", entry.amount.minor.into()),
            ("currency", text(entry.amount.currency)),
            ("tax_category", text(&entry.tax.category)),
            ("tax_rate_basis_points", int(entry.tax.rate_basis_points)),
            ("valid_from", date(entry.valid_from)),
            ("valid_to", maybe_text(entry.valid_to)),
        ],
    )
}

fn of_role(event: &RoleEvent, recorded: &Recorded<Event>) -> Vec<Change> {
    let at = recorded.context.occurred_at;
    match event {
        RoleEvent::RoleAssigned(e) => vec![put(
            &PRACTITIONER_ROLES,
            vec![
                ("role", text(e.role)),
                ("practitioner", text(e.practitioner)),
                ("hospital", text(e.hospital)),
                ("specialty", text(&e.specialty)),
                ("services", json(&e.services)),
                ("assigned_at", at.into()),
                version(recorded),
            ],
        )],
        RoleEvent::ScheduleSet(e) => {
            let row = vec![
                ("role", text(e.role)),
                ("effective_from", date(e.effective_from)),
                ("blocks", json(&e.blocks)),
                ("set_at", at.into()),
            ];
            vec![put(&SCHEDULES, row), patch(&PRACTITIONER_ROLES, vec![text(e.role)], vec![version(recorded)])]
        }
        RoleEvent::DaysOpened(e) => {
            vec![patch(&PRACTITIONER_ROLES, vec![text(e.role)], vec![version(recorded)])]
        }
        RoleEvent::LeaveTaken(e) => vec![
            put(
                &LEAVES,
                vec![
                    ("leave_id", text(e.leave)),
                    ("role", text(e.role)),
                    ("practitioner", text(e.practitioner)),
                    ("hospital", text(e.hospital)),
                    ("from_at", e.from.into()),
                    ("to_at", e.to.into()),
                    ("reason", personal(e.reason.as_ref())),
                    ("cancelled", int(0)),
                ],
            ),
            patch(&PRACTITIONER_ROLES, vec![text(e.role)], vec![version(recorded)]),
        ],
        RoleEvent::LeaveCancelled(e) => vec![
            patch(&LEAVES, vec![text(e.leave)], vec![("cancelled", int(1))]),
            patch(&PRACTITIONER_ROLES, vec![text(e.role)], vec![version(recorded)]),
        ],
    }
}

fn version(recorded: &Recorded<Event>) -> Cell {
    ("version", int(recorded.context.version.0))
}
