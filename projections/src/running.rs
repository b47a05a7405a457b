//! A read model while the program runs: its projection, home, live set, progress and states.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use carelog_domain::kernel::{Partition, Position};
use carelog_domain::ports::{Failure, SqlStore, Statement};
use parking_lot::Mutex;
use tokio::sync::{Notify, RwLock, watch};

use crate::home::{Home, Mark, Stored};
use crate::operations::Report;
use crate::projection::Registered;
use crate::start::filled;
use crate::state::{Doing, Fault};
use carelog_schemas::read_models::{Set, named};

/// A read model that is being kept up.
pub(crate) struct Running {
    pub(crate) projection: &'static Registered,
    key: String,
    pub(crate) home: Arc<dyn Home>,
    /// Whether it was ever filled up to the log's end.
    filled: AtomicBool,
    /// Whether it has come to where the log ended when this process began, or stands still before that.
    caught_up: AtomicBool,
    /// The live set. Workers hold it to read while they write; whoever switches takes it alone.
    pub(crate) live: RwLock<Live>,
    /// The same, for whoever writes nothing: a comparison may hold the other for minutes.
    pub(crate) switched: watch::Sender<Live>,
    /// How many frames were applied, by partition.
    pub(crate) progress: watch::Sender<Vec<u64>>,
    doing: Mutex<Vec<Doing>>,
    /// True when everything stops.
    pub(crate) stopping: watch::Receiver<bool>,
    /// Held by the one operation that may rebuild, compare or switch sets.
    pub(crate) operating: Arc<tokio::sync::Mutex<()>>,
    /// How far that operation has come.
    pub(crate) underway: Mutex<Option<Report>>,
    /// One for each partition.
    pub(crate) retry: Vec<Notify>,
}

/// The live set, and how often it was switched.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Live {
    pub(crate) set: Set,
    pub(crate) generation: u64,
}

impl Running {
    /// A read model as its store has it.
    pub(crate) fn new(
        projection: &'static Registered,
        home: Arc<dyn Home>,
        stored: Stored,
        partitions: u16,
        stopping: watch::Receiver<bool>,
    ) -> Running {
        let live = Live { set: stored.set, generation: 0 };
        let marks = filled(stored.marks, partitions);
        Running {
            projection,
            key: projection.model.key(),
            home,
            filled: AtomicBool::new(stored.filled),
            caught_up: AtomicBool::new(false),
            live: RwLock::new(live),
            switched: watch::Sender::new(live),
            progress: watch::Sender::new(marks.iter().map(|mark| mark.size).collect()),
            doing: Mutex::new(marks.iter().map(|_| Doing::Running).collect()),
            stopping,
            operating: Arc::default(),
            underway: Mutex::default(),
            retry: marks.iter().map(|_| Notify::new()).collect(),
        }
    }

    /// The read model in its layout, as bookkeeping names it.
    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    pub(crate) fn is_filled(&self) -> bool {
        self.filled.load(Ordering::Acquire)
    }

    pub(crate) fn note_filled(&self) {
        self.filled.store(true, Ordering::Release);
    }

    pub(crate) fn is_caught_up(&self) -> bool {
        self.caught_up.load(Ordering::Acquire)
    }

    pub(crate) fn note_caught_up(&self) {
        self.caught_up.store(true, Ordering::Release);
    }

    pub(crate) fn name(&self) -> &'static str {
        self.projection.model.name
    }

    pub(crate) fn doing(&self, partition: Partition) -> Doing {
        self.doing.lock()[usize::from(partition.0)].clone()
    }

    pub(crate) fn set_doing(&self, partition: Partition, doing: Doing) {
        self.doing.lock()[usize::from(partition.0)] = doing;
    }

    pub(crate) fn reached(&self, mark: &Mark) {
        self.progress.send_if_modified(|sizes| {
            let Some(size) = sizes.get_mut(usize::from(mark.partition.0)) else { return false };
            let moved = *size != mark.size;
            *size = mark.size;
            moved
        });
    }

    /// The live set.
    pub(crate) fn live_now(&self) -> Live {
        *self.switched.borrow()
    }

    /// The live set, after taking note of which one the store says it is: another process may have switched.
    pub(crate) async fn follow_live(&self, found: Set) -> Result<Live, Failure> {
        let known = self.live_now();
        if known.set == found {
            return Ok(known);
        }
        // A switch of this process holds the lock while it changes the store: only what is found now counts.
        let mut live = self.live.write().await;
        if let Some(stored) = self.home.stored().await?
            && stored.set != live.set
        {
            tracing::info!(model = self.name(), set = stored.set.word(), "another process has switched to this set");
            self.switch(&mut live, stored.set);
        }
        Ok(*live)
    }

    /// Takes note of which set the store says is the live one.
    pub(crate) async fn follow_stored(&self) -> Result<(), Failure> {
        if let Some(stored) = self.home.stored().await? {
            self.follow_live(stored.set).await?;
        }
        Ok(())
    }

    /// Another set is the live one from now on. What was left to be made durable of the one that was is forgotten: when
    /// that set is filled anew, it would be taken for a part of it.
    pub(crate) fn switch(&self, live: &mut Live, set: Set) {
        (0..self.retry.len() as u16).for_each(|partition| self.home.forget(live.set, Partition(partition)));
        *live = Live { set, generation: live.generation + 1 };
        self.switched.send_replace(*live);
    }

    /// Lets stopped partitions try again: all of them, or those stopped at one of these positions.
    pub(crate) fn retry(&self, positions: Option<&BTreeSet<Position>>) -> usize {
        let doing = self.doing.lock().clone();
        let stopped = doing.iter().zip(&self.retry).filter(|(doing, _)| match doing {
            Doing::Stopped(fault) => positions.is_none_or(|positions| positions.contains(&fault.position)),
            _ => false,
        });
        stopped.map(|(_, retry)| retry.notify_one()).count()
    }
}

impl Running {
    /// Partitions that did not start because of their checkpoint may look again.
    pub(crate) fn resume(&self) {
        let doing = self.doing.lock().clone();
        let halted = doing.iter().zip(&self.retry).filter(|(doing, _)| !matches!(doing, Doing::Running));
        halted.for_each(|(_, retry)| retry.notify_one());
    }
}

/// The events that operators let projections skip, by read model.
#[derive(Default)]
pub(crate) struct Skipped(Mutex<HashMap<String, BTreeSet<Position>>>);

impl Skipped {
    pub(crate) fn contains(&self, model: &str, position: Position) -> bool {
        self.0.lock().get(model).is_some_and(|positions| positions.contains(&position))
    }

    pub(crate) fn of(&self, model: &str) -> BTreeSet<Position> {
        self.0.lock().get(model).cloned().unwrap_or_default()
    }

    /// Reads what the read model `skips` knows.
    pub(crate) async fn refresh(&self, store: &dyn SqlStore) -> Result<(), Failure> {
        let query = Statement::new(named("SELECT model, position FROM {skipped_events}"), vec![]);
        let found = store.read(vec![query]).await?;
        let mut skipped: HashMap<String, BTreeSet<Position>> = HashMap::new();
        for row in found.iter().flat_map(|rows| &rows.rows) {
            let position = row[1].text().and_then(|text| text.parse().ok());
            if let (Some(model), Some(position)) = (row[0].text(), position) {
                skipped.entry(model.to_owned()).or_default().insert(position);
            }
        }
        *self.0.lock() = skipped;
        Ok(())
    }
}

/// Events that stopped projections, kept so that they can be listed when the program does not run. A read model is named by
/// its key here: an event that one layout cannot take another may.
pub(crate) async fn record_fault(store: &dyn SqlStore, model: &str, fault: &Fault) -> Result<(), Failure> {
    let parameters = vec![
        model.into(),
        i64::from(fault.position.partition.0).into(),
        crate::change::int(fault.position.offset),
        crate::change::text(fault.event),
        fault.event_type.as_str().into(),
        fault.message.as_str().into(),
    ];
    let sql = "INSERT INTO read_model_faults (model, partition, position, event, event_type, message) \
               VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (model, partition) DO UPDATE SET \
               position = excluded.position, event = excluded.event, event_type = excluded.event_type, \
               message = excluded.message";
    store.write(vec![Statement::new(sql, parameters)]).await.map(|_| ())
}

/// Forgets the faults of a read model, so that whoever stopped at them tries again, in whichever process; returns how
/// many there were.
pub(crate) async fn forget_faults(store: &dyn SqlStore, model: &str) -> Result<usize, Failure> {
    let sql = "DELETE FROM read_model_faults WHERE model = $1";
    let forgotten = store.write(vec![Statement::new(sql, vec![model.into()])]).await?;
    Ok(forgotten.first().map_or(0, |rows| usize::try_from(*rows).unwrap_or(usize::MAX)))
}

/// Forgets a fault that is over.
pub(crate) async fn forget_fault(store: &dyn SqlStore, model: &str, partition: Partition) -> Result<(), Failure> {
    let sql = "DELETE FROM read_model_faults WHERE model = $1 AND partition = $2";
    let parameters = vec![model.into(), i64::from(partition.0).into()];
    store.write(vec![Statement::new(sql, parameters)]).await.map(|_| ())
}

/// The faults on record, by read model and partition. One stands only while the checkpoint has not passed its event:
/// the record is deleted after the checkpoint has moved, so what lies below it is over and not deleted yet.
pub(crate) struct Faults(BTreeMap<(String, Partition), Fault>);

impl Faults {
    /// What stops a read model at this mark.
    pub(crate) fn standing(&self, model: &str, mark: &Mark) -> Option<&Fault> {
        self.of(model, mark.partition).filter(|fault| fault.position.offset >= mark.size)
    }

    /// True when the mark has passed what is on record.
    pub(crate) fn is_over(&self, model: &str, mark: &Mark) -> bool {
        self.of(model, mark.partition).is_some_and(|fault| fault.position.offset < mark.size)
    }

    /// What is on record of a partition.
    pub(crate) fn of(&self, model: &str, partition: Partition) -> Option<&Fault> {
        self.0.get(&(model.to_owned(), partition))
    }
}

/// The faults on record. Whoever compares them with marks reads the marks afterwards.
pub(crate) async fn faults(store: &dyn SqlStore) -> Result<Faults, Failure> {
    let query =
        Statement::new("SELECT model, partition, position, event, event_type, message FROM read_model_faults", vec![]);
    let found = store.read(vec![query]).await?;
    let read = |row: &Vec<carelog_domain::ports::SqlValue>| {
        let partition = Partition(u16::try_from(row[1].int()?).ok()?);
        let offset = u64::try_from(row[2].int()?).ok()?;
        let fault = Fault {
            position: Position { partition, offset },
            event: row[3].text()?.parse().ok()?,
            event_type: row[4].text()?.to_owned(),
            message: row[5].text()?.to_owned(),
        };
        Some(((row[0].text()?.to_owned(), partition), fault))
    };
    Ok(Faults(found.iter().flat_map(|rows| &rows.rows).filter_map(read).collect()))
}
