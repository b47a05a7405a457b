//! The schema: its roots gathered from the contexts, its limits, and what every operation carries along.

use std::sync::Arc;

use async_graphql::{EmptyMutation, MergedObject, Request, SDLExportOptions, Schema, ValidationMode};

use crate::Limits;
use crate::accounts::AccountQueries;
use crate::appointments::AppointmentQueries;
use crate::asking::Asking;
use crate::availability::AvailabilityQueries;
use crate::chart::ChartQueries;
use crate::hospitals::HospitalQueries;
use crate::invoices::InvoiceQueries;
use crate::laboratory::LaboratoryQueries;
use crate::loading::Loading;
use crate::patients::PatientQueries;
use crate::practitioners::PractitionerQueries;
use crate::subscriptions::Subscriptions;

pub(crate) type CarelogSchema = Schema<Query, EmptyMutation, Subscriptions>;

/// Everything that can be asked. Commands, which change things, are REST; ids are the same on both sides.
#[derive(MergedObject, Default)]
pub(crate) struct Query(
    HospitalQueries,
    PractitionerQueries,
    PatientQueries,
    AvailabilityQueries,
    AppointmentQueries,
    InvoiceQueries,
    AccountQueries,
    LaboratoryQueries,
    ChartQueries,
);

/// How much of a request is validated before it runs.
#[derive(Clone, Copy)]
pub(crate) enum Validation {
    /// All of it.
    Whole,
    /// It was before: the limits alone.
    Known,
}

pub(crate) fn build(limits: &Limits, validation: Validation) -> CarelogSchema {
    let mode = match validation {
        Validation::Whole => ValidationMode::Strict,
        Validation::Known => ValidationMode::Fast,
    };
    Schema::build(Query::default(), EmptyMutation, Subscriptions)
        .validation_mode(mode)
        .limit_depth(limits.depth_max)
        .limit_recursive_depth(limits.depth_max * 2)
        .limit_complexity(limits.complexity_max)
        .limit_directives(4)
        .finish()
}

/// The request with what its resolvers need.
pub(crate) fn prepare(request: Request, asking: &Arc<Asking>) -> Request {
    request.data(asking.clone()).data(Loading::new(asking.clone()))
}

pub(crate) fn sdl() -> String {
    let options = SDLExportOptions::new().prefer_single_line_descriptions().include_specified_by();
    let schema = build(&Limits::default(), Validation::Whole).sdl_with_options(options);
    format!(
        "# Made from the code; `CARELOG_BLESS=1 cargo test -p carelog-query-api` writes it again.\n\n{}\n",
        schema.trim()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMITTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../schemas/graphql/schema.graphql");

    #[test]
    fn the_committed_schema_is_the_one_of_the_code() {
        let now = sdl();
        if std::env::var_os("CARELOG_BLESS").is_some() {
            std::fs::create_dir_all(concat!(env!("CARGO_MANIFEST_DIR"), "/../schemas/graphql")).expect("a folder");
            std::fs::write(COMMITTED, &now).expect("the schema is written");
        }
        let committed = std::fs::read_to_string(COMMITTED).unwrap_or_default();
        assert!(committed == now, "schemas/graphql/schema.graphql is stale; run this test with CARELOG_BLESS=1");
    }

    #[test]
    fn every_type_field_argument_and_value_is_explained() {
        let asked = "{ __schema { types { kind name description fields { name description args { name description } } \
                     inputFields { name description } enumValues { name description } } } }";
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let answer =
            runtime.block_on(Schema::build(Query::default(), EmptyMutation, Subscriptions).finish().execute(asked));
        let types = answer.data.into_json().expect("json")["__schema"]["types"].clone();
        let mut silent = Vec::new();
        for kind in types.as_array().expect("types") {
            let name = kind["name"].as_str().expect("a name");
            // `ID` is the specification's own.
            if name.starts_with("__") || name == "ID" {
                continue;
            }
            let mut check = |what: String, described: &serde_json::Value| {
                if described.as_str().unwrap_or_default().trim().is_empty() {
                    silent.push(what);
                }
            };
            check(name.to_owned(), &kind["description"]);
            for list in ["fields", "inputFields", "enumValues"] {
                for member in kind[list].as_array().into_iter().flatten() {
                    check(format!("{name}.{}", member["name"]), &member["description"]);
                    for argument in member["args"].as_array().into_iter().flatten() {
                        check(format!("{name}.{}({})", member["name"], argument["name"]), &argument["description"]);
                    }
                }
            }
        }
        assert!(silent.is_empty(), "without a description: {silent:#?}");
    }
}
