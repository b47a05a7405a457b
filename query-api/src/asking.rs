//! One operation being answered: who asks, which positions they want to see, what has been read for them so far. Every
//! read of a read model goes through here, so that it is permitted, waits for what the client has written, and is
//! reported with its position.

mod marks;
mod wish;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_graphql::Context;
use carelog_domain::kernel::actor::Reach;
use carelog_domain::kernel::{Actor, HospitalId, Token};
use carelog_domain::policy::{Permission, PolicyRejection, permits};
use carelog_domain::ports::{Rows, SqlValue, Statement};
use carelog_schemas::read_models::SetState;
use tokio::sync::{Mutex, OnceCell};
use tokio::time::Instant;

use crate::Deps;
use crate::problem::{Answer, Problem};
pub(crate) use marks::Marks;
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

    /// Runs queries over these read models on one snapshot, after they have what the client wants to see.
    pub(crate) async fn read(&self, models: &[&'static str], mut queries: Vec<Statement>) -> Answer<Vec<Rows>> {
        self.wait_for(models).await?;
        queries.push(SetState::query());
        let mut found = self.deps.sql.read(queries).await?;
        let states = found.pop().map(|states| SetState::from_rows(&states)).unwrap_or_default();
        for model in models {
            let states = states.iter().filter(|state| state.model == *model);
            self.marks.note(model, states.map(|state| (state.partition, state.size, state.recorded_at)));
        }
        Ok(found)
    }

    /// The same for one query.
    pub(crate) async fn read_one(&self, models: &[&'static str], query: Statement) -> Answer<Rows> {
        Ok(self.read(models, vec![query]).await?.pop().unwrap_or_default())
    }

    /// Waits until the read models have applied what the client's token (and what sagas made of it) says.
    pub(crate) async fn wait_for(&self, models: &[&'static str]) -> Answer<()> {
        let wanted = self.wanted.get_or_try_init(|| self.wish.resolve(&self.deps, self.left())).await?;
        if wanted.is_empty() {
            return Ok(());
        }
        let mut fresh = self.fresh.lock().await;
        let stale: Vec<&str> = models.iter().copied().filter(|model| !fresh.contains(model)).collect();
        if stale.is_empty() {
            return Ok(());
        }
        if !self.deps.freshness.reached(&stale, wanted, self.left()).await? {
            return Err(not_yet("the read model has not come to the positions of the token; ask again"));
        }
        fresh.extend(models);
        Ok(())
    }

    fn left(&self) -> Duration {
        self.wish.at_most(self.deps.limits.wait_max).saturating_sub(self.started.elapsed())
    }
}

/// A bounded wait ran out.
pub(crate) fn not_yet(message: &str) -> Problem {
    Problem::new("not-yet", message)
}
