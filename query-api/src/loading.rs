//! What hangs on a row (its patient, its lines), fetched for all rows of an answer at once. One loader for every kind:
//! a kind says from which table and by which column it is found. Nothing waits for a timer: the batch is what was asked
//! for until the answering task next yields. What a page leads to is read with the page and needs no loader.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use async_graphql::Context;
use async_graphql::dataloader::{DataLoader, Loader};

use crate::asking::Asking;
use crate::fields::{Fields, columns_of};
use crate::problem::{Answer, Problem};
use crate::sql::{Row, Select, rows};

/// Something read from one row.
pub(crate) trait FromRow: Sized {
    /// Of which columns each field is made, where a wide row is read only as far as it is asked for. A field that is not
    /// named here needs all of them.
    const FIELDS: Fields = &[];

    fn read(row: Row) -> Answer<Self>;

    /// The row, where it is kept as it is.
    fn row(&self) -> Option<&Row> {
        None
    }
}

/// Something that can be found by a key, alone or with others of the same key.
pub(crate) trait Found: FromRow + Clone + Send + Sync + 'static {
    /// By what it is found.
    type Key: std::fmt::Display + std::str::FromStr + Copy + Eq + Hash + Send + Sync + 'static;
    /// The read models it comes from.
    const MODELS: &'static [&'static str];
    /// The column with the key.
    const KEY: &'static str;
    /// The same as a condition: `patient IN (??)`.
    const AMONG: &'static str;
    /// How rows are kept from actors who do not act for their hospital: `hospital IN (??)`; `None` when all may see them.
    const REACH: Option<&'static str>;
    /// The order of those with the same key, such as `ORDER BY line`.
    const ORDER: &'static str;

    /// Its rows.
    fn select() -> Select;
}

/// Loads whatever hangs on rows, for one operation.
pub(crate) struct Loading(Arc<Asking>);

/// The key of a kind.
pub(crate) struct KeyOf<T: Found>(T::Key, PhantomData<fn() -> T>);

impl<T: Found> Clone for KeyOf<T> {
    fn clone(&self) -> Self {
        KeyOf(self.0, PhantomData)
    }
}

impl<T: Found> PartialEq for KeyOf<T> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<T: Found> Eq for KeyOf<T> {}

impl<T: Found> Hash for KeyOf<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl<T: Found> Loader<KeyOf<T>> for Loading {
    type Value = Vec<T>;
    type Error = Problem;

    async fn load(&self, keys: &[KeyOf<T>]) -> Result<HashMap<KeyOf<T>, Vec<T>>, Problem> {
        let mut select = T::select().among(T::AMONG, keys.iter().map(|key| key.0.to_string().into()));
        if let Some(condition) = T::REACH {
            select = select.among_some(condition, self.0.reach());
        }
        let found = self.0.read_one(T::MODELS, select.ending(T::ORDER).statement()).await?;
        let mut by_key: HashMap<KeyOf<T>, Vec<T>> = HashMap::with_capacity(keys.len());
        for row in rows(found) {
            by_key.entry(KeyOf(row.parsed(T::KEY)?, PhantomData)).or_default().push(T::read(row)?);
        }
        Ok(by_key)
    }
}

impl Loading {
    /// A loader for one operation. It yields once before it loads, so that all rows of the answer have asked by then.
    pub(crate) fn new(asking: Arc<Asking>) -> DataLoader<Loading> {
        let spawn = |load| {
            tokio::spawn(async move {
                tokio::task::yield_now().await;
                futures::FutureExt::boxed(load).await;
            })
        };
        DataLoader::new(Loading(asking), spawn).delay(Duration::ZERO)
    }
}

/// The one that a column of a row leads to, if there is one that may be seen: from beside the row if it was read with it.
pub(crate) async fn led<T: Found>(ctx: &Context<'_>, row: &Row, column: &'static str) -> Answer<Option<T>> {
    let columns = columns_of(T::FIELDS, ctx.field().selection_set());
    if let Some(found) = row.beside_with(column, columns.as_deref()) {
        return found.map(T::read).transpose();
    }
    one(ctx, row.parsed(column)?).await
}

/// The one with this key, if there is one that may be seen.
pub(crate) async fn one<T: Found>(ctx: &Context<'_>, key: T::Key) -> Answer<Option<T>> {
    Ok(many(ctx, key).await?.into_iter().next())
}

/// All with this key that may be seen.
pub(crate) async fn many<T: Found>(ctx: &Context<'_>, key: T::Key) -> Answer<Vec<T>> {
    let loader = ctx.data_unchecked::<DataLoader<Loading>>();
    Ok(loader.load_one(KeyOf::<T>(key, PhantomData)).await?.unwrap_or_default())
}
