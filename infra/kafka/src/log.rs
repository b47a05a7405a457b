//! The log: a topic that is the truth, its local state, and who may answer, behind the port.

mod port;
mod same_topic;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use carelog_domain::kernel::Partition;
use carelog_domain::ports::{Assigned, Failure};
use carelog_event_log::{Following, LocalLog};
use futures::executor::block_on;
use parking_lot::Mutex;
use rdkafka::error::KafkaError;
use tokio::sync::oneshot::error::RecvError;
use tokio::sync::watch;

use crate::assignment::{self, GroupAssignment};
use crate::ends::{Ends, Held};
use crate::error::{OpenError, Stopped, passing};
use crate::follower::{Follower, Node, Seen};
use crate::local::{self, Local};
use crate::membership::Member;
use crate::options::{Membership, Options};
use crate::pulse::Pulse;
use crate::reader::{Happened, Reader};
use crate::sending::Sending;
use crate::standing::{Role, Standing};
use crate::topic;
use same_topic::Watch;

/// How long other nodes may take to own what a leaving one gives back.
const HANDED_OVER_MAX: Duration = Duration::from_secs(5);

/// A log that several nodes share. Dropping it closes it.
pub struct KafkaLog {
    local: LocalLog,
    node: Arc<Node>,
    seen: Vec<Seen>,
    tell: mpsc::Sender<Happened>,
    pulse: Pulse,
    running: Mutex<Running>,
}

struct Running {
    /// In the groups that share partitions among nodes.
    members: Vec<Member>,
    reader: Option<JoinHandle<()>>,
    shippers: Vec<JoinHandle<()>>,
    watch: Option<Watch>,
}

impl KafkaLog {
    /// Checks the topic, opens the local state, and reads up to where Kafka ends now. Takes as long as that reading;
    /// call it away from the runtime's threads.
    pub fn open(options: Options) -> Result<KafkaLog, OpenError> {
        let home = topic::check(&options)?;
        let Local { log, following, points } = local::open(&options, &home)?;
        let (tell, happened) = mpsc::channel();
        let broken = |what| {
            let bootstrap = options.bootstrap.clone();
            move |source| OpenError::Unreachable { bootstrap, what, source }
        };
        let sending = Sending::new(options.clone(), tell.clone()).map_err(broken("a producer"))?;
        let ends = Ends::start(&options).map_err(broken("a client"))?;
        let pulse = Pulse::new();
        let node = Arc::new(Node { options: options.clone(), sending, ends });
        let (mut followers, mut seen, mut shippers) = (vec![], vec![], vec![]);
        let mut ends = Vec::with_capacity(following.len());
        for Following { applier, .. } in &following {
            let end = ask_patiently(&node, applier.partition());
            let end = end.unwrap_or_else(|_| Err(passing("nobody asks Kafka any more")));
            let end = end.map_err(|_| KafkaError::OffsetFetch(rdkafka::error::RDKafkaErrorCode::OperationTimedOut));
            ends.push((applier, end.map_err(broken("the end of a partition"))?.end));
        }
        let resumed = local::resume_at(&options, &points, &ends);
        let ends: Vec<i64> = ends.into_iter().map(|(_, end)| end).collect();
        for ((Following { applier, outbox }, end), point) in following.into_iter().zip(ends).zip(resumed) {
            let number = applier.partition();
            let (follower, its) = Follower::new(node.clone(), applier, point, end);
            let (owned, shared) = (its.owned.clone(), node.clone());
            let ship = move || shared.sending.ship(number, &outbox, &owned);
            shippers.push(thread("kafka-shipper", ship)?);
            followers.push(follower);
            seen.push(its);
        }
        let reader =
            Reader::new(node.clone(), followers, happened, points, pulse.clone()).map_err(broken("a consumer"))?;
        let watch = Watch::start(&node.options, home.topic_id, tell.clone()).map_err(broken("the id of the topic"))?;
        let reader = Some(thread("kafka-reader", move || reader.run())?);
        let running = Mutex::new(Running { members: vec![], reader, shippers, watch });
        let opened = KafkaLog { local: log, node, seen, tell, pulse, running };
        opened.catch_up().map_err(OpenError::Stopped)?;
        opened.take_part().map_err(broken("its consumer group"))?;
        Ok(opened)
    }

    fn catch_up(&self) -> Result<(), Stopped> {
        for seen in &self.seen {
            let mut standing = seen.standing.subscribe();
            let done = |now: &Standing| now.role != Role::CatchingUp;
            // The sender lives in this log.
            let now = block_on(standing.wait_for(done)).map(|now| now.role.clone());
            if let Ok(Role::Stopped(why)) = now {
                return Err((*why).clone());
            }
        }
        Ok(())
    }

    fn take_part(&self) -> Result<(), KafkaError> {
        match &self.node.options.membership {
            Membership::Alone => {
                let all = (0..self.node.options.partitions).collect();
                let _ = self.tell.send(Happened::Assigned(all)); // The reader runs until this log is closed.
            }
            Membership::Observer => {}
            Membership::Group(group) => {
                let happened = self.tell.clone();
                let tell = Box::new(move |partitions| {
                    let _ = happened.send(Happened::Assigned(partitions)); // The reader ends last.
                });
                let member = Member::join(&self.node.options, group, self.pulse.clone(), tell)?;
                self.running.lock().members.push(member);
            }
        }
        Ok(())
    }

    /// How a partition stands on this node, and how that changes.
    pub fn standing(&self, partition: Partition) -> Option<watch::Receiver<Standing>> {
        self.seen.get(usize::from(partition.0)).map(|seen| seen.standing.subscribe())
    }

    /// Why a partition stopped, if one did; a process that serves the log is not ready then.
    pub fn failure(&self) -> Option<String> {
        let stopped = |seen: &Seen| seen.standing.borrow().stopped().map(ToString::to_string);
        self.seen.iter().find_map(stopped).or_else(|| self.local.failure())
    }

    /// Gives what its groups assign to it to other nodes and goes on following, so that whoever asks for a partition can be
    /// passed on. Returns once others own what this node did, or nobody took it for a while.
    pub fn leave(&self) {
        let members = std::mem::take(&mut self.running.lock().members);
        let owned = |seen: &&Seen| seen.standing.borrow().owning().is_some();
        let owned: Vec<&Seen> = self.seen.iter().filter(owned).collect();
        let others = members.first().is_some_and(Member::has_others);
        members.iter().for_each(Member::leave);
        drop(members);
        let until = Instant::now() + if others { HANDED_OVER_MAX } else { Duration::ZERO };
        let node = &self.node.options.node;
        let another = |seen: &Seen| seen.standing.borrow().owner.as_ref().is_some_and(|owner| owner.node != *node);
        while !owned.iter().all(|seen| another(seen)) && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Takes no more batches, waits a while for what was accepted to be read back, leaves its groups and ends.
    pub fn close(&self) {
        let mut running = self.running.lock();
        running.watch = None;
        self.local.begin_close();
        let _ = self.tell.send(Happened::Close); // It may have ended.
        let threads = running.reader.take().into_iter().chain(std::mem::take(&mut running.shippers));
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!("a thread of the log panicked");
            }
        }
        running.members.clear();
        self.local.close();
    }

    /// What the group of a role assigns to this node, which is a member until the log is closed; the role's partitions are
    /// shared among the group's nodes.
    ///
    /// # Errors
    /// When the group cannot be joined.
    pub fn assignment(&self, group: &str) -> Result<Arc<GroupAssignment>, Failure> {
        let now = watch::Sender::new(Assigned::new());
        let (told, number) = (now.clone(), AtomicU64::new(1));
        let tell = Box::new(move |partitions: Vec<u16>| {
            let number = number.fetch_add(1, Ordering::Relaxed);
            told.send_modify(|assigned| assignment::changed(assigned, &partitions, number));
        });
        let member = Member::join(&self.node.options, group, self.pulse.clone(), tell)
            .map_err(|error| passing(format!("the consumer group {group} cannot be joined")).caused_by(error))?;
        self.running.lock().members.push(member);
        Ok(GroupAssignment::new(now))
    }

    /// The log as it is on this machine, for numbers and proofs.
    pub fn local(&self) -> &LocalLog {
        &self.local
    }
}

/// The end of a partition; brokers that are busy or just starting may take more than one question.
fn ask_patiently(node: &Node, partition: Partition) -> Result<Result<Held, Failure>, RecvError> {
    let begun = Instant::now();
    loop {
        let end = block_on(node.ends.ask(partition));
        if !matches!(end, Ok(Err(_))) || begun.elapsed() > node.options.limits.start * 3 {
            return end;
        }
    }
}

fn thread(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, OpenError> {
    let started = std::thread::Builder::new().name(name.to_owned()).spawn(work);
    started.map_err(|source| OpenError::Io { doing: "start a thread named", path: name.into(), source })
}

impl Drop for KafkaLog {
    fn drop(&mut self) {
        self.close();
    }
}
