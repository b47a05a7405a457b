//! Lists, pages, filters, counts, nested objects, freshness.

use carelog_domain::kernel::{AppointmentId, CommandId};
use carelog_domain::ports::{DocumentWrite, Statement};
use carelog_domain::streams;
use carelog_schemas::read_models::chart::KEYS;
use carelog_schemas::read_models::key;
use serde_json::{Value, json};

use crate::past::{booked, quarter};
use crate::world::{World, at, auditor, auditor_of, code};

fn ids(nodes: &Value) -> Vec<String> {
    nodes.as_array().expect("nodes").iter().map(|node| node["id"].as_str().expect("an id").to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_go_on_where_they_ended_in_both_directions() {
    for partitions in [1, 4] {
        let world = World::with_partitions(partitions).await;
        let all = world.data(&auditor(), "{ appointments(first: 100) { totalCount nodes { id start } } }").await;
        let all = &all["appointments"];
        let whole = ids(&all["nodes"]);
        assert_eq!((all["totalCount"].as_i64(), whole.len()), (Some(7), 7));
        assert_eq!(whole[0], world.ids.visits[3].to_string(), "yesterday's comes first");
        assert_eq!(whole[6], world.ids.visits[4].to_string(), "the one without a time comes last");
        for count in 1..=7 {
            let ends = format!(
                "{{ a: appointments(first: {count}) {{ nodes {{ id }} }} b: appointments(last: {count}) {{ nodes {{ id }} }} }}"
            );
            let data = world.data(&auditor(), &ends).await;
            assert_eq!(ids(&data["a"]["nodes"]), whole[..count]);
            assert_eq!(ids(&data["b"]["nodes"]), whole[7 - count..]);
        }

        for (size, cursor, info, forward) in
            [("first", "after", "endCursor", true), ("last", "before", "startCursor", false)]
        {
            let query = format!(
                "query($at: String) {{ appointments({size}: 2, {cursor}: $at) {{ nodes {{ id }} \
                 pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }} }} }}"
            );
            let (mut seen, mut place, mut pages) = (Vec::new(), Value::Null, 0);
            loop {
                let answer = world.answer(&auditor(), &query, json!({ "at": place })).await;
                let page = answer["data"]["appointments"].clone();
                let found = ids(&page["nodes"]);
                seen = if forward { [seen, found].concat() } else { [found, seen].concat() };
                place = page["pageInfo"][info].clone();
                pages += 1;
                let more = if forward { "hasNextPage" } else { "hasPreviousPage" };
                if page["pageInfo"][more] == json!(false) {
                    break;
                }
            }
            assert_eq!((seen, pages), (whole.clone(), 4));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_latest_can_come_first_and_those_without_a_time_still_come_last() {
    let world = World::new().await;
    let data = world.data(&auditor(), "{ appointments(newestFirst: true) { nodes { id } } }").await;
    let found = ids(&data["appointments"]["nodes"]);
    assert_eq!(found[0], world.ids.south_visits[1].to_string());
    assert_eq!(found[5..], [world.ids.visits[3].to_string(), world.ids.visits[4].to_string()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_of_another_filter_or_a_changed_one_is_refused() {
    let world = World::new().await;
    let data = world.data(&auditor(), "{ appointments(first: 1) { pageInfo { endCursor } } }").await;
    let cursor = data["appointments"]["pageInfo"]["endCursor"].as_str().expect("a cursor").to_owned();
    let other = if cursor.starts_with('A') { "B" } else { "A" };
    let refused = |query: String| {
        let world = &world;
        async move { world.refusal(&auditor(), &query).await }
    };
    assert_eq!(
        refused(format!(
            "{{ appointments(after: \"{cursor}\", filter: {{ statuses: [BOOKED] }}) {{ nodes {{ id }} }} }}"
        ))
        .await,
        "cursor-invalid"
    );
    assert_eq!(
        refused(format!("{{ appointments(after: \"{other}{}\") {{ nodes {{ id }} }} }}", &cursor[1..])).await,
        "cursor-invalid"
    );
    assert_eq!(refused(format!("{{ patients(after: \"{cursor}\") {{ nodes {{ id }} }} }}")).await, "cursor-invalid");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_hangs_on_a_row_comes_with_it() {
    let world = World::new().await;
    let query = format!(
        "{{ appointment(id: \"{}\") {{ status start date serviceDisplay price {{ amount currency }} reason
           hospital {{ name zone prices {{ service amount {{ amount }} }} }}
           patient {{ name birthDate gender contacts {{ system value }} identifiers {{ value }} hospitals {{ hospital {{ name }} }} }}
           practitioner {{ name roles {{ specialty hospital {{ name }} }} }}
           invoice {{ number status totalNet {{ amount }} totalGross {{ amount }} balance {{ amount }}
                      lines {{ number net {{ amount }} taxAmount {{ amount }} }} allocations {{ amount {{ amount }} }}
                      account {{ unapplied {{ amount }} owed {{ amount }} payments {{ status method reference }} }} }} }} }}",
        world.ids.visits[0]
    );
    let data = world.data(&auditor(), &query).await;
    assert_eq!(
        data["appointment"],
        json!({
            "status": "BOOKED", "start": "2024-12-02T09:00:00Z", "date": "2024-12-02",
            "serviceDisplay": "Consultation", "price": { "amount": "100.00", "currency": "GBP" },
            "reason": "palpitations",
            "hospital": { "name": "North", "zone": "Europe/London",
                          "prices": [{ "service": "consult", "amount": { "amount": "100.00" } }] },
            "patient": {
                "name": "Zoë O'Neil", "birthDate": "1980-02-29", "gender": "FEMALE",
                "contacts": [{ "system": "PHONE", "value": "020 7946 0000" }],
                "identifiers": [{ "value": "Zoë-1" }], "hospitals": [{ "hospital": { "name": "North" } }],
            },
            "practitioner": { "name": "Ada Byron", "roles": data["appointment"]["practitioner"]["roles"].clone() },
            "invoice": {
                "number": "INV-2024-000001", "status": "ISSUED", "totalNet": { "amount": "100.00" },
                "totalGross": { "amount": "120.00" }, "balance": { "amount": "70.00" },
                "lines": [{ "number": 1, "net": { "amount": "100.00" }, "taxAmount": { "amount": "20.00" } }],
                "allocations": [{ "amount": { "amount": "50.00" } }],
                "account": { "unapplied": { "amount": "10.00" }, "owed": { "amount": "70.00" },
                             "payments": [{ "status": "SUCCEEDED", "method": "CARD", "reference": "card 42" }] },
            },
        })
    );
    assert_eq!(data["appointment"]["practitioner"]["roles"].as_array().map(Vec::len), Some(2));
}

/// The fields of a type as they can be asked without arguments, objects with their own plain fields; `depth` levels down.
fn selections(types: &Value, name: &str, depth: usize) -> Vec<String> {
    let of_name = |ty: &&Value| ty["name"] == name;
    let fields = types.as_array().and_then(|types| types.iter().find(of_name)).expect("the type")["fields"].as_array();
    let mut selections = Vec::new();
    for field in fields.expect("an object has fields") {
        let (name, mut ty) = (field["name"].as_str().expect("a name"), &field["type"]);
        let needs_arguments = field["args"].as_array().is_some_and(|args| {
            args.iter().any(|argument| argument["type"]["kind"] == "NON_NULL" && argument["defaultValue"].is_null())
        });
        while !ty["ofType"].is_null() {
            ty = &ty["ofType"];
        }
        let inner = match ty["kind"].as_str() {
            Some("OBJECT") if depth == 0 => continue,
            Some("OBJECT") => selections_of(types, ty["name"].as_str().expect("a name"), depth - 1),
            _ => String::new(),
        };
        if !needs_arguments {
            selections.push(format!("{name} {inner}"));
        }
    }
    selections
}

fn selections_of(types: &Value, name: &str, depth: usize) -> String {
    format!("{{ {} }}", selections(types, name, depth).join(" "))
}

/// All types, for [`selections`].
async fn types(world: &World) -> Value {
    let shape = "kind name ofType { kind name ofType { kind name ofType { kind name } } }";
    let types = format!(
        "{{ __schema {{ types {{ name fields {{ name args {{ defaultValue type {{ kind }} }} type {{ {shape} }} }} }} }} }}"
    );
    world.data(&auditor(), &types).await["__schema"]["types"].take()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_asked_for_alone_says_what_it_says_among_all_others() {
    let world = World::new().await;
    let types = types(&world).await;
    for (list, name, least) in
        [("appointments", "Appointment", 11), ("patients", "Patient", 11), ("practitioners", "Practitioner", 6)]
    {
        let fields = selections(&types, name, 1);
        assert!(fields.len() >= least, "{fields:?}");
        let whole = format!("{{ {list}(first: 5) {{ nodes {{ {} }} }} }}", fields.join(" "));
        let whole = world.data(&auditor(), &whole).await[list]["nodes"].take();
        let known = |row: &Value, field: &str| !row[field].is_null();
        for field in &fields {
            let column = field.split(' ').next().expect("a name");
            for query in [
                format!("{{ {list}(first: 5) {{ nodes {{ {field} }} }} }}"),
                format!(
                    "{{ {list}(first: 5) {{ pageInfo {{ endCursor }} edges {{ cursor node {{ ...F }} }} }} }} fragment F on {name} {{ __typename {field} }}"
                ),
            ] {
                let page = world.data(&auditor(), &query).await[list].take();
                let rows = page["nodes"].as_array().or(page["edges"].as_array()).expect("rows");
                assert_eq!(rows.len(), whole.as_array().map_or(0, Vec::len));
                for (row, all) in rows.iter().zip(whole.as_array().expect("rows")) {
                    let row = if row["node"].is_null() { row } else { &row["node"] };
                    assert_eq!(row[column], all[column], "{query}");
                }
            }
        }
        let somewhere = fields.iter().filter(|field| {
            let column = field.split(' ').next().expect("a name");
            whole.as_array().expect("rows").iter().any(|row| known(row, column))
        });
        assert!(somewhere.count() > fields.len() / 2, "most fields are known of some row: {whole:#}");
    }
}

/// What these appointments say of a selection when each is asked for by its id, so that nothing is read ahead.
async fn one_by_one(world: &World, ids: &[String], selection: &str) -> Vec<Value> {
    let one = |(number, id): (usize, &String)| format!("a{number}: appointment(id: \"{id}\") {{ {selection} }}");
    let all: Vec<String> = ids.iter().enumerate().map(one).collect();
    let data = world.data(&auditor(), &format!("{{ {} }}", all.join(" "))).await;
    (0..ids.len()).map(|number| data[format!("a{number}")].clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_rows_of_a_page_lead_to_is_read_with_them_and_says_the_same() {
    let world = World::new().await;
    let types = types(&world).await;
    let whole = world.data(&auditor(), "{ appointments { nodes { id } } }").await;
    let all = ids(&whole["appointments"]["nodes"]);
    let leads = [
        ("hospital", "Hospital"),
        ("patient", "Patient"),
        ("practitioner", "Practitioner"),
        ("practitionerRole", "PractitionerRole"),
    ];
    for (lead, name) in leads {
        for field in selections(&types, name, 1) {
            let selection = format!("{lead} {{ {field} }}");
            let expected = one_by_one(&world, &all, &selection).await;
            for page in ["first: 20", "last: 20", "first: 3", "last: 3", "last: 20, newestFirst: true"] {
                let query = format!("{{ appointments({page}) {{ nodes {{ id {selection} }} }} }}");
                let page = world.data(&auditor(), &query).await;
                for node in page["appointments"]["nodes"].as_array().expect("rows") {
                    let at = all.iter().position(|id| node["id"] == **id).expect("one of them");
                    assert_eq!(node[lead], expected[at][lead], "{selection}");
                }
            }
        }
    }
    // Under several names, from two lists at once, and with other fields each time.
    let query = "{ x: appointments(first: 3) { nodes { id a: patient { id } b: patient { name gender } } }
                   y: appointments(last: 6) { edges { node { id a: patient { birthDate } b: practitioner { name } } } } }";
    let data = world.data(&auditor(), query).await;
    let asked = "patient { id name gender birthDate } practitioner { name }";
    let expected = one_by_one(&world, &all, asked).await;
    let of = |node: &Value| expected[all.iter().position(|id| node["id"] == **id).expect("one of them")].clone();
    for node in data["x"]["nodes"].as_array().expect("rows") {
        let patient = of(node)["patient"].clone();
        assert_eq!(node["a"], json!({ "id": patient["id"] }));
        assert_eq!(node["b"], json!({ "name": patient["name"], "gender": patient["gender"] }));
    }
    for node in data["y"]["edges"].as_array().expect("rows").iter().map(|edge| &edge["node"]) {
        assert_eq!(node["a"]["birthDate"], of(node)["patient"]["birthDate"]);
        assert_eq!(node["b"], of(node)["practitioner"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_with_what_its_rows_lead_to_is_one_transaction() {
    let world = World::new().await;
    let led = "hospital { name } patient { id name } practitioner { name } practitionerRole { specialty }";
    world.reads();
    world.data(&auditor(), &format!("{{ appointments(first: 6) {{ totalCount nodes {{ id {led} }} }} }}")).await;
    assert_eq!(world.reads(), (1, 3), "rows with and without a start and what they lead to, their number, checkpoints");
    let data = world.data(&auditor(), "{ appointments(first: 2) { pageInfo { endCursor } } }").await;
    let after = data["appointments"]["pageInfo"]["endCursor"].as_str().expect("a cursor").to_owned();
    world.reads();
    let query = format!("{{ appointments(first: 3, after: \"{after}\") {{ nodes {{ id {led} }} }} }}");
    let data = world.data(&auditor(), &query).await;
    assert_eq!((world.reads().0, data["appointments"]["nodes"].as_array().map(Vec::len)), (1, Some(3)));
    world.data(&auditor_of(world.ids.north), &format!("{{ appointments(first: 4) {{ nodes {{ id {led} }} }} }}")).await;
    assert_eq!(world.reads().0, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn however_the_fields_of_a_page_are_put_it_says_the_same() {
    let world = World::new().await;
    let rows = async |selection: &str, fragments: &str| {
        let data = world.data(&auditor(), &format!("{{ appointments {{ {selection} }} }} {fragments}")).await;
        let list = data["appointments"].as_object().and_then(|lists| lists.values().next()).expect("a list").clone();
        let nodes = list.as_array().expect("rows").iter();
        nodes.map(|row| row.get("node").unwrap_or(row).clone()).collect::<Vec<Value>>()
    };
    let fields = "id status start patient { id name } needsRebooking";
    let expected = rows(&format!("nodes {{ {fields} }}"), "").await;
    assert!(expected.len() > 3 && expected.iter().any(|row| row["patient"]["name"].is_string()));
    let parts = "fragment A on Appointment { id status start ...B needsRebooking }
                 fragment B on Appointment { patient { ...P } } fragment P on Patient { id name }";
    let selections = [
        (format!("edges {{ node {{ {fields} }} }}"), ""),
        ("nodes { ...A }".to_owned(), parts),
        ("edges { node { ...A } }".to_owned(), parts),
        (
            "nodes { ... on Appointment { id status } ... { start patient { id } } patient { name } needsRebooking }"
                .into(),
            "",
        ),
        ("nodes { id status @include(if: true) start patient @skip(if: false) { id name } needsRebooking }".into(), ""),
        ("nodes { id id status start reason @include(if: false) patient { id name } needsRebooking }".into(), ""),
    ];
    for (selection, fragments) in selections {
        assert_eq!(rows(&selection, fragments).await, expected, "{selection}");
    }
    // A field that has to be resolved, or a part of it, leaves the others what they are.
    for (more, name) in [("allowedActions", "allowedActions"), ("price { amount }", "price")] {
        let mut found = rows(&format!("nodes {{ {fields} {more} }}"), "").await;
        assert!(found.iter().any(|row| !row[name].is_null()), "{more}");
        found.iter_mut().for_each(|row| drop(row.as_object_mut().expect("an object").remove(name)));
        assert_eq!(found, expected, "{more}");
    }
    let named = rows("nodes { __typename i: id s: status patient { __typename n: name } }", "").await;
    for (row, expected) in named.iter().zip(&expected) {
        let patient = json!({ "__typename": "Patient", "n": expected["patient"]["name"] });
        let row_expected =
            json!({ "__typename": "Appointment", "i": expected["id"], "s": expected["status"], "patient": patient });
        assert_eq!(*row, row_expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_who_asks_for_times_is_read_those_without_one() {
    let world = World::new().await;
    for filter in ["from: \"2024-12-01T00:00:00Z\"", "to: \"2030-01-01T00:00:00Z\"", "date: \"2024-12-02\""] {
        let of =
            |page: &str| format!("{{ appointments(filter: {{ {filter} }}, {page}) {{ totalCount nodes {{ id }} }} }}");
        let whole = world.data(&auditor(), &of("first: 20")).await["appointments"].take();
        let all = ids(&whole["nodes"]);
        assert_eq!(whole["totalCount"], all.len(), "{filter}");
        world.reads();
        let first = world.data(&auditor(), &of("first: 2")).await["appointments"].take();
        assert_eq!(world.reads(), (1, 3), "rows, their number, checkpoints");
        let last = world.data(&auditor(), &of("last: 2")).await["appointments"].take();
        assert_eq!((ids(&first["nodes"]), ids(&last["nodes"])), (all[..2].to_vec(), all[all.len() - 2..].to_vec()));
        assert!(!all.contains(&world.ids.visits[4].to_string()), "it has no time");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_worklists_and_counts_agree() {
    let world = World::new().await;
    let (north, zoe) = (world.ids.north, world.ids.zoe);
    let data = world
        .data(
            &auditor(),
            &format!(
                "{{ zoe: appointments(filter: {{ patient: \"{zoe}\" }}) {{ totalCount }}
                    early: appointments(filter: {{ hospital: \"{north}\", from: \"2024-12-02T00:00:00Z\", to: \"2024-12-02T09:30:00Z\" }}) {{ totalCount }}
                    missing: appointments(filter: {{ worklist: OUTCOME_MISSING }}) {{ nodes {{ id }} }}
                    rebook: appointments(filter: {{ worklist: TO_REBOOK }}) {{ totalCount }}
                    none: appointments(filter: {{ statuses: [] }}) {{ totalCount }}
                    byStatus: appointmentCounts(by: STATUS) {{ key count }}
                    byDate: appointmentCounts(filter: {{ hospital: \"{north}\" }}, by: DATE) {{ key count }} }}"
            ),
        )
        .await;
    assert_eq!(data["zoe"]["totalCount"], 3);
    assert_eq!(data["early"]["totalCount"], 2);
    assert_eq!(ids(&data["missing"]["nodes"]), [world.ids.visits[3].to_string()]);
    assert_eq!((&data["rebook"]["totalCount"], &data["none"]["totalCount"]), (&json!(0), &json!(0)));
    assert_eq!(data["byStatus"], json!([{ "key": "BOOKED", "count": 6 }, { "key": "PROPOSED", "count": 1 }]));
    assert_eq!(
        data["byDate"],
        json!([{ "key": "2024-12-01", "count": 1 }, { "key": "2024-12-02", "count": 3 }, { "key": null, "count": 1 }])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_expected_at_two_hospitals_at_once_is_listed_to_those_who_see_both() {
    let world = World::new().await;
    let (north, south, zoe) = (world.ids.north, world.ids.south, world.ids.zoe);
    let query = "{ appointments(filter: { worklist: OVERLAPPING }) { totalCount nodes { id } } }";
    assert_eq!(world.data(&auditor(), query).await["appointments"]["totalCount"], 0);
    let elsewhere = |name: &str| {
        let command = CommandId::of_client_key("test", "ids", name);
        AppointmentId::derive(command, south.slot(), at("2024-11-20T08:00:00Z"), 0)
    };
    for (name, start) in [("right after", "2024-12-02T09:15:00Z"), ("meanwhile", "2024-12-02T09:05:00Z")] {
        let event = booked(&world.ids, elsewhere(name), zoe, quarter(start));
        let stream = streams::appointment(elsewhere(name));
        world.append(at("2024-11-20T08:00:00Z"), &stream, vec![event.into()]).await;
    }
    world.caught_up().await;
    let listed = ids(&world.data(&auditor(), query).await["appointments"]["nodes"]);
    assert_eq!(listed, [world.ids.visits[0].to_string(), elsewhere("meanwhile").to_string()]);
    for hospital in [north, south] {
        let seen = world.data(&auditor_of(hospital), query).await;
        assert_eq!(seen["appointments"]["totalCount"], 0, "what the other hospital has planned is not found out");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_seat_is_free_again_when_its_hold_ends() {
    let world = World::new().await;
    let query = format!(
        "{{ availability(from: \"2024-12-02T00:00:00Z\", to: \"2024-12-03T00:00:00Z\", hospital: \"{}\", \
           specialty: \"cardiology\") {{ totalCount nodes {{ start free held status practitioner {{ name }} }} }} }}",
        world.ids.north
    );
    assert_eq!(world.data(&auditor(), &query).await["availability"], json!({ "totalCount": 0, "nodes": [] }));
    let everything = query.replace("specialty:", "all: true, specialty:");
    let all = world.data(&auditor(), &everything).await;
    assert_eq!(all["availability"]["totalCount"], 4);
    assert_eq!(all["availability"]["nodes"][3]["held"], 1);
    assert_eq!(all["availability"]["nodes"][3]["status"], "BUSY");
    world.clock.set(at("2024-12-02T08:10:00Z"));
    let free = world.data(&auditor(), &query).await;
    assert_eq!(
        free["availability"]["nodes"],
        json!([{ "start": "2024-12-02T09:45:00Z", "free": 1, "held": 0, "status": "FREE",
                 "practitioner": { "name": "Ada Byron" } }])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn people_are_found_by_any_part_of_their_name_and_by_identifier() {
    let world = World::new().await;
    for (filter, expected) in [
        ("name: \"ZOE\"", vec!["Zoë O'Neil"]),
        ("name: \"gomez maria\"", vec!["Ana-María Gómez"]),
        ("name: \"smi\"", vec!["Carol Smith"]),
        ("name: \"mith\"", vec![]),
        ("identifier: { system: \"urn:test\", kind: \"mr\", value: \"car 1\" }", vec!["Carol Smith"]),
        ("birthDate: \"1980-02-29\"", vec!["Ana-María Gómez", "Carol Smith", "Zoë O'Neil"]),
    ] {
        let data =
            world.data(&auditor(), &format!("{{ patients(filter: {{ {filter} }}) {{ nodes {{ name }} }} }}")).await;
        let names: Vec<&str> = data["patients"]["nodes"]
            .as_array()
            .expect("nodes")
            .iter()
            .filter_map(|node| node["name"].as_str())
            .collect();
        assert_eq!(names, expected, "{filter}");
    }
    let data = world
        .data(
            &auditor(),
            "{ practitioners(filter: { name: \"ada b\", specialty: \"cardiology\" }) { nodes { name } } }",
        )
        .await;
    assert_eq!(data["practitioners"]["nodes"], json!([{ "name": "Ada Byron" }]));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ledger_of_a_hospital_sums_to_nothing() {
    let world = World::new().await;
    let query =
        format!("{{ ledgerBalances(hospital: \"{}\") {{ account balance {{ amount }} postings }} }}", world.ids.north);
    let data = world.data(&auditor(), &query).await;
    assert_eq!(
        data["ledgerBalances"],
        json!([
            { "account": "assets:cash", "balance": { "amount": "60.00" }, "postings": 1 },
            { "account": "assets:receivable", "balance": { "amount": "70.00" }, "postings": 2 },
            { "account": "income:revenue", "balance": { "amount": "-100.00" }, "postings": 1 },
            { "account": "liabilities:tax", "balance": { "amount": "-20.00" }, "postings": 1 },
            { "account": "liabilities:unapplied", "balance": { "amount": "-10.00" }, "postings": 2 },
        ])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_says_at_which_positions_it_was_read() {
    let world = World::new().await;
    let answer = world.answer(&auditor(), "{ appointments { nodes { id patient { id } } } }", json!({})).await;
    let models = answer["extensions"]["carelog"]["readModels"].as_array().expect("read models").clone();
    let names: Vec<&str> = models.iter().filter_map(|model| model["name"].as_str()).collect();
    assert_eq!(names, ["appointments", "patients"]);
    for model in &models {
        assert_eq!((&model["behind"], &model["ageMs"]), (&json!(0), &json!(0)), "{model}");
        assert_eq!(model["positions"].as_array().map(Vec::len), Some(1), "{model}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_with_a_token_sees_what_was_written_and_does_not_wait_for_ever() {
    let world = World::new().await;
    let appointment = world.ids.visits[4];
    let event = booked(&world.ids, appointment, world.ids.zoe, quarter("2024-12-03T09:00:00Z"));
    let token = world.append(at("2024-12-02T08:00:00Z"), &streams::appointment(appointment), vec![event.into()]).await;
    let query = format!("{{ appointment(id: \"{appointment}\") {{ status }} }}");
    let token = token.to_string();
    for headers in
        [vec![("carelog-token", token.as_str())], vec![("carelog-token", token.as_str()), ("carelog-wait", "settled")]]
    {
        let answer = world.answer_with(&auditor(), &query, json!({}), &headers).await;
        assert_eq!(answer["data"]["appointment"]["status"], "BOOKED", "{answer}");
    }
    let never = world.answer_with(&auditor(), &query, json!({}), &[("carelog-token", "0:999999")]).await;
    assert_eq!(code(&never), "not-yet");
    let nowhere = world
        .answer_with(&auditor(), &query, json!({}), &[("carelog-token", "0:999999"), ("carelog-wait", "settled")])
        .await;
    assert_eq!(code(&nowhere), "token-unknown");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_model_that_was_never_filled_is_shown_to_nobody() {
    let world = World::new().await;
    let chart = format!("{{ chart(patient: \"{}\") {{ profile {{ name }} }} }}", world.ids.zoe);
    let patients = "{ patients { nodes { id } } }";
    assert_eq!(world.data(&auditor(), patients).await["patients"]["nodes"].as_array().map(Vec::is_empty), Some(false));
    assert_ne!(world.data(&auditor(), &chart).await["chart"], Value::Null);
    let sql = "UPDATE read_model_layouts SET filled = 0 WHERE model = $1";
    world.write(Statement::new(sql, vec![key("patients").into()])).await;
    let mut live = world.documents.get(&KEYS.live()).await.expect("read").expect("a document");
    live.body["filled"] = false.into();
    live.position.offset += 1;
    let write = DocumentWrite { key: live.key, position: live.position, body: Some(live.body) };
    world.documents.write(vec![write]).await.expect("written");
    for query in [patients, &chart, "{ appointments { nodes { patient { name } } } }"] {
        assert_eq!(world.refusal(&auditor(), query).await, "read-model-filling", "{query}");
    }
    let others = world.data(&auditor(), "{ appointments { totalCount } }").await;
    assert_eq!(others["appointments"]["totalCount"], 7);
}
