//! Every layout that the stores hold, those of other versions of the program too: how far each has come, and the removal
//! of those that nobody uses any more.

use std::collections::BTreeSet;
use std::sync::Arc;

use carelog_domain::ports::{DocumentStore, Failure, SqlStore, SqlValue, Statement};
use carelog_schemas::read_models::chart::LAYOUTS_KEY;
use carelog_schemas::read_models::{chart, sets};

use crate::document_home::DocumentHome;
use crate::home::{Home, Mark};
use crate::sql_home;
use crate::start::Deps;

/// More layouts than stores ever hold.
const LAYOUTS_MAX: usize = 1_000;

/// The checkpoints of all live sets in all layouts, for whoever opens a log: one that is behind any of them has lost
/// events. Read models are named with their layout, such as `patients@1f2e3d4c`.
///
/// # Errors
/// When a store cannot be read.
pub async fn checkpoints(
    sql: &Arc<dyn SqlStore>,
    documents: &Arc<dyn DocumentStore>,
) -> Result<Vec<(String, Mark)>, Failure> {
    sql_home::make_bookkeeping(sql.as_ref()).await?;
    let query = "SELECT partition, size, root, recorded_at, model FROM layout_checkpoints \
                 WHERE partition IS NOT NULL ORDER BY model, partition";
    let rows = sql.read(vec![Statement::new(query, vec![])]).await?;
    let mut found = Vec::new();
    for row in rows.into_iter().flat_map(|rows| rows.rows) {
        let key = row[4].text().unwrap_or_default().to_owned();
        found.push((key.clone(), sql_home::mark(&row).ok_or_else(|| sql_home::damaged(&key))?));
    }
    for layout in layouts_of_charts(documents.as_ref()).await? {
        let home = DocumentHome::in_layout(Arc::clone(documents), &chart::MODEL, layout);
        let marks = home.stored().await?.map(|stored| stored.marks).unwrap_or_default();
        found.extend(marks.into_iter().map(|mark| (home.key(), mark)));
    }
    Ok(found)
}

/// The read models that the stores hold in layouts that are not this program's.
///
/// # Errors
/// When a store cannot be read.
pub async fn others(deps: &Deps) -> Result<Vec<String>, Failure> {
    let rows = layouts_of_tables(deps).await?.into_iter().map(|(key, _)| key);
    let charts = other_charts(deps).await?;
    Ok(rows.chain(charts.iter().map(DocumentHome::key)).collect())
}

/// Removes them, and returns what was removed. No process of another version may run: its read models would be gone.
///
/// # Errors
/// When a store cannot; what was not removed by then is by the next call.
pub async fn prune(deps: &Deps) -> Result<Vec<String>, Failure> {
    let deps = deps.clone();
    // In a task of its own: it ends in order also when whoever asked went away.
    let pruning = tokio::spawn(async move {
        let mut removed = Vec::new();
        for (key, tables) in layouts_of_tables(&deps).await? {
            deps.sql.write(sets::remove(&key, &tables)).await?;
            removed.push(key);
        }
        for home in other_charts(&deps).await? {
            home.remove().await?;
            removed.push(home.key());
        }
        Ok(removed)
    });
    pruning.await.unwrap_or_else(|error| {
        Err(Failure::lasting("projections", "the removal was ended; see the program's log").caused_by(error))
    })
}

/// Key and names of tables.
async fn layouts_of_tables(deps: &Deps) -> Result<Vec<(String, Vec<String>)>, Failure> {
    sql_home::make_bookkeeping(deps.sql.as_ref()).await?;
    let own: BTreeSet<String> = deps.read_models.iter().map(|projection| projection.model.key()).collect();
    let query = Statement::new("SELECT model, tables FROM read_model_layouts ORDER BY model", vec![]);
    let rows = deps.sql.read(vec![query]).await?.into_iter().flat_map(|rows| rows.rows);
    let read = |row: Vec<SqlValue>| {
        let tables = row[1].text()?.split_whitespace().map(str::to_owned).collect();
        Some((row[0].text()?.to_owned(), tables))
    };
    Ok(rows.filter_map(read).filter(|(key, _)| !own.contains(key)).collect())
}

async fn other_charts(deps: &Deps) -> Result<Vec<DocumentHome>, Failure> {
    let own = deps.projection(chart::MODEL.name).map(|projection| projection.model.layout());
    let mut others = Vec::new();
    for layout in layouts_of_charts(deps.documents.as_ref()).await? {
        let home = DocumentHome::in_layout(Arc::clone(&deps.documents), &chart::MODEL, layout.clone());
        if Some(&layout) != own.as_ref() && home.stored().await?.is_some() {
            others.push(home);
        }
    }
    Ok(others)
}

async fn layouts_of_charts(documents: &dyn DocumentStore) -> Result<Vec<String>, Failure> {
    let found = documents.query(LAYOUTS_KEY, "", None, LAYOUTS_MAX).await?;
    Ok(found.items.into_iter().map(|item| item.key.sort_key).collect())
}
