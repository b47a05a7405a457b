//! Stores that can be held up or made to fail, to stand where a test wants to look.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use carelog_domain::kernel::Purpose;
use carelog_domain::ports::{
    BoxFuture, DataKey, Document, DocumentKey, DocumentStore, DocumentWrite, Failure, KeyId, KeyState, KeyStore, Page,
    Rows, SqlStore, SqlValue, Statement,
};
use carelog_schemas::read_models::key;
use tokio::sync::watch;
use uuid::Uuid;

type Chosen = Box<dyn Fn(&Statement) -> bool + Send + Sync>;

/// A read store whose chosen writes fail, or are carried out but not answered until the gate is opened. A lame one says of
/// every chosen write twice that it failed: first nothing was done, then all of it.
pub(crate) struct GatedSql {
    inner: Arc<dyn SqlStore>,
    chosen: Chosen,
    stance: watch::Sender<Stance>,
    arrived: watch::Sender<bool>,
    asked: AtomicU32,
}

#[derive(Clone, Copy, PartialEq)]
enum Stance {
    Open,
    Held,
    Failing,
    Lame,
}

impl GatedSql {
    pub(crate) fn new(inner: &Arc<dyn SqlStore>, chosen: impl Fn(&Statement) -> bool + Send + Sync + 'static) -> Self {
        GatedSql {
            inner: Arc::clone(inner),
            chosen: Box::new(chosen),
            stance: watch::Sender::new(Stance::Open),
            arrived: watch::Sender::new(false),
            asked: AtomicU32::new(0),
        }
    }

    pub(crate) fn hold(&self) {
        self.stance.send_replace(Stance::Held);
    }

    pub(crate) fn fail(&self) {
        self.stance.send_replace(Stance::Failing);
    }

    pub(crate) fn lame(&self) {
        self.stance.send_replace(Stance::Lame);
    }

    pub(crate) fn open(&self) {
        self.stance.send_replace(Stance::Open);
    }

    /// How often a chosen write was asked for.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst) as usize
    }

    /// Waits until a chosen write was carried out and is held back.
    pub(crate) async fn arrived(&self) {
        let mut arrived = self.arrived.subscribe();
        let arrived = arrived.wait_for(|arrived| *arrived);
        tokio::time::timeout(Duration::from_secs(20), arrived).await.expect("it comes").expect("the gate lives");
    }
}

impl SqlStore for GatedSql {
    fn write(&self, statements: Vec<Statement>) -> BoxFuture<'_, Result<Vec<u64>, Failure>> {
        if !statements.iter().any(|statement| (self.chosen)(statement)) {
            return self.inner.write(statements);
        }
        Box::pin(async move {
            let failed = || Err(Failure::passing("gate", "closed by the test"));
            let stance = *self.stance.borrow();
            let asked = self.asked.fetch_add(1, Ordering::SeqCst);
            if stance == Stance::Failing || stance == Stance::Lame && asked.is_multiple_of(3) {
                return failed();
            }
            let written = self.inner.write(statements).await;
            if stance == Stance::Lame && asked % 3 == 1 {
                return failed();
            }
            if *self.stance.borrow() == Stance::Held {
                self.arrived.send_replace(true);
                self.stance.subscribe().wait_for(|stance| *stance == Stance::Open).await.expect("the gate lives");
            }
            written
        })
    }

    fn read(&self, queries: Vec<Statement>) -> BoxFuture<'_, Result<Vec<Rows>, Failure>> {
        self.inner.read(queries)
    }
}

/// True for the checkpoint of a read model.
pub(crate) fn moves_checkpoint_of(model: &'static str) -> impl Fn(&Statement) -> bool {
    let model = SqlValue::from(key(model));
    move |statement| {
        statement.sql.contains("read_model_checkpoints")
            && statement.expect.is_some()
            && statement.parameters.first() == Some(&model)
    }
}

/// A document store that counts how often checkpoints are written, and can refuse it.
pub(crate) struct GatedDocuments {
    pub(crate) inner: Arc<dyn DocumentStore>,
    pub(crate) refusing: AtomicBool,
    pub(crate) refused: AtomicU32,
    pub(crate) written: AtomicU32,
}

impl DocumentStore for GatedDocuments {
    fn write(&self, writes: Vec<DocumentWrite>) -> BoxFuture<'_, Result<(), Failure>> {
        if writes.iter().any(|write| write.key.partition_key.starts_with("checkpoints__")) {
            if self.refusing.load(Ordering::SeqCst) {
                self.refused.fetch_add(1, Ordering::SeqCst);
                return Box::pin(std::future::ready(Err(Failure::passing("gate", "closed by the test"))));
            }
            self.written.fetch_add(1, Ordering::SeqCst);
        }
        self.inner.write(writes)
    }

    fn get(&self, key: &DocumentKey) -> BoxFuture<'_, Result<Option<Document>, Failure>> {
        self.inner.get(key)
    }

    fn query(
        &self,
        partition_key: &str,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Page, Failure>> {
        self.inner.query(partition_key, prefix, after, limit)
    }

    fn scan(&self, table: &str, after: Option<&DocumentKey>, limit: usize) -> BoxFuture<'_, Result<Page, Failure>> {
        self.inner.scan(table, after, limit)
    }

    fn clear(&self, table: &str) -> BoxFuture<'_, Result<(), Failure>> {
        self.inner.clear(table)
    }

    fn flush(&self) -> BoxFuture<'_, Result<(), Failure>> {
        self.inner.flush()
    }
}

/// A key store that stops answering.
pub(crate) struct GatedKeys {
    pub(crate) inner: Arc<dyn KeyStore>,
    pub(crate) closed: AtomicBool,
}

impl KeyStore for GatedKeys {
    fn sealing_key(&self, subject: Uuid, purpose: Purpose) -> BoxFuture<'_, Result<(KeyId, DataKey), Failure>> {
        self.inner.sealing_key(subject, purpose)
    }

    fn opening_key(&self, id: KeyId) -> BoxFuture<'_, Result<KeyState, Failure>> {
        if self.closed.load(Ordering::SeqCst) {
            return Box::pin(std::future::ready(Err(Failure::passing("gate", "closed by the test"))));
        }
        self.inner.opening_key(id)
    }

    fn erase(&self, subject: Uuid, purpose: Purpose) -> BoxFuture<'_, Result<(), Failure>> {
        self.inner.erase(subject, purpose)
    }

    fn keyed_hash(&self, domain: &str, data: &[u8]) -> [u8; 32] {
        self.inner.keyed_hash(domain, data)
    }
}
