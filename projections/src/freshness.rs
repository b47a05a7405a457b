//! The port `Freshness`: waiting until read models have applied what a token names.

use std::time::Duration;

use carelog_domain::kernel::{Partition, Position, Token};
use carelog_domain::ports::{BoxFuture, BoxStream, Failure, Freshness};
use futures::StreamExt;
use futures::stream;
use tokio::sync::watch;

use crate::looking::Waiting;
use crate::start::Projections;

impl Freshness for Projections {
    fn reached(&self, models: &[&str], token: &Token, at_most: Duration) -> BoxFuture<'_, Result<bool, Failure>> {
        let unknown = models.iter().find(|name| self.model(name).is_none());
        if let Some(name) = unknown {
            let failure = Failure::lasting("projections", format!("there is no read model {name}"));
            return Box::pin(std::future::ready(Err(failure)));
        }
        let wanted = self.models().iter().filter(|model| models.is_empty() || models.contains(&model.name()));
        let positions: Vec<Position> = token.positions().collect();
        let behind = wanted.filter(|model| !applied(&model.progress.borrow(), &positions));
        // What is kept up elsewhere is looked up in the stores for as long as somebody waits.
        let receivers: Vec<_> =
            behind.map(|model| (model.progress.subscribe(), self.looking().wait_for(model.name()))).collect();
        Box::pin(async move {
            let all = async {
                for (mut receiver, _waiting) in receivers {
                    // The sender lives as long as `self`, which is borrowed: an error cannot be.
                    let _ = receiver.wait_for(|sizes| applied(sizes, &positions)).await;
                }
            };
            Ok(tokio::time::timeout(at_most, all).await.is_ok())
        })
    }

    fn progress(&self, model: &str) -> BoxStream<'static, Vec<Position>> {
        let Some(model) = self.model(model) else { return stream::empty().boxed() };
        let moves = |(mut receiver, waiting): (watch::Receiver<Vec<u64>>, Waiting)| async move {
            receiver.changed().await.ok()?;
            let positions = last_positions(&receiver.borrow_and_update());
            Some((positions, (receiver, waiting)))
        };
        stream::unfold((model.progress.subscribe(), self.looking().wait_for(model.name())), moves).boxed()
    }
}

fn applied(sizes: &[u64], positions: &[Position]) -> bool {
    positions.iter().all(|position| {
        let size = sizes.get(usize::from(position.partition.0)).copied().unwrap_or(0);
        size > position.offset
    })
}

fn last_positions(sizes: &[u64]) -> Vec<Position> {
    let positions = sizes.iter().zip(0u16..);
    let last = positions.filter_map(|(size, partition)| {
        Some(Position { partition: Partition(partition), offset: size.checked_sub(1)? })
    });
    last.collect()
}
