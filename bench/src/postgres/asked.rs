//! A server that is asked for pages of appointments over GraphQL, in its own words, and what it answers, in one form.

use anyhow::{Context, ensure};
use chrono::DateTime;
use serde_json::{Value, json};

use crate::api::Api;

/// Rows of a page.
pub(super) const PAGE: u64 = 20;
/// Rows of a page on the way to a deep one: as many as Carelog gives at once.
pub(super) const STRIDE: u64 = 100;

const CARELOG: &str = "query ($h: ID, $after: String) {
    appointments(filter: { hospital: $h }, first: 20, after: $after) {
        nodes { id status start patient { id name } practitioner { id name } } } }";
const CARELOG_STRIDE: &str = "query ($h: ID, $after: String) {
    appointments(filter: { hospital: $h }, first: 100, after: $after) { pageInfo { endCursor } } }";
const POSTGRAPHILE: &str = "query ($h: Ctext!, $after: Cursor) {
    appointments: allAppointmentRows(condition: { hospital: $h }, orderBy: START_AT_ASC, first: 20, after: $after) {
        nodes {
            id: appointment status start: startAt
            patient: patientRow { id: patient name } practitioner: practitionerRow { id: practitioner name } } } }";
const POSTGRAPHILE_CURSOR: &str = "query ($h: Ctext!, $rows: Int!) {
    appointments: allAppointmentRows(condition: { hospital: $h }, orderBy: START_AT_ASC, first: 1, offset: $rows) {
        edges { cursor } } }";

/// A server that is asked.
pub(super) struct Asked {
    /// As the report calls it.
    pub(super) name: String,
    pub(super) api: Api,
    words: Words,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Words {
    Carelog,
    PostGraphile,
}

/// An appointment as every server answers it, once ids, words and instants are written in one way.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct Line {
    appointment: String,
    status: String,
    start_micros: i64,
    patient: (String, String),
    practitioner: (String, String),
}

impl Asked {
    /// Carelog.
    pub(super) fn carelog(api: &Api) -> Asked {
        Asked { name: "Carelog".to_owned(), api: api.clone(), words: Words::Carelog }
    }

    /// PostGraphile on Carelog's tables.
    pub(super) fn postgraphile(name: &str, api: &Api) -> Asked {
        Asked { name: name.to_owned(), api: api.clone(), words: Words::PostGraphile }
    }

    /// The body of a request for a page.
    pub(super) fn body(&self, hospital: &str, after: Option<&str>) -> Value {
        let query = match self.words {
            Words::Carelog => CARELOG,
            Words::PostGraphile => POSTGRAPHILE,
        };
        json!({ "query": query, "variables": { "h": hospital, "after": after } })
    }

    /// A whole page.
    pub(super) async fn page(&self, hospital: &str, after: Option<&str>) -> anyhow::Result<Vec<Line>> {
        let found = self.api.post("/graphql", &self.body(hospital, after)).await?;
        let nodes = found["data"]["appointments"]["nodes"].as_array();
        let nodes = nodes.with_context(|| format!("{} answered no page: {found}", self.name))?;
        ensure!(nodes.len() as u64 == PAGE, "{} answered a page of {} appointments", self.name, nodes.len());
        let lines = nodes.iter().map(|node| self.line(node)).collect::<Option<Vec<Line>>>();
        lines.with_context(|| format!("{} answered a page that is not whole: {found}", self.name))
    }

    /// The cursors after so many rows; the places are multiples of a stride, in order.
    pub(super) async fn cursors(&self, hospital: &str, places: &[u64]) -> anyhow::Result<Vec<String>> {
        match self.words {
            Words::Carelog => self.walk(hospital, places).await,
            Words::PostGraphile => self.leap(hospital, places).await,
        }
    }

    /// From page to page, as Carelog knows no other way into the depth.
    async fn walk(&self, hospital: &str, places: &[u64]) -> anyhow::Result<Vec<String>> {
        let (mut cursors, mut after, mut at) = (Vec::new(), Value::Null, 0);
        for &place in places {
            while at < place {
                let mut found = self.api.query(CARELOG_STRIDE, json!({ "h": hospital, "after": after })).await?;
                after = found["appointments"]["pageInfo"]["endCursor"].take();
                at += STRIDE;
            }
            cursors.push(after.as_str().with_context(|| format!("no cursor after {place} rows"))?.to_owned());
        }
        Ok(cursors)
    }

    async fn leap(&self, hospital: &str, places: &[u64]) -> anyhow::Result<Vec<String>> {
        let mut cursors = Vec::new();
        for &place in places {
            let found = self.api.query(POSTGRAPHILE_CURSOR, json!({ "h": hospital, "rows": place - 1 })).await?;
            let cursor = found["appointments"]["edges"][0]["cursor"].as_str().map(str::to_owned);
            cursors.push(cursor.with_context(|| format!("{} gave no cursor after {place} rows", self.name))?);
        }
        Ok(cursors)
    }

    fn line(&self, node: &Value) -> Option<Line> {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let named = |value: &Value| Some((text(&value["id"])?, text(&value["name"])?));
        let (status, start) = (node["status"].as_str()?, node["start"].as_str()?);
        let (status, start_micros) = match self.words {
            // An enum and an instant where the row has a word and microseconds.
            Words::Carelog => {
                (status.to_lowercase().replace('_', "-"), DateTime::parse_from_rfc3339(start).ok()?.timestamp_micros())
            }
            Words::PostGraphile => (status.to_owned(), start.parse().ok()?),
        };
        let (patient, practitioner) = (named(&node["patient"])?, named(&node["practitioner"])?);
        Some(Line { appointment: text(&node["id"])?, status, start_micros, patient, practitioner })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_servers_words_for_one_appointment_make_one_line() {
        let api = Api::at(String::new()).expect("a client");
        let node = |status: &str, start: &str| {
            let who = json!({ "id": "i", "name": "n" });
            json!({ "id": "a", "status": status, "start": start, "patient": who, "practitioner": who })
        };
        let ours = Asked::carelog(&api).line(&node("CHECKED_IN", "2026-11-23T00:15:00Z"));
        let theirs = Asked::postgraphile("PostGraphile", &api).line(&node("checked-in", "1795392900000000"));
        assert!(ours.is_some());
        assert_eq!(ours, theirs);
    }
}
