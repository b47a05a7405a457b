//! The home of documents (patients' charts, the sagas' place): a folder, or a DynamoDB table.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, ensure};
use carelog_documents::SledDocuments;
use carelog_domain::ports::DocumentStore;
use carelog_dynamodb::{DynamoDocuments, DynamoSettings};

use crate::settings::Settings;

const EXPECTED: &str = "dynamodb://TABLE (endpoint, region and credentials by AWS_ variables, profile or role), or nothing \
                        for a folder in the data folder";
/// What DynamoDB takes as a table's name.
const TABLE_LETTERS: std::ops::RangeInclusive<usize> = 3..=255;

pub(super) fn check(settings: &Settings) -> anyhow::Result<()> {
    let Some(address) = &settings.documents else {
        let create = settings.documents_create_table;
        ensure!(!create, "documents_create_table: there is no table to make; give its name as documents");
        return Ok(());
    };
    address.must_be("documents", &["dynamodb"], EXPECTED)?;
    let table = address.place();
    let known = |letter: char| letter.is_ascii_alphanumeric() || "_-.".contains(letter);
    ensure!(
        TABLE_LETTERS.contains(&table.len()) && table.chars().all(known),
        "documents: a table's name has 3 to 255 letters, digits, dots, hyphens and underscores: dynamodb://carelog"
    );
    Ok(())
}

pub(super) fn described(settings: &Settings) -> Option<&'static str> {
    settings.documents.as_ref().map(|_| "documents in DynamoDB")
}

/// Opens the documents' store.
pub(crate) async fn documents(settings: &Settings, folder: &Path) -> anyhow::Result<Arc<dyn DocumentStore>> {
    let Some(address) = &settings.documents else {
        return Ok(Arc::new(SledDocuments::open(folder.join("documents"))?));
    };
    let table = DynamoSettings { table: address.place().to_owned(), create_table: settings.documents_create_table };
    let store = DynamoDocuments::open(table).await;
    Ok(Arc::new(store.context("the documents' table (documents) could not be used")?))
}
