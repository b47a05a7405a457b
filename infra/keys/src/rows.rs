//! What the cluster's database holds: the statements, and what their rows mean.
//!
//! ```text
//! chain   one row: the wrapped secret, and how many keys were erased
//! keys    subject, purpose, number | wrapped, or the number of the erasure that destroyed it: never both, never neither
//! ```
//! An erasure counts up the chain's row in its own transaction, so erasures become visible in the order of their numbers
//! and whoever asks for those after the last it saw misses none.

use carelog_domain::kernel::Purpose;
use carelog_domain::ports::{Failure, KeyId, Rows, SqlValue, Statement};
use uuid::Uuid;

use crate::PORT;

/// Changed keys leave dead rows, in which the wrapped key can still be read: the server clears them at its next round.
const TABLES: [&str; 3] = [
    "CREATE TABLE IF NOT EXISTS chain (only_row BIGINT PRIMARY KEY CHECK (only_row = 1), secret CTEXT NOT NULL, \
     erasures BIGINT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS keys (subject CTEXT NOT NULL, purpose CTEXT NOT NULL, number BIGINT NOT NULL, wrapped CTEXT, \
     erasure BIGINT, PRIMARY KEY (subject, purpose), CHECK ((wrapped IS NULL) <> (erasure IS NULL))) \
     WITH (autovacuum_vacuum_threshold = 0, autovacuum_vacuum_scale_factor = 0)",
    "CREATE UNIQUE INDEX IF NOT EXISTS keys_by_erasure ON keys (erasure) WHERE erasure IS NOT NULL",
];

/// Makes what is missing.
pub(crate) fn make_tables() -> Vec<Statement> {
    TABLES.iter().map(|sql| Statement::new(*sql, vec![])).collect()
}

/// Offers a secret; the first that was offered stands.
pub(crate) fn offer_secret(wrapped: &str) -> Statement {
    let sql = "INSERT INTO chain (only_row, secret, erasures) VALUES (1, $1, 0) ON CONFLICT (only_row) DO NOTHING";
    Statement::new(sql, vec![wrapped.into()])
}

pub(crate) fn find_chain() -> Statement {
    Statement::new("SELECT secret, erasures FROM chain", vec![])
}

/// Offers a key; the first that was offered stands, a tombstone as well.
pub(crate) fn offer_key(id: KeyId, wrapped: &str) -> Statement {
    let sql = "INSERT INTO keys (subject, purpose, number, wrapped) VALUES ($1, $2, $3, $4) \
               ON CONFLICT (subject, purpose) DO NOTHING";
    let [subject, purpose] = whose(id.subject, id.purpose);
    Statement::new(sql, vec![subject, purpose, i64::from(id.number).into(), wrapped.into()])
}

/// All keys of a subject, one for each purpose.
pub(crate) fn find_keys(subject: Uuid) -> Statement {
    let sql = "SELECT subject, purpose, number, wrapped, erasure FROM keys WHERE subject = $1";
    Statement::new(sql, vec![subject.to_string().into()])
}

/// Puts a tombstone in the key's place, or where it would be; a tombstone that is there already stays as it is.
pub(crate) fn erase_key(subject: Uuid, purpose: Purpose) -> Vec<Statement> {
    let count = Statement::new("UPDATE chain SET erasures = erasures + 1 WHERE only_row = 1", vec![]).expecting(1);
    let sql = "INSERT INTO keys (subject, purpose, number, erasure) SELECT $1, $2, 1, erasures FROM chain WHERE only_row = 1 \
               ON CONFLICT (subject, purpose) DO UPDATE SET wrapped = NULL, erasure = excluded.erasure \
               WHERE keys.erasure IS NULL";
    vec![count, Statement::new(sql, whose(subject, purpose).into())]
}

/// How many erasures there were, and whose keys were destroyed by those after this one.
pub(crate) fn find_erasures_after(erasure: i64) -> Vec<Statement> {
    let sql = "SELECT subject, purpose, number, wrapped, erasure FROM keys WHERE erasure > $1";
    vec![find_chain(), Statement::new(sql, vec![erasure.into()])]
}

fn whose(subject: Uuid, purpose: Purpose) -> [SqlValue; 2] {
    [subject.to_string().into(), purpose.word().into()]
}

/// A row of `chain`: the wrapped secret, and the number of erasures.
pub(crate) fn chain(found: &Rows) -> Result<(String, i64), Failure> {
    let [row] = found.rows.as_slice() else {
        let message = "the database of keys has lost the chain's secret: restore it from its backup";
        return Err(Failure::lasting(PORT, message));
    };
    match row.as_slice() {
        [SqlValue::Text(secret), SqlValue::Int(erasures)] => Ok((secret.clone(), *erasures)),
        _ => Err(strange("chain")),
    }
}

/// A row of `keys`: its id, and the wrapped key unless it was erased.
pub(crate) fn key(row: &[SqlValue]) -> Result<(KeyId, Option<String>), Failure> {
    let [SqlValue::Text(subject), SqlValue::Text(purpose), SqlValue::Int(number), wrapped, erasure] = row else {
        return Err(strange("keys"));
    };
    let id: KeyId =
        format!("{subject}.{purpose}.{number}").parse().map_err(|error| strange("keys").caused_by(error))?;
    match (wrapped, erasure) {
        (SqlValue::Text(wrapped), SqlValue::Null) => Ok((id, Some(wrapped.clone()))),
        (SqlValue::Null, SqlValue::Int(_)) => Ok((id, None)),
        _ => Err(strange("keys")),
    }
}

fn strange(table: &str) -> Failure {
    let message = format!("a row of {table} is not as this program writes it: restore the database of keys");
    Failure::lasting(PORT, message)
}
