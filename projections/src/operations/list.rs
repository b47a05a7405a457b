//! What read models there are and how far each has come, asked of the stores alone.

use carelog_domain::ports::Failure;

use crate::check;
use crate::running;
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
    for projection in deps.read_models {
        let (name, key) = (projection.model.name, projection.model.key());
        let Some(stored) = deps.home(projection).look().await? else { continue };
        let faults = running::faults(deps.sql.as_ref()).await?;
        for mark in filled(stored.marks, deps.log.partitions()) {
            let doing = match (check::compare(deps.log.as_ref(), &mark).await?, faults.standing(&key, &mark)) {
                (Some(message), _) => Doing::Diverged { message },
                (None, Some(fault)) => Doing::Stopped(fault.clone()),
                (None, None) => Doing::Running.shown(stored.filled),
            };
            lines.push(line(name, stored.set.word(), mark.size, &mark, &heads, doing));
        }
    }
    Ok(lines)
}
