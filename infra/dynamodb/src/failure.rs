//! What an error of DynamoDB means for whoever runs the program.
//!
//! A lasting failure is put down to the item that was written, and stops a projection at its event. So only what an item
//! can be blamed for lasts; a missing table or right is nobody's item, and is over as soon as somebody mends it.

use std::error::Error as _;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use carelog_domain::ports::Failure;

pub(crate) const PORT: &str = "dynamodb";

/// The failure an error becomes: what was being done with which table, what the operator can do, whether to try again.
pub(crate) fn failure<E, R>(doing: &str, table: &str, error: &SdkError<E, R>) -> Failure
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: std::fmt::Debug,
{
    let (advice, lasts) = match error.as_service_error() {
        Some(said) => advice(said.code().unwrap_or_default(), table),
        None => (unreachable_advice(error).to_owned(), false),
    };
    let failed = if lasts { Failure::lasting } else { Failure::passing };
    failed(PORT, format!("could not {doing} {table}: {advice}")).caused_by(said(error))
}

fn advice(code: &str, table: &str) -> (String, bool) {
    let (advice, lasts) = match code {
        "ProvisionedThroughputExceededException" | "ThrottlingException" | "RequestLimitExceeded" => {
            ("it takes less than is asked of it; raise its capacity or its maximum, or wait until it has grown", false)
        }
        "ResourceNotFoundException" => return (missing(table), false),
        "ResourceInUseException" | "TableInUseException" => {
            ("the table is being changed; wait until it is active", false)
        }
        "AccessDeniedException" => {
            let rights = "DescribeTable, GetItem, Query, PutItem, UpdateItem, DeleteItem and BatchWriteItem";
            return (format!("the role may not do this; allow it dynamodb: {rights} on the table"), false);
        }
        "UnrecognizedClientException"
        | "InvalidSignatureException"
        | "MissingAuthenticationTokenException"
        | "IncompleteSignatureException"
        | "InvalidClientTokenId"
        | "ExpiredTokenException" => {
            ("the credentials are not accepted; renew them, and check the region and this machine's clock", false)
        }
        "ValidationException" => ("the request is not valid for the table; see the cause", true),
        "ItemCollectionSizeLimitExceededException" => {
            ("a partition key holds more than 10 GB; take the table's local index away", true)
        }
        "InternalServerError" | "ServiceUnavailable" | "InternalServerErrorException" => {
            ("the service has trouble; it goes on by itself", false)
        }
        _ => ("see the cause", false),
    };
    (advice.to_owned(), lasts)
}

/// The command that makes the table.
pub(crate) fn missing(table: &str) -> String {
    format!(
        "there is no such table; let the settings make it, or run: aws dynamodb create-table --table-name {table} \
         --attribute-definitions AttributeName=pk,AttributeType=S AttributeName=sk,AttributeType=S \
         --key-schema AttributeName=pk,KeyType=HASH AttributeName=sk,KeyType=RANGE --billing-mode PAY_PER_REQUEST"
    )
}

fn unreachable_advice<E, R>(error: &SdkError<E, R>) -> &'static str
where
    E: std::error::Error + 'static,
    R: std::fmt::Debug,
{
    let said = said(error).to_lowercase();
    if said.contains("credential") || said.contains("identity") {
        return "no credentials were found; set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give the \
                container, pod or machine a role";
    }
    match error {
        SdkError::TimeoutError(_) => "no answer in time; check the network, then it goes on by itself",
        SdkError::ResponseError(_) => "the answer cannot be read; check that the endpoint is DynamoDB's",
        _ => "it cannot be reached; check the endpoint (AWS_ENDPOINT_URL_DYNAMODB), the region and the network",
    }
}

/// The error and what caused it. Not its `Debug` text, which holds the whole answer, and with it what may be personal.
fn said<E, R>(error: &SdkError<E, R>) -> String
where
    E: std::error::Error + 'static,
    R: std::fmt::Debug,
{
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        if !text.ends_with(&said) {
            text = format!("{text}: {said}");
        }
        cause = error.source();
    }
    text
}
