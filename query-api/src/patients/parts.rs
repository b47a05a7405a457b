//! What a patient has more than one of: identifiers, contacts, hospitals.

use async_graphql::{ComplexObject, Context, Result, SimpleObject};
use carelog_domain::kernel::{HospitalId, PatientId};

use super::MODELS;
use crate::hospitals::Hospital;
use crate::loading::{Found, FromRow, one};
use crate::problem::Answer;
use crate::scalars::DateTime;
use crate::sql::{Row, Select};
use crate::words::ContactSystem;

/// A number by which somebody knows the patient (FHIR Identifier).
#[derive(SimpleObject, Clone)]
pub(crate) struct Identifier {
    /// A URI that says who numbers; null once erased.
    system: Option<String>,
    /// A v2-0203 code such as `MR`.
    kind: Option<String>,
    /// The number as given; null once erased.
    value: Option<String>,
}

/// A way to reach the patient (FHIR ContactPoint).
#[derive(SimpleObject, Clone)]
pub(crate) struct ContactPoint {
    /// What kind it is.
    system: ContactSystem,
    /// The number or address.
    value: String,
}

/// A hospital that knows the patient.
#[derive(SimpleObject, Clone)]
#[graphql(complex)]
pub(crate) struct PatientLink {
    /// Since when.
    linked_at: DateTime,
    #[graphql(skip)]
    at: HospitalId,
}

#[ComplexObject]
impl PatientLink {
    /// Which hospital.
    async fn hospital(&self, ctx: &Context<'_>) -> Result<Option<Hospital>> {
        Ok(one::<Hospital>(ctx, self.at).await?)
    }
}

impl PatientLink {
    pub(crate) const fn hospital_key(&self) -> HospitalId {
        self.at
    }
}

impl From<carelog_domain::patient::ContactPoint> for ContactPoint {
    fn from(stored: carelog_domain::patient::ContactPoint) -> ContactPoint {
        ContactPoint { system: stored.system.into(), value: stored.value }
    }
}

impl From<carelog_domain::patient::Identifier> for Identifier {
    fn from(stored: carelog_domain::patient::Identifier) -> Identifier {
        Identifier { system: Some(stored.system), kind: Some(stored.kind), value: Some(stored.value) }
    }
}

impl FromRow for Identifier {
    fn read(row: Row) -> Answer<Identifier> {
        Ok(Identifier {
            system: row.maybe_string("system")?,
            kind: row.maybe_string("kind")?,
            value: row.maybe_string("value")?,
        })
    }
}

impl Found for Identifier {
    type Key = PatientId;
    const MODELS: &'static [&'static str] = MODELS;
    const KEY: &'static str = "patient";
    const AMONG: &'static str = "patient IN (??)";
    // The patient they belong to was found within reach.
    const REACH: Option<&'static str> = None;
    const ORDER: &'static str = "ORDER BY patient, ordinal";

    fn select() -> Select {
        Select::new("patient, ordinal, system, kind, value", "{patient_identifiers}")
    }
}

impl FromRow for PatientLink {
    fn read(row: Row) -> Answer<PatientLink> {
        Ok(PatientLink { linked_at: DateTime(row.instant("linked_at")?), at: row.parsed("hospital")? })
    }
}

impl Found for PatientLink {
    type Key = PatientId;
    const MODELS: &'static [&'static str] = MODELS;
    const KEY: &'static str = "patient";
    const AMONG: &'static str = "patient IN (??)";
    const REACH: Option<&'static str> = Some("hospital IN (??)");
    const ORDER: &'static str = "ORDER BY patient, linked_at, hospital";

    fn select() -> Select {
        Select::new("hospital, patient, linked_at", "{patient_links}")
    }
}
