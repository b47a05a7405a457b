//! Where each store lives: an address whose scheme names the adapter. Without one it lives in the data folder.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, ensure};
use carelog_domain::ports::SqlStore;
use carelog_postgres::{PostgresSettings, PostgresStore};
use carelog_sqlite::SqliteStore;
use serde::{Deserialize, Serialize};

use crate::settings::Settings;

/// The read models' file in the data folder.
const SQLITE_FILE: &str = "read-models.sqlite";

/// An address that may hold a password, which is never shown.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Address(String);

impl Address {
    /// What stands before `://`; empty without it.
    fn scheme(&self) -> &str {
        self.0.split_once("://").map_or("", |(scheme, _)| scheme)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}://...", self.scheme())
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{self}")
    }
}

/// Refuses addresses of stores that are not known, before anything is opened.
pub(crate) fn check(settings: &Settings) -> anyhow::Result<()> {
    for (name, address) in [("sql", &settings.sql), ("sql_replica", &settings.sql_replica)] {
        let Some(address) = address else { continue };
        ensure!(
            ["postgres", "postgresql"].contains(&address.scheme()),
            "{name}: expected postgres://USER:PASSWORD@HOST:PORT/DATABASE, or nothing for a file in the data folder"
        );
    }
    ensure!(
        settings.sql.is_some() || settings.sql_replica.is_none(),
        "sql_replica: a replica needs its primary; give that as sql"
    );
    Ok(())
}

/// In a few words, for whoever looks at the program.
pub(crate) fn described(settings: &Settings) -> String {
    let sql = match (&settings.sql, &settings.sql_replica) {
        (None, _) => return "embedded".to_owned(),
        (Some(_), None) => "read models in PostgreSQL",
        (Some(_), Some(_)) => "read models in PostgreSQL with a replica",
    };
    format!("one node, {sql}")
}

/// Opens the read models' store.
pub(crate) async fn sql(settings: &Settings, folder: &Path) -> anyhow::Result<Arc<dyn SqlStore>> {
    let Some(address) = &settings.sql else {
        return Ok(Arc::new(SqliteStore::open(folder.join(SQLITE_FILE))?));
    };
    let mut postgres = PostgresSettings::new(&address.0);
    postgres.replica_url = settings.sql_replica.as_ref().map(|replica| replica.0.clone());
    postgres.schema.clone_from(&settings.sql_schema);
    let store = PostgresStore::connect(postgres).await;
    Ok(Arc::new(store.context("the read models' database (sql) could not be used")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Address {
        Address(text.to_owned())
    }

    fn settings(sql: Option<&str>, replica: Option<&str>) -> Settings {
        Settings { sql: sql.map(address), sql_replica: replica.map(address), ..Settings::default() }
    }

    #[test]
    fn an_address_never_shows_its_password() {
        let address = address("postgres://carelog:secret@db/carelog");
        assert_eq!((format!("{address}"), format!("{address:?}")), ("postgres://...".into(), "postgres://...".into()));
        assert!(!format!("{:?}", settings(Some("postgres://u:secret@h/d"), None)).contains("secret"));
    }

    #[test]
    fn an_address_of_another_kind_is_refused_by_name() {
        let refused = |sql, replica| check(&settings(sql, replica)).expect_err("refused").to_string();
        assert!(refused(Some("mysql://h/d"), None).starts_with("sql: "));
        assert!(refused(Some("carelog.sqlite"), None).starts_with("sql: "));
        assert!(refused(None, Some("postgres://h/d")).starts_with("sql_replica: "));
        assert!(check(&settings(Some("postgresql://h/d"), Some("postgres://i/d"))).is_ok());
        assert!(check(&settings(None, None)).is_ok());
    }
}
