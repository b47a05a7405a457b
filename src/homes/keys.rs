//! The home of keys: a folder, or a database that all nodes share, whose keys a local file wraps.
//!
//! Keys are nowhere twice, and no command moves them: a folder that has keys is not left for a database unseen, nor a
//! database for a new and empty folder, in which everything sealed so far would seem lost.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, ensure};
use carelog_domain::ports::{KeyStore, SqlStore};
use carelog_keys::{FileKeyStore, KeyLimits, SqlKeyStore};
use carelog_postgres::{PostgresSettings, PostgresStore};

use super::sql::SCHEMES;
use crate::settings::Settings;

const EXPECTED: &str = "postgres://USER:PASSWORD@HOST:PORT/DATABASE, or nothing for a file in the data folder";
/// In the folder of keys, when they are in a database.
const ELSEWHERE: &str = "in-the-database";
/// A node asks for few keys that it has not opened yet.
const CONNECTIONS_MAX: usize = 8;

/// The keys' store, and the database that it is in, to ask whether that answers.
pub(crate) struct Keys {
    pub(crate) store: Arc<dyn KeyStore>,
    pub(crate) database: Option<Arc<dyn SqlStore>>,
}

pub(super) fn check(settings: &Settings) -> anyhow::Result<()> {
    let Some(address) = &settings.keys else {
        ensure!(
            settings.master_key_file.is_none(),
            "master_key_file: it is for keys in a database; give that as keys (those in the data folder have theirs beside \
             them)"
        );
        return Ok(());
    };
    address.must_be("keys", &SCHEMES, EXPECTED)?;
    ensure!(
        settings.sql.is_none() || settings.sql_schema != settings.keys_schema,
        "keys_schema: {:?} is the read models' schema, which is thrown away and made anew; keys need another",
        settings.keys_schema
    );
    Ok(())
}

pub(super) fn described(settings: &Settings) -> Option<&'static str> {
    settings.keys.as_ref().map(|_| "keys in PostgreSQL")
}

/// Opens the keys.
pub(crate) async fn keys(settings: &Settings, folder: &Path) -> anyhow::Result<Keys> {
    let folder = folder.join("keys");
    let elsewhere = folder.join(ELSEWHERE);
    let Some(address) = &settings.keys else {
        ensure!(
            !elsewhere.exists(),
            "keys: those of this data folder are in a database; give its address as keys. Only if nothing was ever sealed \
             with them, delete {}",
            elsewhere.display()
        );
        return Ok(Keys { store: Arc::new(FileKeyStore::open(&folder)?), database: None });
    };
    let journal = folder.join("journal");
    ensure!(
        !journal.exists(),
        "keys: this data folder has keys of its own in {}, which nothing moves into a database; leave keys out, or begin a \
         new data folder",
        journal.display()
    );
    let mut postgres = PostgresSettings::new(address.whole());
    postgres.schema.clone_from(&settings.keys_schema);
    postgres.durable = true;
    postgres.connections_max = CONNECTIONS_MAX;
    let opened = async {
        let database: Arc<dyn SqlStore> = Arc::new(PostgresStore::connect(postgres).await?);
        let store = SqlKeyStore::open(database.clone(), &master_key(settings, &folder), KeyLimits::default()).await?;
        Ok::<_, carelog_domain::ports::Failure>(Keys { store: Arc::new(store), database: Some(database) })
    };
    let keys = opened.await.context("the keys' database (keys, master_key_file) could not be used")?;
    note(&folder, &elsewhere).with_context(|| format!("{} cannot be written", elsewhere.display()))?;
    Ok(keys)
}

fn master_key(settings: &Settings, folder: &Path) -> PathBuf {
    settings.master_key_file.clone().unwrap_or_else(|| folder.join("master.key"))
}

/// Leaves word in the folder that its keys are elsewhere.
fn note(folder: &Path, elsewhere: &Path) -> std::io::Result<()> {
    if elsewhere.exists() {
        return Ok(());
    }
    std::fs::create_dir_all(folder)?;
    std::fs::write(elsewhere, "The keys of this data folder are in a database, which the setting keys names.\n")
}
