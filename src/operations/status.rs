//! What the landing page shows, and whether the platform is ready.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use carelog_domain::ports::Statement;
use carelog_projections::Doing;
use serde_json::{Value, json};

use super::{Answer, Operations, to_json};

/// What a read model does that follows the log.
const RUNNING: &str = "running";

/// How long the counts of the landing page are shown before they are counted again.
const COUNTED_FOR: Duration = Duration::from_secs(1);

/// What is counted, by a query each.
const COUNTS: [(&str, &str); 6] = [
    ("hospitals", "SELECT COUNT(*) FROM hospitals"),
    ("practitioners", "SELECT COUNT(*) FROM practitioners"),
    ("patients", "SELECT COUNT(*) FROM patients"),
    ("appointments", "SELECT COUNT(*) FROM appointments"),
    ("visits that took place", "SELECT COUNT(*) FROM appointments WHERE status = 'fulfilled'"),
    ("invoices issued", "SELECT COUNT(*) FROM invoices WHERE number IS NOT NULL"),
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
        let queries = COUNTS.iter().map(|(_, sql)| Statement::new(*sql, vec![])).collect();
        let found = self.platform.sql.read(queries).await?;
        let count = |index: usize| found[index].rows.first().and_then(|row| row.first()?.int()).unwrap_or_default();
        let heads = self.platform.log.head().await?;
        let events: u64 = heads.iter().map(|head| head.size).sum();
        let mut counts: Vec<Value> = vec![json!({ "name": "events", "count": events })];
        let rows = COUNTS.iter().enumerate();
        counts.extend(rows.map(|(index, (name, _))| json!({ "name": name, "count": count(index) })));
        let lines = self.lines().await?;
        let mut models: BTreeMap<&str, (u64, Vec<String>)> = BTreeMap::new();
        for line in &lines {
            let model = models.entry(&line.model).or_default();
            model.0 += line.lag();
            let state = to_json(line)["state"].as_str().unwrap_or_default().to_owned();
            if state != RUNNING {
                model.1.push(format!("{state} in partition {}", line.partition));
            }
        }
        let brief = |(name, (behind, trouble)): (&str, (u64, Vec<String>))| {
            let state = if trouble.is_empty() { RUNNING.to_owned() } else { trouble.join(", ") };
            json!({ "name": name, "state": state, "behind": behind })
        };
        Ok(json!({
            "version": concat!("Carelog ", env!("CARGO_PKG_VERSION")),
            "home": format!("{}, without authentication", self.platform.home),
            "partitions": heads.len(),
            "uptime": duration(self.platform.started.elapsed().as_secs()),
            "counts": counts,
            "readModels": models.into_iter().map(brief).collect::<Vec<_>>(),
        }))
    }

    /// Why requests should go elsewhere for now, if they should; how far a read model is behind is another question.
    pub(crate) async fn trouble(&self) -> Option<String> {
        if let Some(why) = self.platform.local_log.failure() {
            tracing::error!(why, "the log stopped");
            return Some("the log stopped after a failed write".to_owned());
        }
        let Ok(lines) = self.lines().await else { return Some("a store does not answer".to_owned()) };
        let standing = lines.iter().filter(|line| !matches!(line.doing, Doing::Running));
        let standing: BTreeSet<&str> = standing.map(|line| line.model.as_str()).collect();
        let names: Vec<&str> = standing.into_iter().collect();
        (!names.is_empty()).then(|| format!("read models stand still: {}", names.join(", ")))
    }
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
