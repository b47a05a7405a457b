//! What read models there are and how far each has come, asked of the stores alone.

use std::sync::Arc;

use carelog_domain::ports::{DocumentStore, Failure, SqlStore};

use crate::check;
use crate::document_home::DocumentHome;
use crate::home::{Home, Mark};
use crate::projection::ALL;
use crate::running;
use crate::sql_home::SqlHome;
use crate::start::{Deps, filled, line};
use crate::state::{Doing, Line};

/// Every read model and partition, for a program that does not run. (A running one has
/// [`registry`](crate::Projections::registry).)
///
/// # Errors
/// When a port cannot.
pub async fn list(deps: &Deps) -> Result<Vec<Line>, Failure> {
    let heads = deps.log.head().await?;
    let mut lines = Vec::new();
    for projection in ALL {
        let home = deps.home(projection);
        let Some(set) = home.live().await? else { continue };
        let faults = running::faults(deps.sql.as_ref()).await?;
        for mark in filled(home.marks(set).await?, deps.log.partitions()) {
            let fault = faults.standing(projection.model.name, &mark);
            let doing = match (check::compare(deps.log.as_ref(), &mark).await?, fault) {
                (Some(message), _) => Doing::Diverged { message },
                (None, Some(fault)) => Doing::Stopped(fault.clone()),
                (None, None) => Doing::Running,
            };
            lines.push(line(projection.model.name, set.word(), mark.size, &mark, &heads, doing));
        }
    }
    Ok(lines)
}

/// The checkpoints of all live sets, for whoever opens a log: one that is behind any of them has lost events.
///
/// # Errors
/// When a store cannot be read.
pub async fn checkpoints(
    sql: &Arc<dyn SqlStore>,
    documents: &Arc<dyn DocumentStore>,
) -> Result<Vec<(&'static str, Mark)>, Failure> {
    let mut found = Vec::new();
    for projection in ALL {
        let model = projection.model;
        let home: Box<dyn Home> = if model.documents {
            Box::new(DocumentHome::new(Arc::clone(documents), model))
        } else {
            Box::new(SqlHome { store: Arc::clone(sql), model })
        };
        if let Some(set) = home.live().await? {
            found.extend(home.marks(set).await?.into_iter().map(|mark| (model.name, mark)));
        }
    }
    Ok(found)
}
