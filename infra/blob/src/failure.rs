//! What an error of an object store means for whoever runs the program.

use carelog_domain::ports::Failure;
use object_store::Error;
use object_store::client::{HttpError, HttpErrorKind};

pub(crate) const PORT: &str = "blob store";

/// The failure an error becomes: what was being done and where, what the operator can do, whether to try again. What is
/// wrong with the store or the way to it is never the fault of a blob, so it passes as soon as it is mended.
pub(crate) fn failure(doing: &str, place: &str, error: Error) -> Failure {
    let (advice, retry_helps) = advice(&error);
    let failed = if retry_helps { Failure::passing } else { Failure::lasting };
    failed(PORT, format!("{doing} in {place}: {advice}")).caused_by(error)
}

fn advice(error: &Error) -> (&'static str, bool) {
    match error {
        Error::PermissionDenied { .. } => (
            "the store refuses; check the credentials and the clock, and that they may read, create, list and abort uploads \
             there (S3 says this of a missing blob to those who may not list)",
            true,
        ),
        Error::Unauthenticated { .. } => ("the store does not know these credentials; check them", true),
        Error::NotFound { source, .. } if has_no_container(&**source) => {
            ("there is no such bucket or container; create it, or mend the URL", true)
        }
        Error::NotImplemented { .. } | Error::NotSupported { .. } => ("the store cannot do this", false),
        Error::InvalidPath { .. } | Error::UnknownConfigurationKey { .. } => ("check the URL and the variables", false),
        Error::Generic { source, .. } => generic(&said(&**source)),
        _ => ("try again", true),
    }
}

fn generic(said: &str) -> (&'static str, bool) {
    let has = |words: &[&str]| words.iter().any(|word| said.contains(word));
    if has(&["ExpiredToken", "InvalidToken", "TokenRefreshRequired"]) {
        // S3 says all of these with 400.
        ("the credentials are over; give it new ones, or let it find them by itself", true)
    } else if has(&["BadDigest", "XAmzContentSHA256Mismatch", "IncompleteBody", "RequestTimeout"]) {
        ("it was changed or cut on its way; try again", true)
    } else if has(&["redirect", "AuthorizationHeaderMalformed", "PermanentRedirect"]) {
        ("the bucket is in another region; set AWS_REGION to its own", true)
    } else if has(&["EntityTooLarge", "400 Bad Request", "501 Not Implemented"]) {
        ("the store does not take the request; see what it says", false)
    } else if has(&["No space left", "os error 28", "507 Insufficient"]) {
        ("the disk is full; make room, then it goes on by itself", true)
    } else {
        ("no good answer; check the store, its address and the network", true)
    }
}

/// True when what is missing is the bucket, not a blob in it: S3's and GCS's word, and Azure's.
pub(crate) fn has_no_container(cause: &(dyn std::error::Error + 'static)) -> bool {
    let said = said(cause);
    ["NoSuchBucket", "ContainerNotFound"].iter().any(|word| said.contains(word))
}

/// True when the connection ended before the answer came.
pub(crate) fn was_cut(error: &Error) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.downcast_ref::<HttpError>().is_some_and(|error| error.kind() == HttpErrorKind::Interrupted) {
            return true;
        }
        cause = error.source();
    }
    false
}

/// An error with all its causes.
fn said(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_request_may_pass_when_it_was_not_what_was_asked_for_that_was_wrong() {
        for (code, passes) in
            [("ExpiredToken", true), ("RequestTimeout", true), ("BadDigest", true), ("InvalidArgument", false)]
        {
            let said = format!(
                "Server returned non-2xx status code: 400 Bad Request: <Error><Code>{code}</Code><Message>-</Message></Error>"
            );
            let failure = failure("could not write", "s3://blobs", Error::Generic { store: "S3", source: said.into() });
            assert_eq!(failure.retry_helps, passes, "{failure}");
        }
    }
}
