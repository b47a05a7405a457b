//! How the parts are put together: a function per role. The only place that knows every adapter.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use anyhow::Context;
use carelog_clock::SystemClock;
use carelog_command_api::WriteSide;
use carelog_command_api::nodes::{self, NodeCommands};
use carelog_domain::kernel::Partition;
use carelog_domain::ports::{
    Answers, Authenticator, BlobStore, Clock, CommandBus, DocumentStore, EventLog, KeyStore, LabReader, Peers, SqlStore,
};
use carelog_kafka::{APPENDS, Appending};
use carelog_lab_pdf::{ChildLabReader, Limits};
use carelog_peers::{Answering, HttpPeers};
use carelog_projections::Projections;
use carelog_publisher::PublisherRunner;
use carelog_sagas::{SagaEngine, SagasConfig};
use carelog_schemas::read_models;
use futures::future;

use crate::roles::Role;
use crate::settings::Settings;
use crate::{homes, publisher};

/// How many lab reports are read at once; each is a process of its own.
const LAB_REPORTS_AT_ONCE: usize = 2;

/// The stores of a process, and the roles that run on them.
pub(crate) struct Platform {
    /// The engine itself, for verification and numbers.
    pub(crate) engine: homes::Log,
    pub(crate) log: Arc<dyn EventLog>,
    pub(crate) keys: Arc<dyn KeyStore>,
    /// Where keys are, unless that is the data folder.
    pub(crate) keys_database: Option<Arc<dyn SqlStore>>,
    pub(crate) blobs: Arc<dyn BlobStore>,
    pub(crate) sql: Arc<dyn SqlStore>,
    pub(crate) documents: Arc<dyn DocumentStore>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) bus: Arc<WriteSide>,
    pub(crate) read_deps: carelog_projections::Deps,
    /// None while a stopped server's folder is only looked at.
    pub(crate) roles: Option<Roles>,
    /// Where its stores are, in a few words.
    pub(crate) home: String,
    pub(crate) started: Instant,
    /// It hands over and stops: requests should go elsewhere.
    pub(crate) leaving: AtomicBool,
}

/// What works by itself.
pub(crate) struct Roles {
    pub(crate) projections: Arc<Projections>,
    pub(crate) sagas: Arc<SagaEngine>,
    /// Which stores answer.
    pub(crate) watch: homes::Watch,
    /// None where there are feeds only.
    pub(crate) publisher: Option<PublisherRunner>,
}

impl Platform {
    /// Opens the data folder and starts every role.
    pub(crate) async fn start(settings: &Settings) -> anyhow::Result<Platform> {
        let mut platform = Platform::on(settings, true).await?;
        check_checkpoints(&platform.engine, &platform.sql, &platform.documents).await?;
        let projections = Projections::start(platform.read_deps.clone()).await;
        let projections = projections.context("the read models could not start")?;
        let sagas = start_sagas(settings, &platform).await?;
        let watch = homes::Watch::start(settings, platform.watched());
        let publisher = publisher::start(settings, &platform).await?;
        platform.roles = Some(Roles { projections, sagas, watch, publisher });
        Ok(platform)
    }

    /// Opens the data folder; nothing runs and nothing is written unless it is asked for.
    pub(crate) async fn open(settings: &Settings) -> anyhow::Result<Platform> {
        Platform::on(settings, false).await
    }

    /// Whoever only looks reads the copy of the log in the folder, wherever else it is.
    async fn on(settings: &Settings, takes_part: bool) -> anyhow::Result<Platform> {
        let started = Instant::now();
        let folder = &settings.data;
        std::fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let opened = homes::keys(settings, folder).await?;
        let (keys, keys_database) = (opened.store, opened.database);
        let peers = peers(settings, &keys, &clock)?;
        let engine = match takes_part {
            true => homes::log(settings, folder, clock.clone(), peers.clone()).await?,
            false => homes::local_log(settings, folder, clock.clone())?,
        };
        let log = engine.port();
        let blobs = homes::blobs(settings, folder).await?;
        let sql = homes::sql(settings, folder).await?;
        let documents = homes::documents(settings, folder).await?;
        let bus = WriteSide::among(log.clone(), keys.clone(), clock.clone(), peers);
        let home = homes::described(settings);
        let read_deps = carelog_projections::Deps {
            log: log.clone(),
            keys: keys.clone(),
            sql: sql.clone(),
            documents: documents.clone(),
            clock: clock.clone(),
            assigned: engine.assignment(settings, Role::Projections)?,
            read_models: carelog_projections::ALL,
            alone: matches!(engine, homes::Log::Local(_)),
        };
        Ok(Platform {
            engine,
            log,
            keys,
            keys_database,
            blobs,
            sql,
            documents,
            clock,
            bus,
            read_deps,
            roles: None,
            home,
            started,
            leaving: AtomicBool::new(false),
        })
    }

    fn watched(&self) -> homes::Stores {
        homes::Stores {
            sql: self.sql.clone(),
            documents: self.documents.clone(),
            blobs: self.blobs.clone(),
            keys: self.keys_database.clone(),
            log: self.log.clone(),
        }
    }

    /// Hands over to other processes on a shared log, so that nobody waits for this one to be missed.
    pub(crate) async fn leave(&self) {
        self.leaving.store(true, Ordering::Release);
        let log = self.engine.clone();
        if tokio::task::spawn_blocking(move || log.leave()).await.is_err() {
            tracing::error!("nothing was handed over in order");
        }
    }

    /// Stops every role, sagas first: what was acknowledged is kept, what is half done is done again after a start.
    pub(crate) async fn stop(&self) {
        if let Some(roles) = &self.roles {
            roles.watch.stop();
            if let Some(publisher) = &roles.publisher {
                publisher.stop().await;
            }
            roles.sagas.stop().await;
            roles.projections.stop().await;
        }
        let log = self.engine.clone();
        if tokio::task::spawn_blocking(move || log.close()).await.is_err() {
            tracing::error!("the log did not close in order");
        }
    }
}

/// The other processes on the log, if it is shared.
fn peers(
    settings: &Settings,
    keys: &Arc<dyn KeyStore>,
    clock: &Arc<dyn Clock>,
) -> anyhow::Result<Option<Arc<dyn Peers>>> {
    let Some(name) = &settings.node else { return Ok(None) };
    let peers = HttpPeers::new(name, keys.clone(), clock.clone()).context("node: the name cannot be used")?;
    Ok(Some(Arc::new(peers)))
}

/// What the other processes on the log ask this one, if it is shared.
pub(crate) fn answering(
    platform: &Platform,
    settings: &Settings,
    authenticator: Arc<dyn Authenticator>,
) -> Option<Arc<Answering>> {
    let (homes::Log::Kafka(log), Some(name)) = (&platform.engine, &settings.node) else { return None };
    let subjects: [(&'static str, Arc<dyn Answers>); 2] = [
        (nodes::SUBJECT, Arc::new(NodeCommands::new(platform.bus.clone(), authenticator))),
        (APPENDS, Arc::new(Appending::to(log.clone()))),
    ];
    Some(Answering::new(name, platform.keys.clone(), platform.clock.clone(), subjects))
}

/// Stops a start on a log that is shorter than a read model has seen, or that has another history: nothing may be
/// acknowledged on top of it before somebody has looked.
async fn check_checkpoints(
    engine: &homes::Log,
    sql: &Arc<dyn SqlStore>,
    documents: &Arc<dyn DocumentStore>,
) -> anyhow::Result<()> {
    let marks = carelog_projections::operations::checkpoints(sql, documents).await?;
    // Other processes may have moved them beyond what this one had read.
    let log = engine.port();
    future::try_join_all((0..log.partitions()).map(|number| log.catch_up(Partition(number)))).await?;
    for (model, mark) in marks.into_iter().filter(|(_, mark)| mark.size > 0) {
        let verified =
            engine.local().verify_checkpoint(&format!("read model {model}"), mark.partition, mark.size, mark.root);
        let is_ours = read_models::MODELS.iter().any(|ours| ours.key() == model);
        match is_ours {
            true => verified?,
            false => verified.context(
                "another version of the program had read more than there is; if this log is the right one, \
                 `carelog projections prune --yes --data FOLDER` removes what that version left",
            )?,
        }
    }
    Ok(())
}

async fn start_sagas(settings: &Settings, platform: &Platform) -> anyhow::Result<Arc<SagaEngine>> {
    let program = std::env::current_exe().context("the path of this program is not known")?;
    let reader: Arc<dyn LabReader> =
        Arc::new(ChildLabReader::new(program, ["read-lab-pdf"], Limits::default(), LAB_REPORTS_AT_ONCE));
    let bus: Arc<dyn CommandBus> = platform.bus.clone();
    let engine = SagaEngine::start(carelog_sagas::Deps {
        log: platform.log.clone(),
        keys: platform.keys.clone(),
        bus,
        documents: platform.documents.clone(),
        blobs: platform.blobs.clone(),
        clock: platform.clock.clone(),
        lab_reader: reader,
        assigned: platform.engine.assignment(settings, Role::Sagas)?,
        config: SagasConfig { lab_reports_at_once: LAB_REPORTS_AT_ONCE, ..SagasConfig::default() },
    });
    engine.await.context("the sagas could not start")
}
