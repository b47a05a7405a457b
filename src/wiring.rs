//! How the parts are put together: a function per role. The only place that knows every adapter.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use carelog_blob::ObjectBlobs;
use carelog_clock::SystemClock;
use carelog_command_api::WriteSide;
use carelog_documents::SledDocuments;
use carelog_domain::ports::{BlobStore, Clock, CommandBus, DocumentStore, EventLog, KeyStore, LabReader, SqlStore};
use carelog_event_log::{LocalLog, Options};
use carelog_keys::FileKeyStore;
use carelog_lab_pdf::{ChildLabReader, Limits};
use carelog_projections::Projections;
use carelog_sagas::{SagaEngine, SagasConfig};

use crate::homes;
use crate::settings::Settings;

/// How many lab reports are read at once; each is a process of its own.
const LAB_REPORTS_AT_ONCE: usize = 2;

/// The stores of a process, and the roles that run on them.
pub(crate) struct Platform {
    /// The engine itself, for verification and numbers.
    pub(crate) local_log: Arc<LocalLog>,
    pub(crate) log: Arc<dyn EventLog>,
    pub(crate) keys: Arc<dyn KeyStore>,
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
}

/// What works by itself.
pub(crate) struct Roles {
    pub(crate) projections: Arc<Projections>,
    pub(crate) sagas: Arc<SagaEngine>,
}

impl Platform {
    /// Opens the data folder and starts every role.
    pub(crate) async fn start(settings: &Settings) -> anyhow::Result<Platform> {
        let mut platform = Platform::open(settings).await?;
        check_checkpoints(&platform.local_log, &platform.sql, &platform.documents).await?;
        let projections = Projections::start(platform.read_deps.clone()).await;
        let projections = projections.context("the read models could not start")?;
        let sagas = start_sagas(&platform).await?;
        platform.roles = Some(Roles { projections, sagas });
        Ok(platform)
    }

    /// Opens the data folder; nothing runs and nothing is written unless it is asked for.
    pub(crate) async fn open(settings: &Settings) -> anyhow::Result<Platform> {
        let started = Instant::now();
        let folder = &settings.data;
        std::fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let local_log = Arc::new(open_log(folder, settings.partitions, clock.clone())?);
        let log: Arc<dyn EventLog> = local_log.clone();
        let keys: Arc<dyn KeyStore> = Arc::new(FileKeyStore::open(&folder.join("keys"))?);
        let blobs: Arc<dyn BlobStore> = Arc::new(ObjectBlobs::in_folder(&folder.join("blobs"))?);
        let sql = homes::sql(settings, folder).await?;
        let documents: Arc<dyn DocumentStore> = Arc::new(SledDocuments::open(folder.join("documents"))?);
        let bus = WriteSide::new(log.clone(), keys.clone(), clock.clone());
        let home = homes::described(settings);
        let read_deps = carelog_projections::Deps {
            log: log.clone(),
            keys: keys.clone(),
            sql: sql.clone(),
            documents: documents.clone(),
            clock: clock.clone(),
        };
        Ok(Platform { local_log, log, keys, blobs, sql, documents, clock, bus, read_deps, roles: None, home, started })
    }

    /// Stops every role, sagas first: what was acknowledged is kept, what is half done is done again after a start.
    pub(crate) async fn stop(&self) {
        if let Some(roles) = &self.roles {
            roles.sagas.stop().await;
            roles.projections.stop().await;
        }
        let log = self.local_log.clone();
        if tokio::task::spawn_blocking(move || log.close()).await.is_err() {
            tracing::error!("the log did not close in order");
        }
    }
}

/// Opens the log of a data folder.
pub(crate) fn open_log(folder: &Path, partitions: Option<u16>, clock: Arc<dyn Clock>) -> anyhow::Result<LocalLog> {
    let options = Options { partitions: partitions.unwrap_or_default(), ..Options::new(folder.join("log"), clock) };
    LocalLog::open(options).context("the log could not be opened")
}

/// Stops a start on a log that is shorter than a read model has seen, or that has another history: nothing may be
/// acknowledged on top of it before somebody has looked.
async fn check_checkpoints(
    log: &LocalLog,
    sql: &Arc<dyn SqlStore>,
    documents: &Arc<dyn DocumentStore>,
) -> anyhow::Result<()> {
    for (model, mark) in carelog_projections::operations::checkpoints(sql, documents).await? {
        if mark.size == 0 {
            continue;
        }
        log.verify_checkpoint(&format!("read model {model}"), mark.partition, mark.size, mark.root)?;
    }
    Ok(())
}

async fn start_sagas(platform: &Platform) -> anyhow::Result<Arc<SagaEngine>> {
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
        config: SagasConfig { lab_reports_at_once: LAB_REPORTS_AT_ONCE, ..SagasConfig::default() },
    });
    engine.await.context("the sagas could not start")
}
