//! What the landing page shows, and whether the platform is ready.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use carelog_domain::ports::{Failure, Rows, Statement};
use carelog_schemas::read_models::{SetState, named};
use serde_json::{Value, json};

use super::{Answer, Operations, to_json};

/// What a read model does that follows the log.
const RUNNING: &str = "running";

/// What one does that is not shown yet.
const FILLING: &str = "filling";

/// How long the counts of the landing page are shown before they are counted again.
const COUNTED_FOR: Duration = Duration::from_secs(1);

/// What is counted, of which read model, by a query each.
const COUNTS: [(&str, &str, &str); 6] = [
    ("hospitals", "practitioners", "SELECT COUNT(*) FROM {hospitals}"),
    ("practitioners", "practitioners", "SELECT COUNT(*) FROM {practitioners}"),
    ("patients", "patients", "SELECT COUNT(*) FROM {patients}"),
    ("appointments", "appointments", "SELECT COUNT(*) FROM {appointments}"),
    ("visits that took place", "appointments", "SELECT COUNT(*) FROM {appointments} WHERE status = 'fulfilled'"),
    ("invoices issued", "invoices", "SELECT COUNT(*) FROM {invoices} WHERE number IS NOT NULL"),
];

impl Operations {
    /// Version, uptime, counts and read models; counted at most once in [`COUNTED_FOR`] however many ask.
    pub(crate) async fn status(&self) -> Answer {
        let mut counted = self.counted.lock().await;
        match &*counted {
            Some((at, status)) if at.elapsed() < COUNTED_FOR => Ok(status.clone()),
            _ => {
                let status = self.count().await?;
                *counted = Some((Instant::now(), status.clone()));
                Ok(status)
            }
        }
    }

    async fn count(&self) -> Answer {
        let heads = self.platform.log.head().await?;
        let events: u64 = heads.iter().map(|head| head.size).sum();
        let mut counts: Vec<Value> = vec![json!({ "name": "events", "count": events })];
        let mut trouble = self.readiness().trouble;
        let mut models = Vec::new();
        match self.counted_rows().await {
            Ok((rows, of_models)) => {
                counts.extend(rows);
                models = of_models;
            }
            Err(failure) => {
                tracing::warn!(error = &failure as &dyn std::error::Error, "nothing can be counted");
                trouble.push("nothing can be counted now".to_owned());
            }
        }
        Ok(json!({
            "version": concat!("Carelog ", env!("CARGO_PKG_VERSION")),
            "home": format!("{}, without authentication", self.platform.home),
            "partitions": heads.len(),
            "uptime": duration(self.platform.started.elapsed().as_secs()),
            "counts": counts,
            "readModels": models,
            "trouble": trouble,
        }))
    }

    /// What the read models hold, and how each stands: both are asked of their stores.
    async fn counted_rows(&self) -> Result<(Vec<Value>, Vec<Value>), Failure> {
        let models: Vec<&str> = COUNTS.iter().map(|(_, model, _)| *model).collect();
        let counts = COUNTS.iter().map(|(_, _, sql)| Statement::new(named(sql), vec![]));
        let found = self.platform.sql.read(counts.chain([SetState::query_of(&models)]).collect()).await?;
        let Some((states, found)) = found.split_last() else { return Ok((vec![], vec![])) };
        // What is being filled is not all there is, and is not shown.
        let filled = SetState::filled(states);
        let shown = COUNTS.iter().zip(found).filter(|((_, model, _), _)| filled.contains(model));
        let count = |rows: &Rows| rows.rows.first().and_then(|row| row.first()?.int()).unwrap_or_default();
        let counts = shown.map(|((name, ..), rows)| json!({ "name": name, "count": count(rows) })).collect();
        let lines = self.lines().await?;
        let mut models: BTreeMap<&str, (u64, Vec<String>)> = BTreeMap::new();
        for line in &lines {
            let model = models.entry(&line.model).or_default();
            model.0 += line.lag();
            let state = to_json(line)["state"].as_str().unwrap_or_default().to_owned();
            match state.as_str() {
                RUNNING => {}
                FILLING if model.1.contains(&state) => {} // It is of all partitions together.
                FILLING => model.1.push(state),
                _ => model.1.push(format!("{state} in partition {}", line.partition)),
            }
        }
        let brief = |(name, (behind, trouble)): (&str, (u64, Vec<String>))| {
            let state = if trouble.is_empty() { RUNNING.to_owned() } else { trouble.join(", ") };
            json!({ "name": name, "state": state, "behind": behind })
        };
        Ok((counts, models.into_iter().map(brief).collect()))
    }

    /// Whether requests should come here, and what does not work. A process is ready as long as it can take commands: of
    /// a store that is away, or a read model that stands still, every node would say the same, and sending nobody
    /// anywhere would stop what can go on without them. How far a read model is behind is another question.
    pub(crate) fn readiness(&self) -> Readiness {
        let mut trouble = Vec::new();
        let log = self.platform.engine.failure();
        if let Some(why) = &log {
            tracing::error!(why, "the log stopped");
            trouble.push("the log stopped: the reason is in this process's log lines".to_owned());
        }
        let (mut in_touch, mut filling, mut catching_up) = (true, BTreeSet::new(), BTreeSet::new());
        if let Some(roles) = &self.platform.roles {
            in_touch = roles.watch.log_answers();
            trouble.extend(roles.watch.silent());
            let standing: Vec<&str> = roles.projections.standing().into_iter().collect();
            if !standing.is_empty() {
                trouble.push(format!("read models stand still: {}", standing.join(", ")));
            }
            (filling, catching_up) = (roles.projections.filling(), roles.projections.catching_up());
            if !filling.is_empty() {
                trouble.push(format!(
                    "read models are being filled and not shown yet: {}",
                    Vec::from_iter(filling.iter().copied()).join(", ")
                ));
            }
            let unpublished = roles.publisher.iter().flat_map(|publisher| publisher.troubles());
            trouble
                .extend(unpublished.map(|(partition, why)| format!("partition {partition} is not published: {why}")));
        }
        let leaving = self.platform.leaving.load(Ordering::Acquire);
        if leaving {
            trouble.push("stopping".to_owned());
        }
        Readiness { takes_commands: log.is_none() && in_touch && !leaving, filling, catching_up, trouble }
    }
}

/// What a balancer and an operator want to know.
pub(crate) struct Readiness {
    pub(crate) takes_commands: bool,
    /// The read models that are filled for the first time and show nothing, whereas processes of the version before an
    /// upgrade show theirs.
    pub(crate) filling: BTreeSet<&'static str>,
    /// Those, and the ones that show what is old: they have not come to where the log ended when this process began.
    pub(crate) catching_up: BTreeSet<&'static str>,
    /// In sentences, each naming what it is about.
    pub(crate) trouble: Vec<String>,
}

fn duration(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min"),
        (0, _, _) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}
