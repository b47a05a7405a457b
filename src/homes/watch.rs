//! Which of the stores outside the data folder answer. Each is asked every few seconds beside the traffic, so that
//! whoever wants to know is told at once, however long a store that has gone silent would let them wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use carelog_domain::kernel::Partition;
use carelog_domain::ports::{
    BlobName, BlobStore, BoxFuture, DocumentKey, DocumentStore, EventLog, Failure, SqlStore, Statement,
};
use parking_lot::Mutex;
use tokio::task::JoinHandle;

use crate::settings::Settings;

const ASKED_EVERY: Duration = Duration::from_secs(2);
/// The setting of the log.
const LOG: &str = "event_log";
const ANSWERS_WITHIN: Duration = Duration::from_secs(2);

type Question = Box<dyn Fn() -> BoxFuture<'static, Result<(), Failure>> + Send + Sync>;

/// The stores of a process that another machine keeps.
pub(crate) struct Watch {
    stores: Vec<Arc<Watched>>,
    asking: Mutex<Vec<JoinHandle<()>>>,
}

struct Watched {
    /// The setting that names it.
    name: &'static str,
    /// What it holds and where, and what comes of its silence.
    home: &'static str,
    meanwhile: &'static str,
    ask: Question,
    answers: AtomicBool,
}

/// The stores as ports.
pub(crate) struct Stores {
    pub(crate) sql: Arc<dyn SqlStore>,
    pub(crate) documents: Arc<dyn DocumentStore>,
    pub(crate) blobs: Arc<dyn BlobStore>,
    pub(crate) keys: Option<Arc<dyn SqlStore>>,
    pub(crate) log: Arc<dyn EventLog>,
}

impl Watch {
    /// Begins to ask the stores that the settings name.
    pub(crate) fn start(settings: &Settings, stores: Stores) -> Watch {
        let mut all = Vec::new();
        let mut watch = |name, home: Option<&'static str>, meanwhile, ask| {
            all.extend(
                home.map(|home| Arc::new(Watched { name, home, meanwhile, ask, answers: AtomicBool::new(true) })),
            );
        };
        let Stores { sql, documents, blobs, keys, log } = stores;
        let meanwhile = "this process takes no command and tells nothing that might be old; it goes on by itself";
        watch(LOG, super::log::described(settings), meanwhile, ask_log(log));
        let meanwhile = "read models wait and most queries fail; commands go on";
        watch("sql", super::sql::described(settings), meanwhile, ask_sql(sql));
        let meanwhile = "charts wait and cannot be read; commands, sagas and other queries go on";
        watch("documents", super::documents::described(settings), meanwhile, ask_documents(documents));
        let meanwhile = "files are neither taken nor read; everything else goes on";
        watch("blobs", super::blobs::described(settings), meanwhile, ask_blobs(blobs));
        if let Some(keys) = keys {
            let meanwhile =
                "what is personal is neither sealed nor opened after ten seconds; commands without it go on";
            watch("keys", super::keys::described(settings), meanwhile, ask_sql(keys));
        }
        let asking = all.iter().map(|each| tokio::spawn(each.clone().keep_asking())).collect();
        Watch { stores: all, asking: Mutex::new(asking) }
    }

    /// The stores that do not answer now, each with what that means.
    pub(crate) fn silent(&self) -> Vec<String> {
        let silent = self.stores.iter().filter(|store| !store.answers.load(Ordering::Relaxed));
        silent.map(|store| format!("{} ({}) does not answer: {}", store.name, store.home, store.meanwhile)).collect()
    }

    /// Whether this process is in touch with the log.
    pub(crate) fn log_answers(&self) -> bool {
        self.stores.iter().all(|store| store.name != LOG || store.answers.load(Ordering::Relaxed))
    }

    /// Asks no more.
    pub(crate) fn stop(&self) {
        self.asking.lock().drain(..).for_each(|asking| asking.abort());
    }
}

impl Watched {
    async fn keep_asking(self: Arc<Self>) {
        loop {
            let answer = match tokio::time::timeout(ANSWERS_WITHIN, (self.ask)()).await {
                Ok(answer) => answer,
                Err(_) => Err(Failure::passing("store", format!("no answer within {} s", ANSWERS_WITHIN.as_secs()))),
            };
            let answers = answer.is_ok();
            let before = self.answers.swap(answers, Ordering::Relaxed);
            metrics::gauge!("carelog_store_answers", "store" => self.name).set(f64::from(u8::from(answers)));
            match answer {
                Err(failure) if before => {
                    let error: &dyn std::error::Error = &failure;
                    tracing::warn!(store = self.name, home = self.home, error, "does not answer: {}", self.meanwhile);
                }
                Ok(()) if !before => tracing::info!(store = self.name, home = self.home, "answers again"),
                _ => {}
            }
            tokio::time::sleep(ASKED_EVERY).await;
        }
    }
}

fn ask_log(log: Arc<dyn EventLog>) -> Question {
    Box::new(move || {
        let log = log.clone();
        Box::pin(async move {
            let all = (0..log.partitions()).map(|number| log.catch_up(Partition(number)));
            futures::future::try_join_all(all).await.map(drop)
        })
    })
}

fn ask_sql(store: Arc<dyn SqlStore>) -> Question {
    Box::new(move || {
        let store = store.clone();
        Box::pin(async move { store.read(vec![Statement::new("SELECT 1", vec![])]).await.map(drop) })
    })
}

fn ask_documents(store: Arc<dyn DocumentStore>) -> Question {
    Box::new(move || {
        let store = store.clone();
        let nothing = DocumentKey { partition_key: "watch#nothing".to_owned(), sort_key: "is here".to_owned() };
        Box::pin(async move { store.get(&nothing).await.map(drop) })
    })
}

fn ask_blobs(store: Arc<dyn BlobStore>) -> Question {
    Box::new(move || {
        let store = store.clone();
        Box::pin(async move { store.get(&BlobName::of(b"nobody ever kept this")).await.map(drop) })
    })
}
