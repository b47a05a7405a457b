//! States of streams, whatever their type: what the cache keeps and a session hands out.

use std::any::Any;
use std::sync::Arc;

use carelog_domain::event::Event;
use carelog_domain::kernel::Evolve;

/// A state that takes in the events of its stream.
pub(crate) trait State: Any + Send + Sync {
    /// The state after one more event. Changed in place when nobody else looks at it. `None` when the event is of
    /// another stream family, which means that a handler staged it on the wrong stream.
    fn with(self: Arc<Self>, event: Event) -> Option<Arc<dyn State>>;

    /// For casting back to its type.
    fn any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync>;
}

impl<S> State for S
where
    S: Evolve + Clone + Send + Sync + 'static,
    S::Event: TryFrom<Event>,
{
    fn with(mut self: Arc<Self>, event: Event) -> Option<Arc<dyn State>> {
        let event = S::Event::try_from(event).ok()?;
        Arc::make_mut(&mut self).evolve(&event);
        Some(self)
    }

    fn any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }
}
