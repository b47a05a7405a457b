//! The patient directory. Everything here is personal: it needs `ReadPatients`, and actors of single hospitals find only
//! patients known there.

mod parts;

use async_graphql::{Context, ID, InputObject, Object, Result, Value};
use carelog_domain::kernel::{HospitalId, PatientId};
use carelog_domain::patient::{
    ContactPoint as StoredContactPoint, Gender as StoredGender, Identifier as StoredIdentifier,
};
use carelog_domain::policy::Permission;
use carelog_domain::ports::SqlValue;
use carelog_schemas::read_models::folded_words;
use carelog_schemas::read_models::sort_key::prefix_end;

use crate::appointments::{Appointment, AppointmentFilter, appointments_of};
use crate::asking::Asking;
use crate::fields::{Field, Fields, date, instant, number, text, truth, word};
use crate::invoices::{Invoice, InvoiceFilter, invoices_of};
use crate::loading::{Found, FromRow, many, one};
use crate::page::{Connection, List, PageArgs, page_cost};
use crate::problem::{Answer, Problem};
use crate::scalars::{Date, DateTime, read_id, read_maybe_id};
use crate::sql::{Ordering, Row, Select};
use crate::words::Gender;
pub(crate) use parts::{ContactPoint, Identifier, PatientLink};

pub(crate) const MODELS: &[&str] = &["patients"];

/// A patient: the row, of which each field reads what it is asked for.
#[derive(Clone)]
pub(crate) struct Patient(Row);

/// A patient of the chain.
#[Object]
impl Patient {
    /// Their id.
    async fn id(&self) -> Result<ID> {
        Ok(self.key()?.into())
    }

    /// Their name, as registered; null once erased.
    async fn name(&self) -> Result<Option<&str>> {
        Ok(self.0.maybe_text("name")?)
    }

    /// Administrative gender.
    async fn gender(&self) -> Result<Option<Gender>> {
        Ok(self.0.maybe_text("gender")?.and_then(StoredGender::from_word).map(Gender::from))
    }

    /// When they were born.
    async fn birth_date(&self) -> Result<Option<Date>> {
        Ok(self.0.maybe_parsed("birth_date")?.map(Date))
    }

    /// How to reach them.
    async fn contacts(&self) -> Result<Vec<ContactPoint>> {
        let contacts: Vec<StoredContactPoint> = match self.0.maybe_text("contacts")? {
            Some(_) => self.0.json("contacts")?,
            None => vec![],
        };
        Ok(contacts.into_iter().map(ContactPoint::from).collect())
    }

    /// Where they live, unsplit.
    async fn address(&self) -> Result<Option<&str>> {
        Ok(self.0.maybe_text("address")?)
    }

    /// The country they live in.
    async fn country(&self) -> Result<Option<&str>> {
        Ok(self.0.maybe_text("country")?)
    }

    /// True once their identity was erased.
    async fn erased(&self) -> Result<bool> {
        Ok(self.0.is("erased")?)
    }

    /// When the chain came to know them.
    async fn registered_at(&self) -> Result<DateTime> {
        Ok(DateTime(self.0.instant("registered_at")?))
    }

    /// How often they were changed; for `If-Match`.
    async fn version(&self) -> Result<i64> {
        Ok(self.0.int("version")?)
    }

    /// Their identifiers, such as record numbers.
    #[graphql(complexity = "3 * child_complexity")]
    async fn identifiers(&self, ctx: &Context<'_>) -> Result<Vec<Identifier>> {
        Ok(many::<Identifier>(ctx, self.key()?).await?)
    }

    /// The hospitals that know them, as far as you act for these.
    #[graphql(complexity = "3 * child_complexity")]
    async fn hospitals(&self, ctx: &Context<'_>) -> Result<Vec<PatientLink>> {
        Ok(many::<PatientLink>(ctx, self.key()?).await?)
    }

    /// Their appointments by start.
    #[graphql(complexity = "page_cost(first, last, child_complexity)")]
    async fn appointments(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which ones; all unless told.")] filter: Option<AppointmentFilter>,
        #[graphql(desc = "Latest first.", default)] newest_first: bool,
        #[graphql(desc = "Rows of a page from the beginning, 1 to 100; 20 unless told.")] first: Option<i32>,
        #[graphql(desc = "The cursor after which the page begins.")] after: Option<String>,
        #[graphql(desc = "Rows of a page from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "The cursor before which the page ends.")] before: Option<String>,
    ) -> Result<Option<Connection<Appointment>>> {
        let filter = filter.unwrap_or_default().of_patient(self.key()?);
        Ok(Some(appointments_of(ctx, filter, newest_first, PageArgs { first, after, last, before }).await?))
    }

    /// Their invoices by the time they were drafted.
    #[graphql(complexity = "page_cost(first, last, child_complexity)")]
    async fn invoices(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which ones; all unless told.")] filter: Option<InvoiceFilter>,
        #[graphql(desc = "Latest first.", default)] newest_first: bool,
        #[graphql(desc = "Rows of a page from the beginning, 1 to 100; 20 unless told.")] first: Option<i32>,
        #[graphql(desc = "The cursor after which the page begins.")] after: Option<String>,
        #[graphql(desc = "Rows of a page from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "The cursor before which the page ends.")] before: Option<String>,
    ) -> Result<Option<Connection<Invoice>>> {
        let filter = filter.unwrap_or_default().of_patient(self.key()?);
        Ok(Some(invoices_of(ctx, filter, newest_first, PageArgs { first, after, last, before }).await?))
    }
}

impl Patient {
    fn key(&self) -> Answer<PatientId> {
        self.0.parsed("patient")
    }
}

impl FromRow for Patient {
    const FIELDS: Fields = &[
        Field::of("id", &["patient"], text),
        Field::maybe("name", &["name"], text),
        Field::maybe("gender", &["gender"], gender),
        Field::maybe("birthDate", &["birth_date"], date),
        Field::resolved("contacts", &["contacts"]),
        Field::maybe("address", &["address"], text),
        Field::maybe("country", &["country"], text),
        Field::of("erased", &["erased"], truth),
        Field::of("registeredAt", &["registered_at"], instant),
        Field::of("version", &["version"], number),
        Field::resolved("identifiers", &["patient"]),
        Field::resolved("hospitals", &["patient"]),
        Field::resolved("appointments", &["patient"]),
        Field::resolved("invoices", &["patient"]),
    ];

    fn read(row: Row) -> Answer<Patient> {
        Ok(Patient(row))
    }

    fn row(&self) -> Option<&Row> {
        Some(&self.0)
    }
}

fn gender(value: &SqlValue) -> Option<Value> {
    word::<Gender>(value, |text| StoredGender::from_word(text).map(Into::into))
}

impl Found for Patient {
    type Key = PatientId;
    const MODELS: &'static [&'static str] = MODELS;
    const KEY: &'static str = "patient";
    const AMONG: &'static str = "patient IN (??)";
    const REACH: Option<&'static str> = Some(KNOWN_AT);
    const ORDER: &'static str = "ORDER BY patient";

    fn select() -> Select {
        let columns = "patient, name, name_key, gender, birth_date, contacts, address, country, erased, \
            registered_at, version";
        Select::new(columns, "{patients}")
    }
}

const KNOWN_AT: &str = "patient IN (SELECT patient FROM {patient_links} WHERE hospital IN (??))";

/// Which patients. What is given must all hold.
#[derive(InputObject, Default, Debug)]
pub(crate) struct PatientFilter {
    /// Those known at this hospital.
    hospital: Option<ID>,
    /// Those with a name in which each of these words begins a word; case and accents do not matter.
    name: Option<String>,
    /// Those born on this day.
    birth_date: Option<Date>,
    /// The one with this identifier.
    identifier: Option<IdentifierFilter>,
}

/// An identifier to look for; spaces, dashes and case in its value do not matter.
#[derive(InputObject, Debug)]
pub(crate) struct IdentifierFilter {
    /// A URI that says who numbers.
    system: String,
    /// A v2-0203 code such as `MR`.
    kind: String,
    /// The number.
    value: String,
}

impl PatientFilter {
    fn apply(self, asking: &Asking, mut select: Select) -> Answer<Select> {
        let hospital = read_maybe_id::<HospitalId>(self.hospital.as_ref(), "hospital")?;
        asking.permit_at(Permission::ReadPatients, hospital)?;
        select = select.among_some(KNOWN_AT, asking.reach()).and_some(
            "patient IN (SELECT patient FROM {patient_links} WHERE hospital = ?)",
            hospital.map(|id| id.to_string()),
        );
        if let Some(name) = &self.name {
            let words = folded_words(name);
            if words.is_empty() {
                return Err(Problem::at("name", "meaningless-value", "a name to look for has a letter or a digit"));
            }
            for word in words {
                let end = prefix_end(word.as_bytes()).expect("folded words are UTF-8, which has no byte 255");
                select = select.and(
                    "patient IN (SELECT patient FROM {patient_name_words} WHERE word >= ? AND word < ?)",
                    [word.into_bytes().into(), end.into()],
                );
            }
        }
        let identifier = self.identifier.map(|wanted| {
            let IdentifierFilter { system, kind, value } = wanted;
            StoredIdentifier { system, kind, value }.normalised()
        });
        Ok(select
            .and_some("birth_date = ?", self.birth_date.map(|date| date.0.to_string()))
            .and_some("patient IN (SELECT patient FROM {patient_identifiers} WHERE normalised = ?)", identifier))
    }
}

/// Questions about patients.
#[derive(Default)]
pub(crate) struct PatientQueries;

#[Object]
impl PatientQueries {
    /// One patient; null when there is none or you do not act for a hospital that knows them.
    async fn patient(&self, ctx: &Context<'_>, #[graphql(desc = "Their id.")] id: ID) -> Result<Option<Patient>> {
        Asking::of(ctx).permit(Permission::ReadPatients)?;
        Ok(one::<Patient>(ctx, read_id(&id, "id")?).await?)
    }

    /// The patients by name.
    #[graphql(complexity = "page_cost(first, last, child_complexity)")]
    async fn patients(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which ones; all you may see unless told.")] filter: Option<PatientFilter>,
        #[graphql(desc = "Rows of a page from the beginning, 1 to 100; 20 unless told.")] first: Option<i32>,
        #[graphql(desc = "The cursor after which the page begins.")] after: Option<String>,
        #[graphql(desc = "Rows of a page from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "The cursor before which the page ends.")] before: Option<String>,
    ) -> Result<Option<Connection<Patient>>> {
        let filter = filter.unwrap_or_default();
        let list = List {
            models: MODELS,
            binding: format!("patients {filter:?}"),
            select: filter.apply(Asking::of(ctx), Patient::select())?,
            ordering: Ordering::by(&["name_key", "patient"]),
        };
        Ok(Some(list.page(ctx, PageArgs { first, after, last, before }).await?))
    }
}
