//! One operation being answered: who asks, which positions they want to see, what has been read for them so far. Every
//! read of a read model goes through here, so that it is permitted, waits for what the client has written, and is
//! reported with its position.

mod marks;
mod together;
mod wish;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_graphql::Context;
use carelog_domain::kernel::actor::Reach;
use carelog_domain::kernel::{Actor, HospitalId, Token};
use carelog_domain::policy::{Permission, PolicyRejection, permits};
use carelog_domain::ports::{BoxFuture, Rows, SqlValue, Statement};
use carelog_schemas::read_models::SetState;
use parking_lot::Mutex;
use tokio::sync::OnceCell;
use tokio::time::Instant;

use crate::Deps;
use crate::problem::{Answer, Problem};
pub(crate) use marks::Marks;
use together::Together;
pub(crate) use wish::Wish;

/// One operation being answered.
pub(crate) struct Asking {
    pub(crate) deps: Arc<Deps>,
    pub(crate) actor: Actor,
    wish: Wish,
    started: Instant,
    /// What read models must have applied, known once settlement was waited for.
    wanted: OnceCell<Token>,
    /// Read models that have it.
    fresh: Mutex<BTreeSet<&'static str>>,
    /// Reads that were asked for and have not begun.
    together: Together,
    pub(crate) marks: Marks,
}

impl Asking {
    pub(crate) fn new(deps: Arc<Deps>, actor: Actor, wish: Wish) -> Asking {
        Asking {
            deps,
            actor,
            wish,
            started: Instant::now(),
            wanted: OnceCell::new(),
            fresh: Mutex::default(),
            together: Together::default(),
            marks: Marks::default(),
        }
    }

    /// The operation a resolver works for.
    pub(crate) fn of<'c>(ctx: &Context<'c>) -> &'c Arc<Asking> {
        ctx.data_unchecked::<Arc<Asking>>()
    }

    /// May this be asked at all?
    pub(crate) fn permit(&self, permission: Permission) -> Answer<()> {
        self.permit_at(permission, None)
    }

    /// May this be asked of that hospital? An unknown hospital and one out of reach give the same refusal.
    pub(crate) fn permit_at(&self, permission: Permission, hospital: Option<HospitalId>) -> Answer<()> {
        permits(&self.actor, permission, hospital)
            .map_err(|refusal| carelog_domain::rejection::Rejection::from(refusal).into())
    }

    /// Hospitals, practitioners and free times are for everybody who has any role.
    pub(crate) fn permit_directory(&self) -> Answer<()> {
        if self.actor.roles.is_empty() {
            return Err(carelog_domain::rejection::Rejection::from(PolicyRejection::NotPermitted).into());
        }
        Ok(())
    }

    /// True when the actor may, for showing or hiding single fields.
    pub(crate) fn may(&self, permission: Permission) -> bool {
        permits(&self.actor, permission, None).is_ok()
    }

    /// The hospitals whose rows the actor may see; `None` means all. Every list and look-up is filtered by it.
    pub(crate) fn reach(&self) -> Option<Vec<SqlValue>> {
        match &self.actor.reach {
            Reach::Chain => None,
            Reach::Hospitals(own) => Some(own.iter().map(|hospital| hospital.to_string().into()).collect()),
        }
    }

    /// True when rows of the hospital may be seen.
    pub(crate) fn reaches(&self, hospital: HospitalId) -> bool {
        match &self.actor.reach {
            Reach::Chain => true,
            Reach::Hospitals(own) => own.contains(&hospital),
        }
    }

    /// Runs queries over these read models on one snapshot, after they have what the client wants to see. What resolvers of
    /// one answer ask for at the same time is read together.
    pub(crate) async fn read(&self, models: &[&'static str], queries: Vec<Statement>) -> Answer<Vec<Rows>> {
        let wanted = self.wait_for(models).await?;
        let read = |models: Vec<&'static str>, queries| -> BoxFuture<'_, _> {
            Box::pin(async move { self.read_applied(&models, queries, wanted).await })
        };
        self.together.read(models, queries, read).await
    }

    /// The same for one query.
    pub(crate) async fn read_one(&self, models: &[&'static str], query: Statement) -> Answer<Rows> {
        Ok(self.read(models, vec![query]).await?.pop().unwrap_or_default())
    }

    /// The same where the read models have more than that: positions that were waited for already.
    pub(crate) async fn read_one_after(
        &self,
        token: &Token,
        models: &[&'static str],
        query: Statement,
    ) -> Answer<Rows> {
        let mut wanted = self.wait_for(models).await?.clone();
        wanted.merge(token);
        Ok(self.read_applied(models, vec![query], &wanted).await?.pop().unwrap_or_default())
    }

    /// Runs queries where the read models have applied the token: on a copy if it has, which its own checkpoints, read in
    /// the same snapshot, tell.
    async fn read_applied(
        &self,
        models: &[&'static str],
        mut queries: Vec<Statement>,
        token: &Token,
    ) -> Answer<Vec<Rows>> {
        queries.push(SetState::query_of(models));
        let missing = |states: &Rows| {
            let filled = SetState::filled(states);
            models.iter().copied().find(|model| !filled.contains(*model))
        };
        let has_it = |found: &[Rows]| {
            found
                .last()
                .is_some_and(|rows| missing(rows).is_none() && applied(&SetState::from_rows(rows), models, token))
        };
        let mut found = self.deps.sql.read_fresh_enough(queries, &has_it).await?;
        let states = found.pop().unwrap_or_default();
        if let Some(model) = missing(&states) {
            return Err(being_filled(model));
        }
        let states = SetState::from_rows(&states);
        for model in models {
            let states = states.iter().filter(|state| state.model == *model);
            self.marks.note(model, states.map(|state| (state.partition, state.size, state.recorded_at)));
        }
        Ok(found)
    }

    /// Waits until the read models have applied what the client's token (and what sagas made of it) says, and says what
    /// that is.
    pub(crate) async fn wait_for(&self, models: &[&'static str]) -> Answer<&Token> {
        let wanted = self.wanted.get_or_try_init(|| self.wish.resolve(&self.deps, self.left())).await?;
        if wanted.is_empty() {
            return Ok(wanted);
        }
        let stale: Vec<&str> = {
            let fresh = self.fresh.lock();
            models.iter().copied().filter(|model| !fresh.contains(model)).collect()
        };
        if stale.is_empty() {
            return Ok(wanted);
        }
        if !self.deps.freshness.reached(&stale, wanted, self.left()).await? {
            let states = self.deps.sql.read(vec![SetState::query_of(&stale)]).await?;
            if let Some(model) = states.first().and_then(|states| SetState::unfilled(states).pop_first()) {
                return Err(being_filled(model));
            }
            return Err(not_yet("the read model has not come to the positions of the token; ask again"));
        }
        self.fresh.lock().extend(models);
        Ok(wanted)
    }

    fn left(&self) -> Duration {
        self.wish.at_most(self.deps.limits.wait_max).saturating_sub(self.started.elapsed())
    }
}

/// What it has so far is some of the answer, which nobody could tell from all of it.
pub(crate) fn being_filled(model: &str) -> Problem {
    let message = format!("the read model {model} is being filled here and has not come to the log's end; ask again");
    Problem::new("read-model-filling", message)
}

/// A bounded wait ran out.
pub(crate) fn not_yet(message: &str) -> Problem {
    Problem::new("not-yet", message)
}

/// True when each of the models has applied every position of the token.
fn applied(states: &[SetState], models: &[&str], token: &Token) -> bool {
    models.iter().all(|model| {
        token.positions().all(|position| {
            let of_it = |state: &&SetState| state.model == *model && state.partition == position.partition;
            states.iter().find(of_it).is_some_and(|state| state.size > position.offset)
        })
    })
}

#[cfg(test)]
mod tests {
    use carelog_domain::kernel::{Partition, Position};

    use super::*;

    fn state(model: &str, partition: u16, size: u64) -> SetState {
        SetState {
            model: model.to_owned(),
            partition: Partition(partition),
            size,
            root: String::new(),
            recorded_at: None,
        }
    }

    #[test]
    fn a_copy_is_fresh_enough_when_each_model_has_each_position() {
        let at = |partition, offset| Position { partition: Partition(partition), offset };
        let token: Token = [at(0, 9), at(1, 4)].into_iter().collect();
        let states =
            [state("patients", 0, 10), state("patients", 1, 5), state("invoices", 0, 10), state("invoices", 1, 4)];
        assert!(applied(&states, &["patients"], &token));
        assert!(!applied(&states, &["patients", "invoices"], &token), "offset 4 is the fifth event");
        assert!(!applied(&states[..1], &["patients"], &token), "a partition without a checkpoint has nothing");
        assert!(applied(&[], &["patients"], &Token::empty()), "without a token anything will do");
    }
}
