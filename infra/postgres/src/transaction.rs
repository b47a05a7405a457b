//! Whole transactions: one that writes, one that reads.

use std::time::Duration;

use carelog_domain::ports::{Failure, Rows, Statement};
use tokio_postgres::Error;

use crate::failure::{PORT, again_at_once, failure, is_certain};
use crate::parameter::values;
use crate::pipeline::{Answer, Sent, send, send_plain};
use crate::server::{Connection, Server};

/// How often a transaction is tried that the server ended in favour of another, or whose connection was gone.
const TRIES_MAX: u32 = 5;
const PAUSE: Duration = Duration::from_millis(5);

/// Why a transaction had no effect.
struct Trouble {
    failure: Failure,
    again_at_once: bool,
}

impl Trouble {
    fn of(doing: &str, error: &Error) -> Trouble {
        Trouble { failure: failure(doing, error), again_at_once: again_at_once(error) }
    }
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Trouble {
        Trouble { failure, again_at_once: false }
    }
}

/// Runs all statements in one transaction.
pub(crate) async fn write(server: &Server, statements: &[Statement]) -> Result<Vec<u64>, Failure> {
    let mut tries = 1;
    loop {
        match try_write(server, statements).await {
            Err(trouble) if trouble.again_at_once && tries < TRIES_MAX => pause(&mut tries, &trouble).await,
            outcome => return outcome.map_err(|trouble| trouble.failure),
        }
    }
}

/// Runs all queries on one snapshot.
pub(crate) async fn read(server: &Server, queries: &[Statement]) -> Result<Vec<Rows>, Failure> {
    let mut tries = 1;
    loop {
        match try_read(server, queries).await {
            Err(trouble) if trouble.again_at_once && tries < TRIES_MAX => pause(&mut tries, &trouble).await,
            outcome => return outcome.map_err(|trouble| trouble.failure),
        }
    }
}

async fn pause(tries: &mut u32, trouble: &Trouble) {
    tracing::debug!(failure = %trouble.failure, "trying a transaction again");
    tokio::time::sleep(PAUSE * *tries).await;
    *tries += 1;
}

/// Three round trips: begin (and only then the statements, which would each commit by themselves if it failed), the
/// statements, commit.
async fn try_write(server: &Server, statements: &[Statement]) -> Result<Vec<u64>, Trouble> {
    let connection = server.connection().await?;
    let opening = server.opening_write(statements.iter().any(changes_tables));
    connection.batch_execute(&opening).await.map_err(|error| Trouble::of("could not begin to write", &error))?;
    let sent = send(&connection, statements).await;
    match affected(statements, sent).await {
        Ok(affected) => commit(connection).await.map(|()| affected),
        Err(trouble) => {
            // The trouble is what matters. A connection that cannot even roll back is closed, which does the same.
            if connection.batch_execute("ROLLBACK").await.is_ok() {
                connection.give_back();
            }
            Err(trouble)
        }
    }
}

/// How many rows each affected, if every statement worked and did what was expected of it.
async fn affected(statements: &[Statement], sent: Vec<Sent<'_, Answer>>) -> Result<Vec<u64>, Trouble> {
    let mut affected = Vec::with_capacity(sent.len());
    for (statement, sent) in statements.iter().zip(sent) {
        let answer = sent.answer().await;
        let rows = answer
            .map_err(|error| Trouble::of(&format!("could not run {}", statement.excerpt()), &error))?
            .affected;
        if statement.expect.is_some_and(|expected| expected != rows) {
            return Err(unexpected(statement, rows).into());
        }
        affected.push(rows);
    }
    Ok(affected)
}

fn unexpected(statement: &Statement, rows: u64) -> Failure {
    let (sql, expected) = (statement.excerpt(), statement.expect.unwrap_or_default());
    Failure::lasting(PORT, format!("{sql} affected {rows} rows instead of {expected}; nothing was written"))
}

async fn commit(connection: Connection) -> Result<(), Trouble> {
    match connection.batch_execute("COMMIT").await {
        Ok(()) => {
            connection.give_back();
            Ok(())
        }
        Err(error) if is_certain(&error) => {
            connection.give_back();
            Err(Trouble::of("the transaction was not committed", &error))
        }
        // Trying again blindly could do it twice; whoever wrote knows how to find out.
        Err(error) => {
            let doing = "the answer to a commit was lost, so it is not known whether it was made; look before repeating it";
            let unknown = failure(doing, &error);
            Err(Trouble { failure: Failure { retry_helps: true, ..unknown }, again_at_once: false })
        }
    }
}

/// One round trip: begin, queries and commit are sent together, since it does no harm when the first of them fails.
async fn try_read(server: &Server, queries: &[Statement]) -> Result<Vec<Rows>, Trouble> {
    let connection = server.connection().await?;
    let opening = send_plain(&connection, server.opening_read()).await;
    let sent = send(&connection, queries).await;
    let closing = send_plain(&connection, "COMMIT").await;
    let found = found(opening, queries, sent).await;
    if closing.answer().await.is_ok() {
        connection.give_back();
    }
    found
}

async fn found(
    opening: Sent<'_, ()>,
    queries: &[Statement],
    sent: Vec<Sent<'_, Answer>>,
) -> Result<Vec<Rows>, Trouble> {
    opening.answer().await.map_err(|error| Trouble::of("could not begin to read", &error))?;
    let mut found = Vec::with_capacity(queries.len());
    for (query, sent) in queries.iter().zip(sent) {
        let answer = sent.answer().await;
        let answer =
            answer.map_err(|error| Trouble::of(&format!("could not read {}", query.excerpt()), &error))?;
        found.push(rows(query, &answer)?);
    }
    Ok(found)
}

fn rows(query: &Statement, answer: &Answer) -> Result<Rows, Failure> {
    let columns = answer.rows.first().map(|row| row.columns().iter().map(|column| column.name().to_owned()).collect());
    let rows: Result<Vec<_>, Failure> = answer.rows.iter().map(|row| values(row, query)).collect();
    Ok(Rows { columns: columns.unwrap_or_default(), rows: rows? })
}

/// True for what makes, changes or removes a table, a view or an index.
fn changes_tables(statement: &Statement) -> bool {
    let first = statement.sql.split_whitespace().next().unwrap_or_default();
    ["CREATE", "DROP", "ALTER"].iter().any(|word| first.eq_ignore_ascii_case(word))
}
