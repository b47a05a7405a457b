//! `decide` and `evolve`: the only two shapes a rule may have.

use super::Times;

/// A state that is nothing but the fold of its events. `evolve` never fails.
pub trait Evolve: Default {
    /// What happens to it.
    type Event;

    /// Takes one event in.
    fn evolve(&mut self, event: &Self::Event);
}

/// A state that can say what a command makes of it. Pure: the same state, command and times give the same answer.
pub trait Decide: Evolve {
    /// What is asked.
    type Command;
    /// Why it can be refused.
    type Rejection;

    /// The events the command causes; none when it was already done.
    ///
    /// # Errors
    /// The rule that refuses it.
    fn decide(&self, command: &Self::Command, times: &Times) -> Result<Vec<Self::Event>, Self::Rejection>;
}

/// The state after these events.
pub fn fold<'a, A: Evolve>(events: impl IntoIterator<Item = &'a A::Event>) -> A
where
    A::Event: 'a,
{
    let mut state = A::default();
    events.into_iter().for_each(|event| state.evolve(event));
    state
}

/// Given these events, when this command, then ...: the only way a rule is tested.
pub mod testing {
    use std::fmt::Debug;

    use super::{Decide, Times, fold};
    use crate::kernel::Timestamp;

    /// Begins a test with what happened before.
    pub fn given<A: Decide>(events: impl IntoIterator<Item = A::Event>) -> Given<A> {
        Given { events: events.into_iter().collect(), times: Times::live(Timestamp::from_micros(0)) }
    }

    /// What happened before.
    pub struct Given<A: Decide> {
        events: Vec<A::Event>,
        times: Times,
    }

    impl<A: Decide> Given<A> {
        /// The moment the command is given.
        #[must_use]
        pub fn at(mut self, now: Timestamp) -> Self {
            self.times = Times::live(now);
            self
        }

        /// The command.
        pub fn when(self, command: A::Command) -> When<A> {
            let state: A = fold(&self.events);
            When { outcome: state.decide(&command, &self.times), before: self.events }
        }
    }

    /// What came of it.
    pub struct When<A: Decide> {
        outcome: Result<Vec<A::Event>, A::Rejection>,
        before: Vec<A::Event>,
    }

    impl<A: Decide> When<A>
    where
        A::Event: Debug + PartialEq,
        A::Rejection: Debug + PartialEq,
    {
        /// Exactly these events.
        #[track_caller]
        pub fn then(self, expected: impl IntoIterator<Item = A::Event>) {
            assert_eq!(self.outcome, Ok(expected.into_iter().collect::<Vec<_>>()));
        }

        /// Nothing new: it was done already.
        #[track_caller]
        pub fn then_nothing(self) {
            assert_eq!(self.outcome, Ok(vec![]));
        }

        /// Exactly this refusal.
        #[track_caller]
        pub fn then_rejected(self, expected: A::Rejection) {
            assert_eq!(self.outcome, Err(expected));
        }

        /// The state after the events it caused.
        #[track_caller]
        pub fn state(self) -> A {
            match self.outcome {
                Ok(events) => fold(self.before.iter().chain(&events)),
                Err(rejection) => panic!("rejected: {rejection:?}"),
            }
        }
    }
}
