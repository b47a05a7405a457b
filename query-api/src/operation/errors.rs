//! Every error gets a stable code in `extensions.code`. Those that async-graphql makes by itself have none; they are
//! told apart here, and the two limits say what they are.

use async_graphql::{ErrorExtensionValues, Response, ServerError, Value};

use crate::Limits;

/// The answer with a code at each of its errors.
pub(crate) fn with_codes(mut response: Response, limits: &Limits) -> Response {
    response.errors.iter_mut().for_each(|error| give_code(error, limits));
    response
}

/// The code of an error that has been through [`with_codes`].
pub(super) fn code_of(error: &ServerError) -> String {
    match error.extensions.as_ref().and_then(|extensions| extensions.get("code")) {
        Some(Value::String(code)) => code.clone(),
        _ => "none".to_owned(),
    }
}

fn give_code(error: &mut ServerError, limits: &Limits) {
    if error.extensions.as_ref().is_some_and(|extensions| extensions.get("code").is_some()) {
        return;
    }
    let code = match error.message.as_str() {
        "Query is nested too deep." => {
            error.message = format!("the query is deeper than {} levels; ask in two queries", limits.depth_max);
            "query-too-deep"
        }
        "Query is too complex." => {
            error.message = format!(
                "the query costs more than {} (fields, times the rows of their pages); ask for smaller pages",
                limits.complexity_max
            );
            "query-too-complex"
        }
        _ if error.path.is_empty() => "query-invalid",
        _ => "meaningless-value",
    };
    error.extensions.get_or_insert_with(ErrorExtensionValues::default).set("code", code);
}
