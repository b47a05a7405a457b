//! Statements sent one behind the other without waiting, and what came of each.

use std::pin::{Pin, pin};

use carelog_domain::ports::{BoxFuture, SqlValue, Statement};
use futures::future::{MaybeDone, maybe_done};
use futures::{StreamExt, poll};
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Error, Row, RowStream, SimpleQueryMessage};

use crate::arrays::unnested;
use crate::parameter::{Parameter, kind};

/// A text that comes so often in a row is parsed once for all of them: for a wide table that doubles the rows a second.
const RUN_MIN: usize = 3;

/// What a statement gave.
pub(crate) struct Answer {
    pub(crate) rows: Vec<Row>,
    pub(crate) affected: u64,
}

/// Something that was sent; awaiting it waits for its answer.
pub(crate) struct Sent<'a, T>(Pin<Box<MaybeDone<BoxFuture<'a, Result<T, Error>>>>>);

impl<'a, T> Sent<'a, T> {
    /// The first poll of a request puts it behind all that were sent before.
    async fn now(request: BoxFuture<'a, Result<T, Error>>) -> Sent<'a, T> {
        let mut sent = Box::pin(maybe_done(request));
        // Either way it is on its way: an error of the connection is kept with it.
        let _ = poll!(sent.as_mut());
        Sent(sent)
    }

    pub(crate) async fn answer(mut self) -> Result<T, Error> {
        self.0.as_mut().await;
        self.0.as_mut().take_output().expect("it is awaited once, and its output taken once")
    }
}

/// Sends each statement, to be parsed and run.
pub(crate) async fn send<'a>(client: &'a Client, statements: &'a [Statement]) -> Vec<Sent<'a, Answer>> {
    let mut sent = Vec::with_capacity(statements.len());
    for statement in statements {
        sent.push(Sent::now(Box::pin(ask(client, statement))).await);
    }
    sent
}

/// Sends what begins or ends a transaction.
pub(crate) async fn send_plain<'a>(client: &'a Client, sql: &'a str) -> Sent<'a, ()> {
    Sent::now(Box::pin(client.batch_execute(sql))).await
}

/// Sends what begins a transaction, and may ask something.
pub(crate) async fn send_opening<'a>(client: &'a Client, sql: &'a str) -> Sent<'a, Vec<SimpleQueryMessage>> {
    Sent::now(Box::pin(client.simple_query(sql))).await
}

/// The parsed text of each statement that is one of a run. Dropping it takes the text from the server; that must be
/// before the transaction ends, since behind pgbouncer the connection is another's from then on.
pub(crate) struct Parsed(pub(crate) Vec<Option<tokio_postgres::Statement>>);

/// Parses the texts of runs.
pub(crate) async fn parse_runs(client: &Client, statements: &[Statement]) -> Result<Parsed, Error> {
    let mut parsing = Vec::new();
    for run in statements.chunk_by(|one, next| one.sql == next.sql) {
        let kinds = if run.len() < RUN_MIN || run[0].columns.is_some() { None } else { kinds(run) };
        let sent = match kinds {
            Some(kinds) => {
                let request = async move { client.prepare_typed(&run[0].sql, &kinds).await };
                Some(Sent::now(Box::pin(request)).await)
            }
            None => None,
        };
        parsing.push((run.len(), sent));
    }
    let mut parsed = Vec::with_capacity(statements.len());
    for (length, sent) in parsing {
        let statement = match sent {
            Some(sent) => Some(sent.answer().await?),
            None => None,
        };
        parsed.extend(std::iter::repeat_n(statement, length));
    }
    Ok(Parsed(parsed))
}

/// The types of the parameters of a run; `None` when one place holds values of two. A place that is always NULL is said
/// to hold numbers, which PostgreSQL takes for a text as well; where it does not, the run cannot be parsed at once.
fn kinds(run: &[Statement]) -> Option<Vec<Type>> {
    let count = run[0].parameters.len();
    let mut kinds = vec![None; count];
    for statement in run {
        if statement.parameters.len() != count {
            return None;
        }
        for (known, value) in kinds.iter_mut().zip(&statement.parameters) {
            match (&*known, kind(value)) {
                (Some(known), Some(kind)) if *known != kind => return None,
                (None, kind) => *known = kind,
                _ => {}
            }
        }
    }
    Some(kinds.into_iter().map(|kind| kind.unwrap_or(Type::INT8)).collect())
}

/// Sends each statement, those that were parsed to be run only.
pub(crate) async fn send_parsed<'a>(
    client: &'a Client,
    statements: &'a [Statement],
    parsed: &'a [Option<tokio_postgres::Statement>],
) -> Vec<Sent<'a, Answer>> {
    let mut sent = Vec::with_capacity(statements.len());
    for (statement, parsed) in statements.iter().zip(parsed) {
        let request: BoxFuture<'a, _> = match parsed {
            Some(parsed) => Box::pin(run(client, parsed, statement.parameters.iter())),
            None => Box::pin(ask(client, statement)),
        };
        sent.push(Sent::now(request).await);
    }
    sent
}

async fn ask(client: &Client, statement: &Statement) -> Result<Answer, Error> {
    if let Ok(Some(samples)) = statement.samples() {
        let (sql, arrays) = unnested(statement, &samples);
        return collected(client.query_typed_raw(&sql, arrays).await?).await;
    }
    let parameters = statement.parameters.iter().map(Parameter::typed);
    collected(client.query_typed_raw(&statement.sql, parameters).await?).await
}

/// Runs what was parsed.
pub(crate) async fn run<'a>(
    client: &Client,
    parsed: &tokio_postgres::Statement,
    parameters: impl Iterator<Item = &'a SqlValue>,
) -> Result<Answer, Error> {
    let parameters: Vec<Parameter<'a>> = parameters.map(Parameter).collect();
    collected(client.query_raw(parsed, parameters).await?).await
}

async fn collected(stream: RowStream) -> Result<Answer, Error> {
    let (mut stream, mut rows) = (pin!(stream), Vec::new());
    while let Some(row) = stream.next().await {
        rows.push(row?);
    }
    Ok(Answer { rows, affected: stream.rows_affected().unwrap_or(0) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_types_of_a_run_come_from_whichever_statement_has_a_value() {
        let statement = |parameters: Vec<SqlValue>| Statement::new("INSERT", parameters);
        let null = || SqlValue::Null;
        let run = [statement(vec![null(), 1.into(), null()]), statement(vec!["a".into(), null(), null()])];
        assert_eq!(kinds(&run), Some(vec![Type::TEXT, Type::INT8, Type::INT8]));
        let mixed = [statement(vec![1.into()]), statement(vec!["a".into()])];
        assert_eq!(kinds(&mixed), None);
        let uneven = [statement(vec![1.into()]), statement(vec![])];
        assert_eq!(kinds(&uneven), None);
    }
}
