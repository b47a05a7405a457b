//! A hospital of the scenario: commands over HTTP, in the past as an importer says it or now, and the books beside it.

use carelog_tests::server::Server;
use chrono::{DateTime, Duration, NaiveDate, SecondsFormat, Utc};
use rand::Rng;
use rand::rngs::SmallRng;
use serde_json::{Value, json};

use super::model::{Books, Price};

/// Before this much before the start a cancellation costs nothing.
const LATE_HOURS: u32 = 48;

/// Where and in which money.
#[derive(Clone, Copy)]
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) zone: &'static str,
    pub(crate) currency: &'static str,
    pub(crate) decimals: usize,
}

/// A slot that can be booked.
#[derive(Clone, Debug)]
pub(crate) struct Slot {
    pub(crate) role: String,
    pub(crate) start: DateTime<Utc>,
    pub(crate) end: DateTime<Utc>,
    pub(crate) date: NaiveDate,
}

/// A booked appointment and its visit's invoice.
#[derive(Clone, Debug)]
pub(crate) struct Visit {
    pub(crate) id: String,
    pub(crate) patient: String,
    pub(crate) invoice: String,
    pub(crate) slot: Slot,
}

/// A hospital of the scenario.
pub(crate) struct Place<'a> {
    pub(crate) server: &'a Server,
    pub(crate) kind: Kind,
    pub(crate) hospital: String,
    pub(crate) role: String,
    pub(crate) group: String,
    pub(crate) night: String,
    pub(crate) patients: Vec<String>,
    pub(crate) books: Books,
    pub(crate) random: SmallRng,
    /// What an importer says it is; `None` once it is now.
    pub(crate) clock: Option<DateTime<Utc>>,
    /// Visits of an import that took place and are not paid yet.
    pub(crate) imported: Vec<Visit>,
    token: String,
    keys: u32,
}

/// The price of a service on a date. `MOVED` costs more every week.
pub(crate) fn price(service: &str, date: NaiveDate) -> Price {
    let (net, basis_points) = match service {
        "PLAIN" => (8_335, 0),
        "HALF" => (1_220, 1_750),
        "TAXED" => (6_137, 2_000),
        "FREE" => (0, 0),
        "LATE" => (2_500, 0),
        "NOSHOW" => (3_050, 2_000),
        "MOVED" => (4_000 + 13 * week(date), 2_000),
        _ => panic!("no service {service}"),
    };
    Price { net, basis_points }
}

const WEEKS: i64 = 40;

fn week(date: NaiveDate) -> i64 {
    ((date - first_day()).num_days() / 7).min(WEEKS - 1)
}

fn first_day() -> NaiveDate {
    "2025-01-01".parse().expect("a date")
}

impl<'a> Place<'a> {
    /// A hospital that nothing is known of yet, now.
    pub(crate) fn unknown(server: &'a Server, kind: Kind, random: SmallRng) -> Place<'a> {
        Place {
            server,
            kind,
            hospital: String::new(),
            role: String::new(),
            group: String::new(),
            night: String::new(),
            patients: vec![],
            books: Books::default(),
            random,
            clock: None,
            imported: vec![],
            token: String::new(),
            keys: 0,
        }
    }

    /// Set up in January 2025.
    pub(crate) async fn open(server: &'a Server, kind: Kind, random: SmallRng) -> Place<'a> {
        let mut place = Place::unknown(server, kind, random);
        place.clock = Some("2025-01-06T00:00:00Z".parse().expect("an instant"));
        let hospital = json!({ "name": kind.name, "zone": kind.zone, "currency": kind.currency });
        place.hospital = id(&place.does("/v1/hospitals", hospital).await);
        let on = |what: &str| format!("/v1/hospitals/{}/{what}", place.hospital);
        let (prices, policies) = (on("price-list"), on("policies"));
        let entries = place.price_list();
        place.sends("PUT", &prices, json!({ "entries": entries }), Some(1)).await;
        let fees = json!({ "noShow": "off", "graceMinutes": 30, "noShowFee": "NOSHOW", "overbookingPerSlotMax": 1,
            "lateCancel": { "hoursBefore": LATE_HOURS, "fee": "LATE" }, "reschedulePrice": "keep" });
        place.sends("PUT", &policies, json!({ "policies": fees }), Some(2)).await;
        place.role = place.practitioner("day", ("08:00", "18:00", 30, 1)).await;
        place.group = place.practitioner("group", ("19:00", "21:00", 60, 5)).await;
        place.night = place.practitioner("night", ("00:00", "04:00", 15, 1)).await;
        for role in [place.role.clone(), place.group.clone()] {
            place.open_days(&role, "2025-02-01", "2025-05-15").await;
        }
        for number in 0..8 {
            let body = json!({ "hospital": place.hospital, "name": { "text": format!("Patient {number}") } });
            let patient = id(&place.does("/v1/patients", body).await);
            place.patients.push(patient);
        }
        place.clock = Some("2025-02-02T00:00:00Z".parse().expect("an instant"));
        place
    }

    fn price_list(&self) -> Vec<Value> {
        let entry = |service: &str, from: NaiveDate, to: Option<NaiveDate>| {
            let Price { net, basis_points } = price(service, from);
            let category = if basis_points == 0 { "E" } else { "S" };
            json!({ "service": service, "display": service, "amount": self.money(net), "validFrom": from, "validTo": to,
                "tax": { "category": category, "rateBasisPoints": basis_points } })
        };
        let fixed = ["PLAIN", "HALF", "TAXED", "FREE", "LATE", "NOSHOW"];
        let mut entries: Vec<Value> = fixed.iter().map(|service| entry(service, first_day(), None)).collect();
        for week in 0..WEEKS {
            let from = first_day() + Duration::days(7 * week);
            entries.push(entry("MOVED", from, (week < WEEKS - 1).then(|| from + Duration::days(6))));
        }
        entries
    }

    async fn practitioner(&mut self, name: &str, (start, end, minutes, capacity): (&str, &str, u16, u16)) -> String {
        let practitioner = id(&self.does("/v1/practitioners", json!({ "name": { "text": name } })).await);
        let body = json!({ "practitioner": practitioner, "hospital": self.hospital, "specialty": "general" });
        let role = id(&self.does("/v1/practitioner-roles", body).await);
        let block = |weekday: &str| json!({ "weekday": weekday, "start": start, "end": end, "slotMinutes": minutes, "capacity": capacity });
        let blocks: Vec<Value> = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"].map(block).into();
        let path = format!("/v1/practitioner-roles/{role}/schedule");
        self.sends("PUT", &path, json!({ "effectiveFrom": first_day(), "blocks": blocks }), None).await;
        role
    }

    pub(crate) async fn open_days(&mut self, role: &str, from: &str, to: &str) {
        let path = format!("/v1/practitioner-roles/{role}/open-days");
        self.does(&path, json!({ "from": from, "to": to })).await;
    }

    /// From here on everything happens now.
    pub(crate) async fn go_live(&mut self) {
        self.clock = None;
        let day = |days| (Utc::now() + Duration::days(days)).date_naive().to_string();
        for role in [self.role.clone(), self.group.clone()] {
            self.open_days(&role, &day(-4), &day(24)).await;
        }
    }

    /// What time it is.
    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.clock.unwrap_or_else(Utc::now)
    }

    /// Lets time pass in the past; what is now has passed already.
    pub(crate) fn reach(&mut self, instant: DateTime<Utc>) {
        match &mut self.clock {
            Some(clock) => *clock = instant.max(*clock),
            None => assert!(instant <= Utc::now(), "{instant} is still to come"),
        }
    }

    pub(crate) fn amount(&self, minor: i64) -> String {
        let unit = 10_i64.pow(self.kind.decimals as u32);
        let sign = if minor < 0 { "-" } else { "" };
        let (whole, part) = (minor.abs() / unit, minor.abs() % unit);
        format!("{sign}{whole}.{part:0width$}", width = self.kind.decimals)
    }

    pub(crate) fn money(&self, minor: i64) -> Value {
        json!({ "amount": self.amount(minor), "currency": self.kind.currency })
    }

    /// Sends a command and waits for all that follows.
    pub(crate) async fn asks(&mut self, method: &str, path: &str, body: Value, version: Option<u64>) -> (u16, Value) {
        self.keys += 1;
        if let Some(clock) = &mut self.clock {
            *clock += Duration::seconds(1);
        }
        let method = method.parse().expect("a method");
        let key = format!("{} {}", self.kind.name, self.keys);
        let url = format!("{}{path}", self.server.base);
        let mut request = self.server.http.request(method, url).header("idempotency-key", key).json(&body);
        request = request.header("carelog-wait", "settled; timeout=60");
        if let Some(clock) = self.clock {
            request = request.header("carelog-occurred-at", clock.to_rfc3339_opts(SecondsFormat::Micros, true));
        }
        if let Some(version) = version {
            request = request.header("if-match", format!("\"{version}\""));
        }
        let response = request.send().await.expect("an answer");
        let status = response.status().as_u16();
        let answer: Value = response.json().await.expect("json");
        if status < 300 {
            assert_eq!(answer["settled"], json!(true), "{path} {answer}");
            answer["token"].as_str().expect("a token").clone_into(&mut self.token);
        }
        (status, answer)
    }

    /// A command that must succeed.
    pub(crate) async fn sends(&mut self, method: &str, path: &str, body: Value, version: Option<u64>) -> Value {
        let (status, answer) = self.asks(method, path, body.clone(), version).await;
        assert!(status == 200 || status == 201, "{method} {path} {body}\n{status} {answer}\n{}", self.server.log());
        answer
    }

    /// A POST that must succeed.
    pub(crate) async fn does(&mut self, path: &str, body: Value) -> Value {
        self.sends("POST", path, body, None).await
    }

    /// A POST that must be refused like this.
    pub(crate) async fn refuses(&mut self, path: &str, body: Value, code: &str) {
        let (status, answer) = self.asks("POST", path, body.clone(), None).await;
        assert!(status >= 400 && answer["code"] == code, "{path} {body}\nexpected {code}, got {status} {answer}");
    }

    /// Asks GraphQL, with the hospital as a variable, for what includes all written so far.
    pub(crate) async fn query(&self, query: &str, mut variables: Value) -> Value {
        variables["hospital"] = json!(self.hospital);
        self.ask(&json!({ "query": query, "variables": variables })).await
    }

    /// Asks GraphQL for what includes all written so far.
    pub(crate) async fn ask(&self, body: &Value) -> Value {
        let mut request = self.server.http.post(format!("{}/graphql", self.server.base)).json(body);
        if !self.token.is_empty() {
            request = request.header("carelog-token", &self.token);
        }
        let answer = request.send().await.expect("an answer");
        let answer: Value = answer.json().await.expect("json");
        assert!(answer.get("errors").is_none(), "{body}\n{answer}");
        answer["data"].clone()
    }

    /// Slots of a role that start in a span of days; only those with a seat left unless `all`.
    pub(crate) async fn slots(&self, role: &str, from: DateTime<Utc>, days: i64, all: bool) -> Vec<(Slot, Value)> {
        let query = "query($role: ID!, $from: DateTime!, $to: DateTime!, $all: Boolean!) {
            availability(from: $from, to: $to, practitionerRole: $role, all: $all, first: 100) {
              nodes { start end date status capacity taken held free } } }";
        let to = from + Duration::days(days);
        let variables = json!({ "role": role, "from": from.to_rfc3339_opts(SecondsFormat::Micros, true),
            "to": to.to_rfc3339_opts(SecondsFormat::Micros, true), "all": all });
        let answer = self.ask(&json!({ "query": query, "variables": variables })).await;
        let nodes = answer["availability"]["nodes"].as_array().expect("nodes").clone();
        let instant = |value: &Value| value.as_str().and_then(|text| text.parse().ok()).expect("an instant");
        let slot = |node: Value| {
            let date = node["date"].as_str().and_then(|text| text.parse().ok()).expect("a date");
            (Slot { role: role.to_owned(), start: instant(&node["start"]), end: instant(&node["end"]), date }, node)
        };
        nodes.into_iter().map(slot).collect()
    }

    /// How a slot stands: its node of `availability`.
    pub(crate) async fn look(&self, slot: &Slot) -> Value {
        self.slots(&slot.role, slot.start, 1, true).await.remove(0).1
    }

    async fn slot_after(&mut self, role: &str, from: DateTime<Utc>) -> Slot {
        let slots = self.slots(role, from, 2, false).await;
        let pick = self.random.random_range(0..slots.len().min(5));
        slots[pick].0.clone()
    }

    /// A free slot so near that cancelling it is late.
    pub(crate) async fn near(&mut self) -> Slot {
        let (role, from) = (self.role.clone(), self.now() + Duration::hours(2));
        self.slot_after(&role, from).await
    }

    /// A free slot so far that it is not.
    pub(crate) async fn far(&mut self) -> Slot {
        let (role, from) = (self.role.clone(), self.now() + Duration::days(6));
        self.slot_after(&role, from).await
    }

    /// A free slot whose grace can be over: in the past it comes, now it has been.
    pub(crate) async fn passing(&mut self) -> Slot {
        let role = self.role.clone();
        let from = if self.clock.is_some() { self.now() } else { Utc::now() - Duration::days(3) };
        self.slot_after(&role, from).await
    }

    /// A free slot of the group.
    pub(crate) async fn group_slot(&mut self) -> Slot {
        let (role, from) = (self.group.clone(), self.now() + Duration::days(3));
        self.slots(&role, from, 2, false).await.remove(0).0
    }

    /// Any patient.
    pub(crate) fn patient(&mut self) -> String {
        let pick = self.random.random_range(0..self.patients.len());
        self.patients[pick].clone()
    }

    /// Any service with a price.
    pub(crate) fn service(&mut self) -> &'static str {
        ["PLAIN", "HALF", "TAXED"][self.random.random_range(0..3)]
    }
}

/// The id in a command's answer.
pub(crate) fn id(answer: &Value) -> String {
    answer["id"].as_str().unwrap_or_else(|| panic!("no id in {answer}")).to_owned()
}

/// The version in a command's answer.
pub(crate) fn version(answer: &Value) -> u64 {
    answer["version"].as_u64().unwrap_or_else(|| panic!("no version in {answer}"))
}
