//! What has to be in the schema before the first statement: the adapter's own type, and the record of what was made.
//!
//! Tables are not made here: projections make theirs, a set for each layout, with the same text on every database.

use std::time::Duration;

use carelog_domain::ports::Failure;
use tokio_postgres::{Client, Error};

use crate::failure::{PORT, failure};
use crate::server::Server;
use crate::settings::PostgresSettings;

/// Texts that were carried out, in order, once. Never changed, only added to.
const MIGRATIONS: [(&str, &str); 1] = [("texts that compare as bytes", "CREATE DOMAIN ctext AS text COLLATE \"C\"")];

/// The oldest that its makers still mended when this was written.
const VERSION_MIN: i32 = 130_000;
/// Nodes that start together wait for each other; a migration is a matter of moments.
const TIME_MAX: Duration = Duration::from_secs(60);

/// Brings the schema up to date; several nodes may do so at once.
pub(crate) async fn migrate(server: &Server, settings: &PostgresSettings) -> Result<(), Failure> {
    let schema = settings.schema.as_str();
    check_name(schema)?;
    let connection = server.connection().await?;
    let begin = format!(
        "BEGIN; SET LOCAL statement_timeout TO {}; SET LOCAL client_min_messages TO warning; \
         SELECT pg_advisory_xact_lock(hashtextextended('carelog migrations of {schema}', 0))",
        TIME_MAX.as_millis()
    );
    let doing = |error: Error| failure(&format!("could not prepare schema {schema}"), &error);
    connection.batch_execute(&begin).await.map_err(doing)?;
    check_server(&connection, &server.shown, settings.durable).await?;
    make_schema(&connection, schema).await.map_err(doing)?;
    let done = done(&connection).await.map_err(doing)?;
    for (number, (name, sql)) in pending(&done, schema)? {
        tracing::info!(schema, number, name, "migrating the database");
        connection.batch_execute(sql).await.map_err(doing)?;
        let record = format!("INSERT INTO migrations (number, name) VALUES ({number}, '{name}')");
        connection.batch_execute(&record).await.map_err(doing)?;
    }
    connection.batch_execute("COMMIT").await.map_err(doing)?;
    connection.give_back();
    Ok(())
}

/// The name stands in statements as it is.
fn check_name(schema: &str) -> Result<(), Failure> {
    let plain =
        |index: usize, byte: u8| byte.is_ascii_lowercase() || byte == b'_' || (index > 0 && byte.is_ascii_digit());
    let fits = (1..=63).contains(&schema.len()) && schema.bytes().enumerate().all(|(index, byte)| plain(index, byte));
    if fits && !schema.starts_with("pg_") {
        return Ok(());
    }
    let rule = "its name has 1 to 63 of a-z, 0-9 and _, begins with a letter and not with pg_";
    Err(Failure::lasting(PORT, format!("{schema:?} cannot be a schema: {rule}")))
}

async fn check_server(client: &Client, shown: &str, durable: bool) -> Result<(), Failure> {
    let query = "SELECT current_setting('server_version_num')::int4, pg_is_in_recovery(), \
                 current_setting('server_encoding'), current_setting('fsync')";
    let row = client.query_typed(query, &[]).await;
    let row = row.map_err(|error| failure("could not ask what the server is", &error))?.remove(0);
    let (version, replica, encoding, fsync): (i32, bool, &str, &str) = (row.get(0), row.get(1), row.get(2), row.get(3));
    let refused = |why: String| Failure::lasting(PORT, format!("{shown} will not do: {why}"));
    if version < VERSION_MIN {
        return Err(refused(format!("it is PostgreSQL {}, and 13 is the oldest that will do", version / 10_000)));
    }
    if replica {
        return Err(refused("it is a replica; give the primary's address".to_owned()));
    }
    if encoding != "UTF8" {
        return Err(refused(format!("its database is encoded in {encoding}; make one with ENCODING 'UTF8'")));
    }
    if durable && fsync != "on" {
        return Err(refused("it runs with fsync = off and loses what it acknowledged; switch it on".to_owned()));
    }
    Ok(())
}

/// Makes the schema only if it is not there: a user that may not make one can be given one.
async fn make_schema(client: &Client, schema: &str) -> Result<(), Error> {
    let query = format!("SELECT 1 FROM pg_namespace WHERE nspname = '{schema}'");
    if client.query_typed(&query, &[]).await?.is_empty() {
        client.batch_execute(&format!("CREATE SCHEMA {schema}")).await?;
    }
    let table = "CREATE TABLE IF NOT EXISTS migrations (number INT PRIMARY KEY, name TEXT NOT NULL, \
                 applied_at TIMESTAMPTZ NOT NULL DEFAULT now())";
    client.batch_execute(&format!("SET LOCAL search_path TO {schema}; {table}")).await
}

async fn done(client: &Client) -> Result<Vec<String>, Error> {
    let rows = client.query_typed("SELECT name FROM migrations ORDER BY number", &[]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

type Numbered = (usize, (&'static str, &'static str));

fn pending(done: &[String], schema: &str) -> Result<impl Iterator<Item = Numbered> + use<>, Failure> {
    let ours = MIGRATIONS.iter().map(|(name, _)| *name).take(done.len());
    if done.len() > MIGRATIONS.len() || !ours.eq(done.iter().map(String::as_str)) {
        let message =
            format!("schema {schema} was made by another version of this program; use that, or another schema");
        return Err(Failure::lasting(PORT, message));
    }
    Ok((1..).zip(MIGRATIONS).skip(done.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_of_a_newer_program_is_refused() {
        let known = || MIGRATIONS.iter().map(|(name, _)| (*name).to_owned()).collect::<Vec<_>>();
        assert_eq!(pending(&[], "s").expect("pending").count(), MIGRATIONS.len());
        assert_eq!(pending(&known(), "s").expect("pending").count(), 0);
        let newer = [known(), vec!["of tomorrow".to_owned()]].concat();
        assert!(pending(&newer, "s").is_err());
        assert!(pending(&["of another line".to_owned()], "s").is_err());
    }

    #[test]
    fn a_name_that_would_need_quotes_is_refused() {
        for name in ["", "Carelog", "care-log", "1st", "pg_mine", "x; DROP SCHEMA y"] {
            assert!(check_name(name).is_err(), "{name}");
        }
        assert!(check_name("carelog_2").is_ok());
    }
}
