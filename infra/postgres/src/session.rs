//! What a connection keeps from one transaction to the next, where it is the server's own: settings, and parsed and planned
//! statements, which are more than half of what a page costs the server.
//!
//! Behind pgbouncer in transaction mode a connection is another one in each transaction, a setting is somebody else's in
//! the next, and a statement's name may mean another statement there. Nobody has to say whether a pooler is there: a
//! connection begins with a mark (`options`), which a pooler refuses or keeps to itself, and everything that relies on what was
//! kept asks for it too. An answer without the mark is thrown away, and nothing is relied on any more.

use std::hash::{BuildHasher, Hasher, RandomState};

use carelog_domain::ports::Statement;
use deadpool_postgres::{Hook, HookError, Object, PoolError};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type;
use tokio_postgres::{Error, SimpleQueryMessage};

use crate::parameter::kind;

/// The setting that holds the mark; one with a dot is free for anybody to make.
pub(crate) const SETTING: &str = "carelog.session";
/// Parsed statements that a connection keeps; with more of them it begins anew. Queries have few texts.
const KEPT_MAX: usize = 256;

/// What tells connections of this process from all others.
#[derive(Clone)]
pub(crate) struct Mark(String);

impl Mark {
    pub(crate) fn new() -> Mark {
        // Its keys come from the operating system, and no two are the same.
        let random = || RandomState::new().build_hasher().finish();
        Mark(format!("{:016x}{:016x}", random(), random()))
    }

    /// The options that a connection begins with; `settings` are those of every transaction that reads.
    pub(crate) fn options(&self, before: Option<&str>, settings: &[(&str, String)]) -> String {
        // A query by itself takes its snapshot after its locks by this alone (see `whole`).
        let isolation = ("default_transaction_isolation", r"read\ committed".to_owned());
        let ours = [(SETTING, self.0.clone()), isolation];
        let each = settings.iter().chain(&ours).map(|(name, value)| format!("-c {name}={value}"));
        before.map(str::to_owned).into_iter().chain(each).collect::<Vec<_>>().join(" ")
    }

    /// What shows, in a statement, that session and statement are of this process.
    pub(crate) fn shown_by_statement(&self) -> String {
        format!("current_setting('{SETTING}', true) || '{}'", self.0)
    }

    /// True when it did.
    pub(crate) fn is_shown_by_statement(&self, shown: Option<&str>) -> bool {
        let halves = shown.and_then(|shown| shown.split_at_checked(self.0.len()));
        halves.is_some_and(|(session, statement)| session == self.0 && statement == self.0)
    }

    /// True when this is the answer to `SHOW` of the setting, after whatever else was answered.
    pub(crate) fn is_in(&self, answers: &[SimpleQueryMessage]) -> bool {
        answers.iter().any(|each| matches!(each, SimpleQueryMessage::Row(row) if row.get(0) == Some(self.0.as_str())))
    }

    /// Refuses new connections that do not have it, and has the others make `settings` of the session that not every server
    /// knows.
    pub(crate) fn looked_for(&self, settings: Vec<(&'static str, &'static str)>) -> Hook {
        let mark = self.clone();
        let known = |(name, value)| {
            format!("; SELECT set_config(name, '{value}', false) FROM pg_settings WHERE name = '{name}'")
        };
        let begin = format!("SHOW {SETTING}{}", settings.into_iter().map(known).collect::<String>());
        Hook::async_fn(move |taken, _| {
            let (mark, begin) = (mark.clone(), begin.clone());
            Box::pin(async move {
                match taken.simple_query(&begin).await {
                    Ok(answers) if mark.is_in(&answers) => Ok(()),
                    Ok(_) => Err(HookError::message("it has another's mark")),
                    Err(error) if is_unknown(&error) => Err(HookError::message("it has no mark")),
                    Err(error) => Err(HookError::Backend(error)),
                }
            })
        })
    }
}

/// True when the server does not know the setting: what a connection began with did not come to it.
pub(crate) fn is_unknown(error: &Error) -> bool {
    error.code() == Some(&SqlState::UNDEFINED_OBJECT)
}

/// True when a connection was refused for how it begins, so that another may not be; or none begins so any more.
pub(crate) fn is_refused(error: &PoolError) -> bool {
    let begins_wrongly = |error: &Error| {
        // pgbouncer knows few of the parameters that a connection may begin with.
        let of_poolers = [SqlState::PROTOCOL_VIOLATION, SqlState::FEATURE_NOT_SUPPORTED, SqlState::UNDEFINED_OBJECT];
        error.code().is_some_and(|code| of_poolers.contains(code) || *code == SqlState::INVALID_PARAMETER_VALUE)
    };
    match error {
        PoolError::Backend(error) | PoolError::PostCreateHook(HookError::Backend(error)) => begins_wrongly(error),
        PoolError::PostCreateHook(_) | PoolError::Closed => true,
        _ => false,
    }
}

/// True when what the connection kept does not fit the tables any more, or is gone.
pub(crate) fn is_stale(error: &Error) -> bool {
    let stale = [SqlState::FEATURE_NOT_SUPPORTED, SqlState::INVALID_SQL_STATEMENT_NAME];
    error.code().is_some_and(|code| stale.contains(code))
}

/// A query as the connection keeps it; `None` where the type of a parameter is left to the server.
pub(crate) async fn kept(taken: &Object, query: &Statement) -> Result<Option<tokio_postgres::Statement>, Error> {
    let types: Option<Vec<Type>> = query.parameters.iter().map(kind).collect();
    match types {
        Some(types) => taken.prepare_typed_cached(&query.sql, &types).await.map(Some),
        None => Ok(None),
    }
}

/// Keeps room for more.
pub(crate) fn make_room(taken: &Object) {
    if taken.statement_cache.size() >= KEPT_MAX {
        taken.statement_cache.clear();
    }
}
