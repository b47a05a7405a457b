//! From a request to its answer, whatever carried it: parse once, refuse what may not run here, execute within the
//! limits, give every error a code, say how fresh the answer is, measure and trace.

mod complete;
mod documents;
mod errors;
mod valid;

use std::sync::Arc;
use std::time::Instant;

use async_graphql::parser::types::{DocumentOperations, OperationType};
use async_graphql::{Request, Response, ServerError};
use carelog_domain::kernel::Actor;
use carelog_domain::ports::BoxStream;
use futures::StreamExt;
use sha2::{Digest as _, Sha256};
use tracing::Instrument;

use crate::Deps;
use crate::asking::{Asking, Wish};
use crate::persisted::Persisted;
use crate::problem::Problem;
use crate::schema::{self, CarelogSchema, Validation};
use complete::Shapes;
use documents::{Digest, Document, Documents};
pub(crate) use errors::with_codes;
use valid::Valid;

/// Answers operations.
pub(crate) struct Api {
    pub(crate) deps: Arc<Deps>,
    pub(crate) persisted: Persisted,
    schema: CarelogSchema,
    /// The same, for what was found to be valid before.
    schema_of_valid: CarelogSchema,
    valid: Valid,
    shapes: Shapes,
    documents: Documents,
}

/// An answer, and whether the operation ran at all: one that did has `data`, if only null.
pub(crate) struct Answered {
    pub(crate) response: Response,
    pub(crate) ran: Ran,
}

/// How far an operation got.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Ran {
    /// It was executed; fields may have failed.
    Executed,
    /// It was refused before: not GraphQL, not valid, too deep, too complex.
    Refused,
    /// It took too long.
    TimedOut,
}

/// What kind of operation it is, and how traces name it.
struct Operation {
    document: Arc<Document>,
    /// With its variables: what validation looks at.
    asked: Digest,
    wanted: Option<String>,
    kind: OperationType,
    name: String,
    hash: String,
}

impl Api {
    pub(crate) fn new(deps: Deps) -> Api {
        let schema = schema::build(&deps.limits, Validation::Whole);
        let schema_of_valid = schema::build(&deps.limits, Validation::Known);
        let shapes = Shapes::of(&schema.sdl());
        let (persisted, valid, documents) = (Persisted::default(), Valid::default(), Documents::default());
        Api { schema, schema_of_valid, valid, shapes, documents, persisted, deps: Arc::new(deps) }
    }

    /// Answers a query. A subscription is refused: it needs a transport that stays open.
    pub(crate) async fn answer(&self, mut request: Request, actor: Actor, wish: Wish) -> Answered {
        let operation = match self.operation(&mut request) {
            Ok(operation) => operation,
            Err(error) => return self.refused(error),
        };
        if operation.kind == OperationType::Subscription {
            let problem = Problem::new(
                "subscription-needs-stream",
                "subscriptions run over /graphql/ws (graphql-transport-ws) or /graphql/stream (server-sent events)",
            );
            return self.refused(problem.into_server_error());
        }
        let span = operation.span("graphql query");
        let began = Instant::now();
        let asking = Arc::new(Asking::new(self.deps.clone(), actor, wish));
        let request = schema::prepare(request, &asking);
        let is_known = self.valid.is_known(&operation.asked);
        let schema = if is_known { &self.schema_of_valid } else { &self.schema };
        let execution = schema.execute(request).instrument(span.clone());
        let answered = match tokio::time::timeout(self.deps.limits.query_time_max, execution).await {
            Err(_) => Answered { response: Response::from_errors(vec![timed_out(&self.deps)]), ran: Ran::TimedOut },
            Ok(response) => {
                let ran = if was_refused(&response) { Ran::Refused } else { Ran::Executed };
                if ran == Ran::Executed && !is_known {
                    self.valid.passed(operation.asked);
                }
                let response = with_codes(response, &self.deps.limits);
                let response = if ran == Ran::Executed { self.completed(response, &operation) } else { response };
                Answered { response: self.with_freshness(response, &asking).instrument(span).await, ran }
            }
        };
        measure(operation.kind, began, &answered);
        answered
    }

    /// Runs any operation as a stream of answers: a query gives one, a subscription one for each change.
    pub(crate) fn stream(
        self: Arc<Api>,
        mut request: Request,
        actor: Actor,
        wish: Wish,
    ) -> BoxStream<'static, Response> {
        let operation = match self.operation(&mut request) {
            Ok(operation) => operation,
            Err(error) => return futures::stream::iter([self.refused(error).response]).boxed(),
        };
        if operation.kind != OperationType::Subscription {
            return futures::stream::once(async move { self.answer(request, actor, wish).await.response }).boxed();
        }
        let span = operation.span("graphql subscription");
        span.in_scope(|| tracing::debug!("a subscription begins"));
        metrics::counter!("carelog_graphql_subscriptions_total").increment(1);
        let open = OpenSubscription::begin();
        let operation = Arc::new(operation);
        let asking = Arc::new(Asking::new(self.deps.clone(), actor, wish));
        let request = schema::prepare(request, &asking);
        let answers = self.schema.execute_stream(request);
        answers
            .then(move |response| {
                let _still_open = &open;
                let (api, asking, operation) = (self.clone(), asking.clone(), operation.clone());
                async move {
                    let response = if was_refused(&response) { response } else { api.completed(response, &operation) };
                    let response = api.with_freshness(with_codes(response, &api.deps.limits), &asking).await;
                    asking.marks.clear();
                    response
                }
                .instrument(span.clone())
            })
            .boxed()
    }

    /// True when the request asks to change something, which nothing here can.
    pub(crate) fn is_mutation(&self, request: &mut Request) -> bool {
        self.operation(request).is_ok_and(|operation| operation.kind == OperationType::Mutation)
    }

    /// Parses the request, unless its text was asked for lately.
    fn operation(&self, request: &mut Request) -> Result<Operation, ServerError> {
        let digest = Sha256::digest(request.query.as_bytes()).into();
        let document = self.documents.parsed(digest, &request.query)?;
        request.set_parsed_query(document.parsed.clone());
        Operation::of(request, document, &digest)
    }

    fn completed(&self, mut response: Response, operation: &Operation) -> Response {
        if let Some(plan) = operation.document.plan(&self.shapes, operation.wanted.as_deref()) {
            response.data = plan.data(std::mem::take(&mut response.data));
        }
        response
    }

    fn refused(&self, error: ServerError) -> Answered {
        let response = with_codes(Response::from_errors(vec![error]), &self.deps.limits);
        let answered = Answered { response, ran: Ran::Refused };
        measure(OperationType::Query, Instant::now(), &answered);
        answered
    }

    async fn with_freshness(&self, response: Response, asking: &Asking) -> Response {
        if asking.marks.is_empty() {
            return response;
        }
        match self.deps.log.head().await {
            Ok(heads) => response.extension("carelog", asking.marks.report(&heads, self.deps.clock.now())),
            Err(failure) => {
                // The answer stands; only how fresh it is cannot be said.
                tracing::warn!(port = failure.port, error = %failure, "the log's end is not known");
                response
            }
        }
    }
}

impl Operation {
    fn of(request: &Request, document: Arc<Document>, digest: &Digest) -> Result<Operation, ServerError> {
        let hash = hex::encode(&digest[..8]);
        let wanted = request.operation_name.clone();
        let (name, kind) = match &document.parsed.operations {
            DocumentOperations::Single(operation) => (None, operation.node.ty),
            DocumentOperations::Multiple(operations) => {
                let found = match &wanted {
                    Some(wanted) => operations.iter().find(|(name, _)| name.as_str() == wanted),
                    None if operations.len() == 1 => operations.iter().next(),
                    None => None,
                };
                let (name, operation) = found.ok_or_else(|| {
                    ServerError::new("operationName must name one of the operations in the document", None)
                })?;
                (Some(name.to_string()), operation.node.ty)
            }
        };
        let name = name.unwrap_or_else(|| "anonymous".to_owned()).chars().take(64).collect();
        let asked = valid::asked(digest, request);
        Ok(Operation { document, asked, wanted, kind, name, hash })
    }

    fn span(&self, what: &'static str) -> tracing::Span {
        tracing::info_span!("graphql", otel.name = what, operation = %self.name, hash = %self.hash)
    }
}

/// True when nothing ran: errors of the request have no path in the answer.
pub(crate) fn was_refused(response: &Response) -> bool {
    response.data == async_graphql::Value::Null && response.errors.iter().any(|error| error.path.is_empty())
}

fn timed_out(deps: &Deps) -> ServerError {
    let seconds = deps.limits.query_time_max.as_secs();
    Problem::new("timed-out", format!("the query took more than {seconds} s; ask for less at once")).into_server_error()
}

fn measure(kind: OperationType, began: Instant, answered: &Answered) {
    let kind = match kind {
        OperationType::Query => "query",
        OperationType::Mutation => "mutation",
        OperationType::Subscription => "subscription",
    };
    let outcome = match answered.ran {
        Ran::Executed if answered.response.errors.is_empty() => "ok",
        Ran::Executed => "field-errors",
        Ran::Refused => "refused",
        Ran::TimedOut => "timed-out",
    };
    metrics::histogram!("carelog_graphql_seconds", "kind" => kind, "outcome" => outcome).record(began.elapsed());
    for error in &answered.response.errors {
        metrics::counter!("carelog_graphql_errors_total", "code" => errors::code_of(error)).increment(1);
    }
}

/// Counts a subscription as open until dropped.
struct OpenSubscription;

impl OpenSubscription {
    fn begin() -> OpenSubscription {
        metrics::gauge!("carelog_graphql_subscriptions_open").increment(1.0);
        OpenSubscription
    }
}

impl Drop for OpenSubscription {
    fn drop(&mut self) {
        metrics::gauge!("carelog_graphql_subscriptions_open").decrement(1.0);
    }
}
