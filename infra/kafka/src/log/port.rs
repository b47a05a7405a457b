//! The log behind its port: who owns a partition appends, and nothing is told that wrote nothing before a read barrier.

use std::pin::pin;
use std::time::Duration;

use carelog_domain::kernel::{CommandId, Partition, Slot, StreamName, Tag, Version};
use carelog_domain::ports::{
    self, Accepted, AppendError, Batch, BoxFuture, BoxStream, Direction, EventFilter, EventLog, Failure, Head, Owner,
    Root, Stored, Term,
};
use futures::future::{Either, select};
use tokio::sync::watch;

use super::KafkaLog;
use crate::ends::cut_off;
use crate::error::{NotOwner, Stopped, lasting, passing};
use crate::follower::Seen;
use crate::passing_on;
use crate::standing::{Role, Standing};

impl KafkaLog {
    /// Appends if this node owns the partition.
    pub(crate) async fn append_here(&self, batch: Batch) -> Result<Accepted, AppendError> {
        let (slot, partition) = (batch.slot, self.partition_of(batch.slot));
        self.owning(partition).map_err(AppendError::Failed)?;
        match self.local.append(batch).await {
            Ok(before) if before.repeated => Ok(self.confirmed(partition, before)),
            Ok(accepted) if self.node.options.faults.acknowledge_at_delivery() => Ok(self.at_delivery(accepted)),
            Ok(accepted) => Ok(accepted),
            Err(failed @ (AppendError::Failed(_) | AppendError::TooLarge { .. } | AppendError::TermOver { .. })) => {
                Err(failed)
            }
            Err(refused) => {
                self.confirm(slot).await.map_err(AppendError::Failed)?;
                Err(refused)
            }
        }
    }

    fn seen(&self, partition: Partition) -> Result<&Seen, Failure> {
        let count = self.seen.len();
        let seen = self.seen.get(usize::from(partition.0));
        seen.ok_or_else(|| lasting(format!("the log has {count} partitions, there is no {partition}")))
    }

    /// Waits until another node owns the partition. One that lost it may be cut off and never answer; what it was asked, its
    /// successor knows.
    async fn owned_by_another(&self, node: &ports::Node, partition: Partition) {
        let Ok(seen) = self.seen(partition) else { return };
        let another = |now: &Standing| now.owner.as_ref().is_some_and(|owner| owner.node != node.name);
        let _ = seen.standing.subscribe().wait_for(another).await; // The sender lives in this log.
    }

    /// The epoch in which this node owns the partition; a failure says who does.
    fn owning(&self, partition: Partition) -> Result<u64, Failure> {
        let standing = self.seen(partition)?.standing.borrow().clone();
        match (standing.owning(), standing.stopped()) {
            (Some(epoch), _) => Ok(epoch),
            (None, Some(why)) => Err(stopped(partition, why)),
            (None, None) => Err(not_owner(partition, &standing)),
        }
    }

    /// The read barrier of a partition: all of it, as Kafka had it when this was called, has been read here, in an
    /// epoch that has not ended meanwhile if there was one.
    fn barrier(
        &self,
        partition: Partition,
        epoch: Result<Option<u64>, Failure>,
    ) -> BoxFuture<'static, Result<(), Failure>> {
        let asked = epoch.and_then(|epoch| Ok((epoch, self.seen(partition)?.standing.subscribe())));
        let (ends, limit) = (self.node.ends.clone(), self.node.options.limits.barrier);
        let skipped = self.node.options.faults.skip_read_barrier();
        Box::pin(async move {
            let (epoch, standing) = asked?;
            if skipped {
                return Ok(());
            }
            // A leader that is away is waited for no longer, however many questions came before this one.
            let until = tokio::time::Instant::now() + limit;
            let held = tokio::time::timeout_at(until, ends.ask(partition)).await.map_err(|_| cut_off())?;
            let held = held.map_err(|_| passing("the log is closed"))??;
            let reading = tokio::time::timeout_at(until, reached(standing, partition, epoch, held.end));
            reading.await.unwrap_or_else(|_| {
                Err(passing("this node does not keep up with Kafka, so it cannot say what holds now; try again"))
            })
        })
    }

    /// The fault of that name: what Kafka has may yet not count.
    fn at_delivery(&self, mut accepted: Accepted) -> Accepted {
        let Some(last) = accepted.events.last().map(|event| event.position) else { return accepted };
        let node = self.node.clone();
        accepted.durable = Box::pin(async move {
            while !node.sending.is_delivered(last) {
                tokio::time::sleep(Duration::from_micros(200)).await;
            }
            Ok(())
        });
        accepted
    }

    /// What was accepted before is told once it stands, and whoever tells it is not cut off.
    fn confirmed(&self, partition: Partition, mut before: Accepted) -> Accepted {
        let epoch = self.seen(partition).map(|seen| seen.standing.borrow().owning());
        let barrier = self.barrier(partition, epoch);
        let durable = std::mem::replace(&mut before.durable, Box::pin(std::future::ready(Ok(()))));
        before.durable = Box::pin(async move {
            durable.await?;
            barrier.await
        });
        before
    }
}

impl EventLog for KafkaLog {
    fn append(&self, batch: Batch) -> BoxFuture<'_, Result<Accepted, AppendError>> {
        Box::pin(async move {
            let owner = self.owner(self.partition_of(batch.slot));
            match (owner, &self.node.options.peers) {
                (Owner::Elsewhere(node), Some(peers)) if batch.term.is_none() => {
                    let moved = pin!(self.owned_by_another(&node, self.partition_of(batch.slot)));
                    match select(pin!(passing_on::append(&**peers, &node, batch)), moved).await {
                        Either::Left((came, _)) => came,
                        Either::Right(_) => Err(AppendError::Failed(passing(format!(
                            "{} lost the partition before it said what became of the batch; ask again",
                            node.name
                        )))),
                    }
                }
                _ => self.append_here(batch).await,
            }
        })
    }

    fn find_command(&self, slot: Slot, command: CommandId) -> BoxFuture<'_, Result<Option<Accepted>, Failure>> {
        Box::pin(async move {
            let found = self.local.find_command(slot, command).await?;
            Ok(found.map(|before| self.confirmed(self.partition_of(slot), before)))
        })
    }

    fn find_command_anywhere(&self, command: CommandId) -> BoxFuture<'_, Result<Option<Accepted>, Failure>> {
        Box::pin(async move {
            let found = self.local.find_command_anywhere(command).await?;
            let partition = |before: &Accepted| before.events.first().map(|event| event.position.partition);
            Ok(found.map(|before| match partition(&before) {
                Some(partition) => self.confirmed(partition, before),
                None => before,
            }))
        })
    }

    fn read_stream(
        &self,
        stream: &StreamName,
        after: Version,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Stored>, Failure>> {
        self.local.read_stream(stream, after, limit)
    }

    fn stream_version(&self, stream: &StreamName) -> BoxFuture<'_, Result<Version, Failure>> {
        self.local.stream_version(stream)
    }

    fn read_tag(
        &self,
        slot: Slot,
        tag: &Tag,
        direction: Direction,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Stored>, Failure>> {
        self.local.read_tag(slot, tag, direction, limit)
    }

    fn read(
        &self,
        partition: Partition,
        from: u64,
        direction: Direction,
        filter: &EventFilter,
        limit: usize,
    ) -> BoxFuture<'_, Result<(Vec<Stored>, Option<u64>), Failure>> {
        self.local.read(partition, from, direction, filter, limit)
    }

    fn subscribe(&self, partition: Partition, from: u64) -> BoxStream<'_, Result<Vec<Stored>, Failure>> {
        self.local.subscribe(partition, from)
    }

    fn head(&self) -> BoxFuture<'_, Result<Vec<Head>, Failure>> {
        self.local.head()
    }

    fn root_at(&self, partition: Partition, size: u64) -> BoxFuture<'_, Result<Root, Failure>> {
        self.local.root_at(partition, size)
    }

    fn confirm(&self, slot: Slot) -> BoxFuture<'_, Result<(), Failure>> {
        let partition = self.partition_of(slot);
        self.barrier(partition, self.owning(partition).map(Some))
    }

    fn catch_up(&self, partition: Partition) -> BoxFuture<'_, Result<(), Failure>> {
        self.barrier(partition, Ok(None))
    }

    fn owner(&self, partition: Partition) -> Owner {
        let Ok(seen) = self.seen(partition) else { return Owner::Nobody };
        let standing = seen.standing.borrow();
        match (&standing.role, &standing.owner) {
            (Role::Owning(epoch), _) => Owner::Here(Term(*epoch)),
            (Role::Following, Some(owner)) if owner.node != self.node.options.node => {
                Owner::Elsewhere(ports::Node { name: owner.node.clone(), address: owner.address.clone() })
            }
            _ => Owner::Nobody,
        }
    }

    fn partition_of(&self, slot: Slot) -> Partition {
        self.local.partition_of(slot)
    }

    fn partitions(&self) -> u16 {
        self.local.partitions()
    }
}

/// Waits until everything before `end` is applied, in the epoch in which that was asked, if it was in one.
async fn reached(
    mut standing: watch::Receiver<Standing>,
    partition: Partition,
    epoch: Option<u64>,
    end: i64,
) -> Result<(), Failure> {
    let ended = |now: &Standing| epoch.is_some() && now.owning() != epoch;
    let there = |now: &Standing| ended(now) || now.stopped().is_some() || now.read_to >= end;
    let now = standing.wait_for(there).await.map_err(|_| passing("the log is closed"))?;
    match now.stopped() {
        Some(why) => Err(stopped(partition, why)),
        None if ended(&now) => Err(not_owner(partition, &now)),
        None => Ok(()),
    }
}

/// Where only this node cannot go on, another answers whoever comes again.
fn stopped(partition: Partition, why: &Stopped) -> Failure {
    let message = format!("partition {partition} stopped");
    let failure = if why.is_of_this_node() { passing(message) } else { lasting(message) };
    failure.caused_by(why.clone())
}

fn not_owner(partition: Partition, standing: &Standing) -> Failure {
    let owner = standing.owner.as_ref().map(|owner| (owner.node.clone(), owner.address.clone()));
    let cause = NotOwner { partition: partition.0, owner };
    passing(format!("this node does not own partition {partition}")).caused_by(cause)
}
