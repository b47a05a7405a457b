//! Why a query, or a field of it, has no answer: a stable code for programs, a sentence for people, nothing internal
//! and nothing personal. The codes are those of the commands' problem details; each has a page in docs/errors.

use std::borrow::Cow;

use async_graphql::{ErrorExtensions, ServerError};
use carelog_domain::ports::Failure;
use carelog_domain::rejection::Rejection;

/// The codes that only queries have; all others are shared with commands or belong to the domain.
#[cfg(test)]
pub(crate) const CODES: &[&str] = &[
    "argument-missing",
    "cursor-invalid",
    "history-too-long",
    "not-acceptable",
    "not-yet",
    "page-ambiguous",
    "page-size",
    "persisted-query-mismatch",
    "persisted-query-not-found",
    "protocol-unsupported",
    "query-invalid",
    "query-too-complex",
    "query-too-deep",
    "read-model-filling",
    "subscription-needs-stream",
    "token-unknown",
    "too-many-groups",
    "too-many-operations",
];

/// A refusal or failure on its way to the client. Has no `Display` on purpose: async-graphql would turn that into an
/// error without a code.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Problem {
    /// Stable, such as `not-yet`.
    pub(crate) code: &'static str,
    /// What is wrong and how to mend it.
    pub(crate) message: String,
    /// The argument at fault, if one is.
    pub(crate) argument: Option<Cow<'static, str>>,
}

pub(crate) type Answer<T> = Result<T, Problem>;

impl Problem {
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Problem {
        Problem { code, message: message.into(), argument: None }
    }

    pub(crate) fn at(argument: &'static str, code: &'static str, message: impl Into<String>) -> Problem {
        Problem { code, message: message.into(), argument: Some(Cow::Borrowed(argument)) }
    }

    /// A port could not. The whole chain is logged here, once; the client learns only whether a retry helps.
    pub(crate) fn failed(failure: &Failure) -> Problem {
        let chain = chain(failure);
        tracing::error!(port = failure.port, retry_helps = failure.retry_helps, error = %chain, "a query failed");
        if failure.retry_helps {
            Problem::new("unavailable", "the answer cannot be had right now; try again")
        } else {
            Problem::internal()
        }
    }

    /// What is stored is not what it should be. Logged here, once.
    pub(crate) fn damaged(what: &'static str, error: &dyn std::error::Error) -> Problem {
        tracing::error!(what, error = %chain(error), "stored data could not be read");
        Problem::internal()
    }

    fn internal() -> Problem {
        Problem::new("internal", "the answer cannot be had; an operator finds the cause in the log")
    }

    /// The refusal as an error without a place in the query.
    pub(crate) fn into_server_error(self) -> ServerError {
        async_graphql::Error::from(self).into_server_error(async_graphql::Pos::default()).without_place()
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

impl From<Problem> for async_graphql::Error {
    fn from(problem: Problem) -> async_graphql::Error {
        async_graphql::Error::new(problem.message).extend_with(|_, extensions| {
            extensions.set("code", problem.code);
            if let Some(argument) = problem.argument {
                extensions.set("argument", argument.into_owned());
            }
        })
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Problem {
        Problem::failed(&failure)
    }
}

impl From<Rejection> for Problem {
    fn from(rejection: Rejection) -> Problem {
        Problem { code: rejection.code, message: rejection.message, argument: rejection.field }
    }
}

trait WithoutPlace {
    fn without_place(self) -> Self;
}

impl WithoutPlace for ServerError {
    fn without_place(mut self) -> ServerError {
        self.locations.clear();
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_page_and_is_used() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut sources = String::new();
        let mut folders = vec![root.join("src")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    folders.push(path);
                } else if !path.ends_with("problem.rs") {
                    sources.push_str(&std::fs::read_to_string(path).expect("a source"));
                }
            }
        }
        for code in CODES {
            assert!(sources.contains(&format!("\"{code}\"")), "{code} is never given");
            let page = root.join(format!("../docs/errors/{code}.md"));
            assert!(page.exists(), "docs/errors/{code}.md is missing");
        }
    }
}
