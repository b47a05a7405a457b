//! Statements sent one behind the other without waiting, and what came of each.

use std::pin::{Pin, pin};

use carelog_domain::ports::{BoxFuture, Statement};
use futures::future::{MaybeDone, maybe_done};
use futures::{StreamExt, poll};
use tokio_postgres::{Client, Error, Row};

use crate::parameter::Parameter;

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

/// Sends each statement.
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

async fn ask(client: &Client, statement: &Statement) -> Result<Answer, Error> {
    let parameters = statement.parameters.iter().map(Parameter::typed);
    let mut stream = pin!(client.query_typed_raw(&statement.sql, parameters).await?);
    let mut rows = Vec::new();
    while let Some(row) = stream.next().await {
        rows.push(row?);
    }
    Ok(Answer { rows, affected: stream.rows_affected().unwrap_or(0) })
}
