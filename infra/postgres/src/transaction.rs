//! Whole transactions: one that writes, one that reads.

use std::time::Duration;

use carelog_domain::ports::{Failure, Rows, Statement};
use tokio_postgres::Error;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type;

use crate::failure::{PORT, again_at_once, failure, is_certain};
use crate::parameter::{kind, values};
use crate::pipeline::{Answer, Sent, parse_runs, run, send, send_opening, send_parsed, send_plain};
use crate::server::{Connection, Server};
use crate::session;
use crate::whole::{Known, Whole};

/// How often a transaction is tried that the server ended in favour of another, or whose connection was gone.
const TRIES_MAX: u32 = 5;
/// How often one that changes tables asks for them to be free: with what it waits each time, longer than a read may take.
const LOCK_TRIES_MAX: u32 = 40;
const PAUSE: Duration = Duration::from_millis(5);
const LOCK_PAUSE: Duration = Duration::from_millis(250);

/// Why a transaction had no effect.
struct Trouble {
    failure: Failure,
    again: Again,
}

/// What can be done about it here.
#[derive(Clone, Copy, PartialEq)]
enum Again {
    /// Nothing.
    No,
    /// The same once more.
    AtOnce,
    /// The same when those who read had their turn.
    WhenFree,
    /// The same without parsing texts before.
    Unparsed,
    /// The same with nothing that the connection keeps.
    RelyingOnNothing,
}

impl Trouble {
    fn of(doing: &str, error: &Error) -> Trouble {
        let again = if again_at_once(error) { Again::AtOnce } else { Again::No };
        Trouble { failure: failure(doing, error), again }
    }

    fn again(self, again: Again) -> Trouble {
        Trouble { again, ..self }
    }
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Trouble {
        Trouble { failure, again: Again::No }
    }
}

/// Runs all statements in one transaction.
pub(crate) async fn write(server: &Server, statements: &[Statement]) -> Result<Vec<u64>, Failure> {
    for statement in statements {
        statement.samples().map_err(|wrong| Failure::lasting(PORT, wrong))?;
    }
    let (mut tries, mut parsing) = (1, true);
    loop {
        let trouble = match try_write(server, statements, parsing).await {
            Ok(affected) => return Ok(affected),
            Err(trouble) => trouble,
        };
        match trouble.again {
            Again::AtOnce if tries < TRIES_MAX => tokio::time::sleep(PAUSE * tries).await,
            Again::WhenFree if tries < LOCK_TRIES_MAX => tokio::time::sleep(LOCK_PAUSE).await,
            Again::Unparsed if parsing => parsing = false,
            _ => return Err(trouble.failure),
        }
        tracing::debug!(failure = %trouble.failure, "trying a write again");
        tries += 1;
    }
}

/// Runs all queries on one snapshot.
pub(crate) async fn read(server: &Server, queries: &[Statement]) -> Result<Vec<Rows>, Failure> {
    let (mut tries, mut relying) = (1, true);
    loop {
        let trouble = match try_read(server, queries, relying).await {
            Ok(found) => return Ok(found),
            Err(trouble) => trouble,
        };
        match trouble.again {
            Again::AtOnce if tries < TRIES_MAX => tokio::time::sleep(PAUSE * tries).await,
            Again::RelyingOnNothing if relying => relying = false,
            _ => return Err(trouble.failure),
        }
        tracing::debug!(failure = %trouble.failure, "trying a read again");
        tries += 1;
    }
}

/// Three round trips: begin (and only then the statements, which would each commit by themselves if it failed), the
/// statements, commit. One more where texts are parsed before.
async fn try_write(server: &Server, statements: &[Statement], parsing: bool) -> Result<Vec<u64>, Trouble> {
    let connection = server.connection().await?;
    match in_transaction(server, &connection, statements, parsing).await {
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

async fn in_transaction(
    server: &Server,
    connection: &Connection,
    statements: &[Statement],
    parsing: bool,
) -> Result<Vec<u64>, Trouble> {
    let opening = server.opening_write(statements.iter().any(changes_tables));
    connection.batch_execute(&opening).await.map_err(|error| {
        let trouble = Trouble::of("could not begin to write", &error);
        if error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) { trouble.again(Again::WhenFree) } else { trouble }
    })?;
    if !parsing {
        return affected(statements, send(connection, statements).await).await;
    }
    let parsed = parse_runs(connection, statements).await.map_err(|error| {
        let trouble = Trouble::of("could not parse a statement", &error);
        // Whether the statement is at fault is seen, and said, when it is run by itself.
        if error.code().is_some_and(|code| code.code().starts_with("42")) {
            trouble.again(Again::Unparsed)
        } else {
            trouble
        }
    })?;
    affected(statements, send_parsed(connection, statements, &parsed.0).await).await
}

/// How many rows each affected, if every statement worked and did what was expected of it.
async fn affected(statements: &[Statement], sent: Vec<Sent<'_, Answer>>) -> Result<Vec<u64>, Trouble> {
    let mut affected = Vec::with_capacity(sent.len());
    for (statement, sent) in statements.iter().zip(sent) {
        let answer = sent.answer().await;
        let rows =
            answer.map_err(|error| Trouble::of(&format!("could not run {}", statement.excerpt()), &error))?.affected;
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
            let doing =
                "the answer to a commit was lost, so it is not known whether it was made; look before repeating it";
            let unknown = failure(doing, &error);
            Err(Failure { retry_helps: true, ..unknown }.into())
        }
    }
}

/// One round trip: begin, queries and commit are sent together, since it does no harm when the first of them fails.
async fn try_read(server: &Server, queries: &[Statement], relying: bool) -> Result<Vec<Rows>, Trouble> {
    let connection = server.connection_to_read().await?;
    if connection.is_own && relying {
        return try_own_read(server, connection, queries).await;
    }
    let opening = send_plain(&connection, server.opening_read()).await;
    let sent = send(&connection, queries).await;
    let closing = send_plain(&connection, "COMMIT").await;
    let begun = opening.answer().await.map_err(|error| Trouble::of("could not begin to read", &error));
    let found = found(queries, sent).await;
    if closing.answer().await.is_ok() {
        connection.give_back();
    }
    begun.and(found)
}

/// The same with settings and parsed queries that the connection keeps: nobody is believed who does not show its mark. What
/// was asked together before is asked as one statement.
async fn try_own_read(server: &Server, connection: Connection, queries: &[Statement]) -> Result<Vec<Rows>, Trouble> {
    session::make_room(connection.object());
    let known = server.wholes.known(queries);
    if let Known::As(whole) = &known
        && whole.fits(queries)
        && let Some(types) = types_of_all(queries)
    {
        return try_whole_read(server, connection, queries, whole, &types).await;
    }
    let mut parsed = Vec::with_capacity(queries.len());
    for query in queries {
        match session::kept(connection.object(), query).await {
            Ok(kept) => parsed.push(kept),
            Err(error) => {
                connection.give_back();
                return Err(not_believed(query, &error));
            }
        }
    }
    let opening = send_opening(&connection, server.opening_own_read()).await;
    let sent = send_parsed(&connection, queries, &parsed).await;
    let closing = send_plain(&connection, "COMMIT").await;
    let shown = opening.answer().await;
    let found = found(queries, sent).await;
    let ended = closing.answer().await.is_ok();
    let begun = shown.map_err(|error| Trouble::of("could not begin to read", &error));
    if let Err(trouble) = &begun
        && trouble.again != Again::No
    {
        return begun.and(found);
    }
    if !begun.is_ok_and(|answers| server.mark.is_in(&answers)) {
        return Err(unmarked(server)); // And the connection is closed.
    }
    match &found {
        Ok(_) if matches!(known, Known::Nothing) => {
            let parsed: Option<Vec<&tokio_postgres::Statement>> = parsed.iter().map(Option::as_ref).collect();
            if let Some(parsed) = parsed {
                server.wholes.note(queries, Whole::of(queries, &parsed, &server.mark));
            }
        }
        Err(trouble) if trouble.again == Again::RelyingOnNothing => connection.object().statement_cache.clear(),
        _ => {}
    }
    if ended {
        connection.give_back();
    }
    found
}

/// All queries as one statement.
async fn try_whole_read(
    server: &Server,
    connection: Connection,
    queries: &[Statement],
    whole: &Whole,
    types: &[Type],
) -> Result<Vec<Rows>, Trouble> {
    let parameters = queries.iter().flat_map(|query| &query.parameters);
    let answer = match connection.object().prepare_typed_cached(&whole.sql, types).await {
        Ok(statement) => run(&connection, &statement, parameters).await,
        Err(error) => Err(error),
    };
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => {
            let trouble = not_believed(&queries[0], &error);
            if trouble.again == Again::RelyingOnNothing {
                // Tables that are no more as they were, or a pooler's other session: read one by one, it is told which.
                server.wholes.forget(queries);
                connection.object().statement_cache.clear();
            }
            connection.give_back(); // With its answer the statement has ended.
            return Err(trouble);
        }
    };
    match whole.rows(&server.mark, queries, &answer.rows) {
        Ok(Some(found)) => {
            connection.give_back();
            Ok(found)
        }
        Ok(None) => Err(unmarked(server)),
        Err(failure) => {
            connection.give_back();
            Err(failure.into())
        }
    }
}

/// The trouble with what failed before the mark was seen: whose fault it is can be told only where that has been, or does not
/// matter. What had no time or no room would have none again.
fn not_believed(query: &Statement, error: &Error) -> Trouble {
    let trouble = Trouble::of(&format!("could not read {}", query.excerpt()), error);
    let is_final = error.code().is_some_and(|code| ["53", "57"].iter().any(|class| code.code().starts_with(class)));
    if trouble.again == Again::No && !is_final { trouble.again(Again::RelyingOnNothing) } else { trouble }
}

/// An answer of somebody else.
fn unmarked(server: &Server) -> Trouble {
    server.rely_on_nothing();
    let failure = Failure::passing(PORT, "a pooler stands before the server");
    Trouble { failure, again: Again::RelyingOnNothing }
}

/// The types of all parameters; `None` where the server has to infer one.
fn types_of_all(queries: &[Statement]) -> Option<Vec<Type>> {
    queries.iter().flat_map(|query| &query.parameters).map(kind).collect()
}

async fn found(queries: &[Statement], sent: Vec<Sent<'_, Answer>>) -> Result<Vec<Rows>, Trouble> {
    let mut found = Vec::with_capacity(queries.len());
    for (query, sent) in queries.iter().zip(sent) {
        let answer = sent.answer().await;
        let answer = answer.map_err(|error| {
            let trouble = Trouble::of(&format!("could not read {}", query.excerpt()), &error);
            if session::is_stale(&error) { trouble.again(Again::RelyingOnNothing) } else { trouble }
        })?;
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
