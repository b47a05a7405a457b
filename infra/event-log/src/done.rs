//! The moment a write becomes durable, shared by all batches in it: one wake-up each, no channel, no task.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use carelog_domain::ports::Failure;
use parking_lot::Mutex;

use crate::error::passing;

/// What became of a write.
#[derive(Default)]
pub(crate) struct Done(Mutex<State>);

#[derive(Default)]
struct State {
    outcome: Option<Result<(), Arc<str>>>,
    wakers: Vec<Option<Waker>>,
}

impl Done {
    /// Says how it ended and wakes everyone who waits.
    pub(crate) fn complete(&self, outcome: Result<(), Arc<str>>) {
        let wakers = {
            let mut state = self.0.lock();
            state.outcome.get_or_insert(outcome);
            std::mem::take(&mut state.wakers)
        };
        wakers.into_iter().flatten().for_each(Waker::wake);
    }

    /// A future that completes when it has ended.
    pub(crate) fn wait(self: &Arc<Self>) -> Waiting {
        Waiting { done: self.clone(), place: None }
    }
}

/// Waits for a [`Done`].
pub(crate) struct Waiting {
    done: Arc<Done>,
    place: Option<usize>,
}

impl Future for Waiting {
    type Output = Result<(), Failure>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let done = self.done.clone();
        let mut state = done.0.lock();
        if let Some(outcome) = &state.outcome {
            return Poll::Ready(outcome.clone().map_err(|why| unknown(&why)));
        }
        match self.place {
            Some(place) => state.wakers[place] = Some(cx.waker().clone()),
            None => {
                self.place = Some(state.wakers.len());
                state.wakers.push(Some(cx.waker().clone()));
            }
        }
        Poll::Pending
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(place) = self.place
            && let Some(waker) = self.done.0.lock().wakers.get_mut(place)
        {
            *waker = None;
        }
    }
}

/// What someone is told whose batch may or may not be in the log.
fn unknown(why: &str) -> Failure {
    passing(format!("it is not known whether the batch is durable: {why}"))
}
