//! The home of the read models' rows: a file, or PostgreSQL.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, ensure};
use carelog_domain::ports::SqlStore;
use carelog_postgres::{PostgresSettings, PostgresStore};
use carelog_sqlite::SqliteStore;

use crate::settings::Settings;

/// The read models' file in the data folder.
const SQLITE_FILE: &str = "read-models.sqlite";
const EXPECTED: &str = "postgres://USER:PASSWORD@HOST:PORT/DATABASE, or nothing for a file in the data folder";
/// What PostgreSQL's own tools take.
pub(super) const SCHEMES: [&str; 2] = ["postgres", "postgresql"];

pub(super) fn check(settings: &Settings) -> anyhow::Result<()> {
    for (name, address) in [("sql", &settings.sql), ("sql_replica", &settings.sql_replica)] {
        if let Some(address) = address {
            address.must_be(name, &SCHEMES, EXPECTED)?;
        }
    }
    ensure!(
        settings.sql.is_some() || settings.sql_replica.is_none(),
        "sql_replica: a replica needs its primary; give that as sql"
    );
    Ok(())
}

pub(super) fn described(settings: &Settings) -> Option<&'static str> {
    settings.sql.as_ref()?;
    Some(match settings.sql_replica {
        None => "read models in PostgreSQL",
        Some(_) => "read models in PostgreSQL with a replica",
    })
}

/// Opens the read models' store.
pub(crate) async fn sql(settings: &Settings, folder: &Path) -> anyhow::Result<Arc<dyn SqlStore>> {
    let Some(address) = &settings.sql else {
        return Ok(Arc::new(SqliteStore::open(folder.join(SQLITE_FILE))?));
    };
    let mut postgres = PostgresSettings::new(address.whole());
    postgres.replica_url = settings.sql_replica.as_ref().map(|replica| replica.whole().to_owned());
    postgres.schema.clone_from(&settings.sql_schema);
    let store = PostgresStore::connect(postgres).await;
    Ok(Arc::new(store.context("the read models' database (sql) could not be used")?))
}
