//! Who may see what: roles, hospitals, and that neither filters nor cursors nor counts tell about other hospitals.

use carelog_domain::kernel::Role;
use carelog_domain::kernel::actor::Reach;
use carelog_domain::ports::Statement;
use carelog_schemas::read_models::{Set, table_in};
use serde_json::json;

use crate::world::{World, actor, auditor, auditor_of, code};

#[tokio::test(flavor = "multi_thread")]
async fn an_actor_of_one_hospital_learns_nothing_of_another() {
    let world = World::new().await;
    let (north, south) = (world.ids.north, world.ids.south);
    let northerner = auditor_of(north);
    let data = world
        .data(
            &northerner,
            &format!(
                "{{ appointments {{ totalCount nodes {{ hospital {{ id }} patient {{ id }} }} }}
                    patients {{ totalCount nodes {{ name hospitals {{ hospital {{ name }} }} }} }}
                    carol: patient(id: \"{}\") {{ id }}
                    hers: appointment(id: \"{}\") {{ id }}
                    of: appointments(filter: {{ patient: \"{}\" }}) {{ totalCount }}
                    counts: appointmentCounts(by: HOSPITAL) {{ key count }}
                    carolChart: chart(patient: \"{}\") {{ profile {{ name }} }}
                    anaChart: chart(patient: \"{}\") {{ appointments {{ hospital {{ name }} }} }} }}",
                world.ids.carol, world.ids.south_visits[0], world.ids.carol, world.ids.carol, world.ids.ana
            ),
        )
        .await;
    assert_eq!(data["appointments"]["totalCount"], 5);
    assert_eq!(data["patients"]["totalCount"], 2);
    assert_eq!(
        data["patients"]["nodes"][0],
        json!({ "name": "Ana-María Gómez", "hospitals": [{ "hospital": { "name": "North" } }] })
    );
    assert_eq!((&data["carol"], &data["hers"], &data["carolChart"]), (&json!(null), &json!(null), &json!(null)));
    assert_eq!(data["of"]["totalCount"], 0);
    assert_eq!(data["counts"], json!([{ "key": north.to_string(), "count": 5 }]));
    let ana = data["anaChart"]["appointments"].as_array().expect("appointments");
    assert_eq!((ana.len(), &ana[0]["hospital"]["name"]), (2, &json!("North")));

    let nowhere = carelog_domain::kernel::HospitalId(uuid::Uuid::from_u128(7));
    for hospital in [south, nowhere] {
        for query in [
            format!("{{ appointments(filter: {{ hospital: \"{hospital}\" }}) {{ totalCount }} }}"),
            format!("{{ invoices(filter: {{ hospital: \"{hospital}\" }}) {{ totalCount }} }}"),
            format!("{{ accounts(filter: {{ hospital: \"{hospital}\" }}) {{ totalCount }} }}"),
            format!("{{ patients(filter: {{ hospital: \"{hospital}\" }}) {{ totalCount }} }}"),
            format!("{{ criticalResults(filter: {{ hospital: \"{hospital}\" }}) {{ totalCount }} }}"),
            format!("{{ ledgerBalances(hospital: \"{hospital}\") {{ account }} }}"),
        ] {
            assert_eq!(world.refusal(&northerner, &query).await, "outside-reach", "{query}");
        }
    }

    // A cursor made for the whole chain does not open for somebody who may see less.
    let data = world.data(&auditor(), "{ appointments(first: 6) { pageInfo { endCursor } } }").await;
    let cursor = data["appointments"]["pageInfo"]["endCursor"].as_str().expect("a cursor");
    let query = format!("{{ appointments(before: \"{cursor}\") {{ nodes {{ id }} }} }}");
    assert_eq!(world.refusal(&northerner, &query).await, "cursor-invalid");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_row_leads_to_is_shown_to_those_alone_who_may_see_it() {
    let world = World::new().await;
    let unlinked = format!("DELETE FROM {} WHERE hospital = $1", table_in(Set::A, "patient_links"));
    world.write(Statement::new(unlinked, vec![world.ids.north.to_string().into()])).await;
    let northerner = auditor_of(world.ids.north);
    // Read beside the rows and shown straight from them, resolved, and asked for by id.
    for more in ["", "allowedActions"] {
        let query = format!("{{ appointments(first: 3) {{ nodes {{ id {more} patient {{ name }} }} }} }}");
        for row in world.data(&northerner, &query).await["appointments"]["nodes"].as_array().expect("rows") {
            assert_eq!(row["patient"], json!(null), "{query}");
            let one = format!("{{ appointment(id: {}) {{ patient {{ name }} }} }}", row["id"]);
            assert_eq!(world.data(&northerner, &one).await, json!({ "appointment": { "patient": null } }));
            let name = world.data(&auditor(), &one).await["appointment"]["patient"]["name"].take();
            assert!(name.is_string(), "whoever acts for the chain sees them");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_of_fact_needs_its_permission() {
    let world = World::new().await;
    let desk = actor(&[Role::FrontDesk], Reach::Chain);
    let practitioner = actor(&[Role::Practitioner], Reach::Chain);
    let billing = actor(&[Role::Billing], Reach::Chain);
    let administrator = actor(&[Role::Administrator], Reach::Chain);
    let nobody = actor(&[], Reach::Chain);
    let visit = world.ids.visits[0];

    let reason = format!("{{ appointment(id: \"{visit}\") {{ status reason }} }}");
    let answer = world.answer(&desk, &reason, json!({})).await;
    let shown = &answer["data"]["appointment"];
    assert_eq!((&shown["status"], &shown["reason"]), (&json!("BOOKED"), &json!(null)));
    assert_eq!(code(&answer), "not-permitted");
    assert_eq!(world.data(&practitioner, &reason).await["appointment"]["reason"], "palpitations");

    let partly = world.answer(&desk, "{ invoices { totalCount } hospitals { totalCount } }", json!({})).await;
    assert_eq!(partly["data"], json!({ "invoices": null, "hospitals": { "totalCount": 2 } }), "the rest is answered");

    let invoice = format!("{{ appointment(id: \"{visit}\") {{ invoice {{ number }} }} }}");
    assert_eq!(world.refusal(&desk, &invoice).await, "not-permitted");
    assert_eq!(world.data(&billing, &invoice).await["appointment"]["invoice"]["number"], "INV-2024-000001");

    let chart = format!("{{ chart(patient: \"{}\") {{ invoices {{ number }} }} }}", world.ids.zoe);
    assert_eq!(world.refusal(&desk, &chart).await, "not-permitted");
    assert_eq!(world.refusal(&practitioner, &chart).await, "not-permitted");
    assert_eq!(world.data(&auditor(), &chart).await["chart"]["invoices"][0]["number"], "INV-2024-000001");

    let as_of =
        format!("{{ appointment(id: \"{visit}\") {{ asOf(recorded: \"2030-01-01T00:00:00Z\") {{ status }} }} }}");
    assert_eq!(world.refusal(&practitioner, &as_of).await, "not-permitted");
    let history = format!("{{ appointment(id: \"{visit}\") {{ history {{ description }} }} }}");
    assert_eq!(world.refusal(&desk, &history).await, "not-permitted");
    let then = format!(
        "{{ chart(patient: \"{}\", knownAt: \"2030-01-01T00:00:00Z\") {{ profile {{ name }} }} }}",
        world.ids.zoe
    );
    assert_eq!(world.refusal(&practitioner, &then).await, "not-permitted");

    for query in [
        "{ patients { totalCount } }",
        "{ appointments { totalCount } }",
        "{ appointmentCounts(by: STATUS) { count } }",
        "{ invoices { totalCount } }",
        "{ accounts { totalCount } }",
        "{ criticalResults { totalCount } }",
    ] {
        assert_eq!(world.refusal(&administrator, query).await, "not-permitted", "{query}");
    }
    assert_eq!(world.data(&administrator, "{ hospitals { totalCount } }").await["hospitals"]["totalCount"], 2);
    for query in ["{ hospitals { totalCount } }", "{ practitioners { totalCount } }"] {
        assert_eq!(world.refusal(&nobody, query).await, "not-permitted", "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_critical_value_waits_with_what_was_printed() {
    let world = World::new().await;
    let query = "{ criticalResults { totalCount nodes { id open number patient { name } report { status
        observations { id name printed decimal unit range rangeLow rangeHigh printedFlag computedFlag machineRead openTask } } } } }";
    let data = world.data(&auditor(), query).await;
    let found = &data["criticalResults"]["nodes"][0];
    let id = format!("{}-1", world.ids.report);
    assert_eq!(
        (&found["id"], &found["open"], &found["patient"]["name"]),
        (&json!(id), &json!(true), &json!("Zoë O'Neil"))
    );
    assert_eq!(
        found["report"]["observations"],
        json!([{ "id": id, "name": "Potassium", "printed": "7.10", "decimal": "7.10", "unit": "mmol/L",
                 "range": "3.5 - 5.1", "rangeLow": "3.5", "rangeHigh": "5.1", "printedFlag": "HH", "computedFlag": "H",
                 "machineRead": true, "openTask": true }])
    );
}
