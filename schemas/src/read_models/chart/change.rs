//! Changes of chart items as plain data, and carrying them out: pure, from an item's content to its next.

use carelog_domain::event::Event;
use carelog_domain::kernel::{PatientId, Recorded};
use carelog_domain::laboratory::{Observation, ObservationChange, ObservationStatus};
use serde::Serialize;
use serde_json::Value;

/// A change of an item of a patient's chart.
#[derive(Clone, PartialEq, Debug)]
pub struct ItemChange {
    /// Whose chart.
    pub patient: PatientId,
    /// Which item.
    pub sort_key: String,
    /// What is done.
    pub what: ItemWhat,
}

/// What is done to an item.
#[derive(Clone, PartialEq, Debug)]
pub enum ItemWhat {
    /// Its whole content.
    Put(Value),
    /// These fields of what is there (as RFC 7396 has it, but null stays null).
    Merge(Value),
    /// More members of a list of the item.
    Push(&'static str, Vec<Value>),
    /// These fields of members of a list.
    Members {
        /// The list's field.
        list: &'static str,
        /// The `number` of those meant; all when `None`.
        numbers: Option<Vec<u32>>,
        /// Fields that change.
        merge: Value,
    },
    /// Values of a lab report that a person changed, by the domain's own rule, and what they are since.
    Change(Vec<ObservationChange>, ObservationStatus),
    /// Values of a lab report that a person stands for from now on.
    Confirm,
}

pub(super) fn item(patient: PatientId, sort_key: impl Into<String>, what: ItemWhat) -> ItemChange {
    ItemChange { patient, sort_key: sort_key.into(), what }
}

pub(super) fn body(content: &impl Serialize) -> Value {
    serde_json::to_value(content).expect("chart items are plain data with text keys, which always become JSON")
}

/// These fields, and the version the item is at now.
pub(super) fn merged(recorded: &Recorded<Event>, mut fields: Value) -> ItemWhat {
    fields["version"] = recorded.context.version.0.into();
    ItemWhat::Merge(fields)
}

/// The content of an item after a change; a change of an item that is not there changes nothing.
pub fn changed(current: Option<Value>, what: &ItemWhat) -> Option<Value> {
    if let ItemWhat::Put(value) = what {
        return Some(value.clone());
    }
    let mut item = current?;
    match what {
        ItemWhat::Put(_) => {}
        ItemWhat::Merge(fields) => merge(&mut item, fields),
        ItemWhat::Push(list, more) => {
            if let Some(members) = item.get_mut(*list).and_then(Value::as_array_mut) {
                members.extend(more.iter().cloned());
            }
        }
        ItemWhat::Members { list, numbers, merge: fields } => {
            let members = item.get_mut(*list).and_then(Value::as_array_mut);
            for member in members.into_iter().flatten().filter(|member| is_meant(member, numbers.as_deref())) {
                merge(member, fields);
            }
        }
        ItemWhat::Change(changes, status) => {
            observations(&mut item, |observation| observation.changed_by(changes, *status));
        }
        ItemWhat::Confirm => observations(&mut item, Observation::confirmed),
    }
    Some(item)
}

/// Lets the domain change the values of a report; what the chart keeps beside them stays.
fn observations(item: &mut Value, change: impl Fn(Observation) -> Observation) {
    let members = item.get_mut("observations").and_then(Value::as_array_mut);
    for member in members.into_iter().flatten() {
        let observation = serde_json::from_value::<Observation>(member.clone());
        if let Ok(changed) = observation.and_then(|observation| serde_json::to_value(change(observation))) {
            merge(member, &changed);
        }
    }
}

fn is_meant(member: &Value, numbers: Option<&[u32]>) -> bool {
    let number = member.get("number").and_then(Value::as_u64);
    numbers.is_none_or(|numbers| numbers.iter().any(|wanted| number == Some(u64::from(*wanted))))
}

/// Sets fields, those of objects inside too.
fn merge(into: &mut Value, fields: &Value) {
    match (into, fields) {
        (Value::Object(into), Value::Object(fields)) => {
            for (name, value) in fields {
                match into.get_mut(name) {
                    Some(present) if present.is_object() && value.is_object() => merge(present, value),
                    _ => {
                        into.insert(name.clone(), value.clone());
                    }
                }
            }
        }
        (into, fields) => *into = fields.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn observation(number: u32, printed: &str) -> Value {
        json!({
            "number": number, "name": "Potassium", "loinc": null, "printed": printed, "decimal": printed,
            "comparator": null, "unit": "mmol/L", "ucum": null, "range": null, "printedFlag": null,
            "computedFlag": null, "status": "final", "machineRead": false, "page": 1, "line": number, "earlier": [],
            "openTask": true,
        })
    }

    #[test]
    fn an_amended_value_keeps_what_was_printed_and_what_the_chart_adds() {
        let item = json!({ "observations": [observation(1, "4.10"), observation(2, "7")] });
        let change = ObservationChange {
            number: 1,
            printed: Some("4.20".to_owned()),
            decimal: Some("4.20".to_owned()),
            comparator: None,
            unit: None,
            flag: None,
        };
        let next = changed(Some(item), &ItemWhat::Change(vec![change], ObservationStatus::Amended)).expect("an item");
        let first = &next["observations"][0];
        assert_eq!((&first["printed"], &first["earlier"]), (&json!("4.20"), &json!(["4.10"])));
        assert_eq!((&first["status"], &first["openTask"]), (&json!("amended"), &json!(true)));
        assert_eq!(next["observations"][1], observation(2, "7"));
    }

    #[test]
    fn members_are_changed_by_their_number() {
        let item = json!({ "observations": [observation(1, "4.10"), observation(2, "7")] });
        let what =
            ItemWhat::Members { list: "observations", numbers: Some(vec![2]), merge: json!({ "openTask": false }) };
        let next = changed(Some(item), &what).expect("an item");
        assert_eq!(next["observations"][0]["openTask"], true);
        assert_eq!(next["observations"][1]["openTask"], false);
    }

    #[test]
    fn fields_that_are_not_named_stay_and_nothing_is_made_of_nothing() {
        let merged = changed(Some(json!({ "a": 1, "b": 2 })), &ItemWhat::Merge(json!({ "b": null })));
        assert_eq!(merged, Some(json!({ "a": 1, "b": null })));
        assert_eq!(changed(None, &ItemWhat::Merge(json!({ "b": 1 }))), None);
    }
}
