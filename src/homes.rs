//! Where each store lives: an address whose scheme names the adapter. Without one it lives in the data folder. A file per
//! store; here is what they have in common.

mod address;
mod blobs;
mod documents;
mod keys;
mod log;
mod sql;
mod watch;

use crate::settings::Settings;

pub(crate) use address::Address;
pub(crate) use blobs::blobs;
pub(crate) use documents::documents;
pub(crate) use keys::keys;
pub(crate) use log::{Log, local_log, log, refill};
pub(crate) use sql::sql;
pub(crate) use watch::{Stores, Watch};

/// Refuses addresses of stores that are not known, before anything is opened.
pub(crate) fn check(settings: &Settings) -> anyhow::Result<()> {
    log::check(settings)?;
    sql::check(settings)?;
    documents::check(settings)?;
    blobs::check(settings)?;
    keys::check(settings)
}

/// In a few words, for whoever looks at the program.
pub(crate) fn described(settings: &Settings) -> String {
    let read = [sql::described(settings), documents::described(settings)];
    let kept = [blobs::described(settings), keys::described(settings)];
    let all = [log::described(settings)].into_iter().chain(read).chain(kept);
    let elsewhere: Vec<&str> = all.flatten().collect();
    let node = settings.node.as_ref().map_or("one node".to_owned(), |name| format!("node {name}"));
    if elsewhere.is_empty() { "embedded".to_owned() } else { format!("{node}, {}", elsewhere.join(", ")) }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn settings(change: impl FnOnce(&mut Settings)) -> Settings {
        let mut settings = Settings::default();
        change(&mut settings);
        settings
    }

    fn refusal(change: impl FnOnce(&mut Settings)) -> String {
        check(&settings(change)).expect_err("refused").to_string()
    }

    fn address(text: &str) -> Option<Address> {
        Some(Address::of(text))
    }

    #[test]
    fn an_address_never_shows_its_password() {
        let secret = Address::of("postgres://carelog:secret@db/carelog");
        assert_eq!((format!("{secret}"), format!("{secret:?}")), ("postgres://...".into(), "postgres://...".into()));
        let shown = format!("{:?}", settings(|all| (all.sql, all.keys) = (Some(secret.clone()), Some(secret))));
        assert!(!shown.contains("secret"), "{shown}");
    }

    #[test]
    fn an_address_of_another_kind_is_refused_by_name() {
        for wrong in ["mysql://h/d", "carelog.sqlite", "postgres://", "", "dynamodb:/carelog"] {
            assert!(refusal(|all| all.sql = address(wrong)).starts_with("sql: "), "{wrong}");
            assert!(refusal(|all| all.documents = address(wrong)).starts_with("documents: "), "{wrong}");
            assert!(refusal(|all| all.blobs = address(wrong)).starts_with("blobs: "), "{wrong}");
            assert!(refusal(|all| all.keys = address(wrong)).starts_with("keys: "), "{wrong}");
        }
        let said = refusal(|all| all.blobs = address("ftp://key:secret@host/blobs"));
        assert!(said.contains("ftp://") && said.contains("s3://BUCKET") && !said.contains("secret"), "{said}");
        assert!(refusal(|all| all.documents = address("dynamodb://a/b")).contains("3 to 255"));
    }

    #[test]
    fn a_setting_without_the_one_it_belongs_to_is_refused_by_name() {
        let postgres = || address("postgres://h/d");
        assert!(refusal(|all| all.sql_replica = postgres()).starts_with("sql_replica: "));
        assert!(refusal(|all| all.documents_create_table = true).starts_with("documents_create_table: "));
        assert!(refusal(|all| all.master_key_file = Some(PathBuf::from("key"))).starts_with("master_key_file: "));
        let shared = |all: &mut Settings| {
            (all.sql, all.keys) = (postgres(), postgres());
            all.keys_schema.clone_from(&all.sql_schema);
        };
        assert!(refusal(shared).starts_with("keys_schema: "));
    }

    #[test]
    fn homes_are_said_in_a_few_words() {
        assert_eq!(described(&Settings::default()), "embedded");
        let chain = settings(|all| {
            (all.sql, all.sql_replica) = (address("postgresql://h/d"), address("postgres://i/d"));
            (all.documents, all.blobs) = (address("dynamodb://carelog"), address("s3://blobs/chain"));
            all.keys = address("postgres://h/keys");
        });
        assert!(check(&chain).is_ok());
        let said = "one node, read models in PostgreSQL with a replica, documents in DynamoDB, blobs in S3, keys in PostgreSQL";
        assert_eq!(described(&chain), said);
    }
}
