//! A read model in SQL tables: rows and checkpoint change in one transaction.

use std::sync::Arc;
use std::time::Duration;

use carelog_domain::kernel::{Partition, Timestamp};
use carelog_domain::ports::{BoxFuture, Failure, Root, SqlStore, SqlValue, Statement};
use carelog_schemas::read_models::{Model, Set, Table, sets};
use serde_json::Value;

use crate::change::{Change, text};
use crate::home::{Entry, Home, Mark, Stored, Work};
use crate::plan;

const PORT: &str = "projections";
/// Rows compared at a time.
const PAGE_ROWS: usize = 1_000;
/// How often the tables are prepared: several processes may begin at once, and of two that make the same table one fails.
const PREPARED_TIMES_MAX: u32 = 20;
const PREPARED_AGAIN_AFTER: Duration = Duration::from_millis(100);

pub(crate) struct SqlHome {
    store: Arc<dyn SqlStore>,
    model: &'static Model,
    /// Part of the names of its tables.
    layout: String,
    /// The read model in this layout, as bookkeeping names it.
    key: SqlValue,
}

impl SqlHome {
    pub(crate) fn new(store: Arc<dyn SqlStore>, model: &'static Model) -> SqlHome {
        SqlHome { store, model, layout: model.layout(), key: text(model.key()) }
    }

    async fn begin_set(&self, set: Set) -> Result<(), Failure> {
        let mut statements = vec![self.not_live(set)];
        statements.extend(self.drop_tables(set));
        statements.extend(self.create_tables(set));
        self.store.write(statements).await.map(|_| ())
    }

    fn create_tables(&self, set: Set) -> impl Iterator<Item = Statement> {
        let create = self.model.tables.iter().flat_map(move |table| table.create(&self.layout, set));
        create.map(|sql| Statement::new(sql, vec![]))
    }

    /// The transaction stands only if this set is not the live one: another process may have switched.
    fn not_live(&self, set: Set) -> Statement {
        let sql = "UPDATE read_model_layouts SET live = live WHERE model = $1 AND live <> $2";
        Statement::new(sql, vec![self.key.clone(), text(set.word())]).expecting(1)
    }

    /// The transaction stands only if the set is at this mark: another process may have emptied it.
    fn filled_to(&self, set: Set, mark: &Mark) -> Statement {
        let sql = "UPDATE read_model_checkpoints SET size = size \
                   WHERE model = $1 AND set_name = $2 AND partition = $3 AND size = $4 AND root = $5";
        let place = vec![self.key.clone(), text(set.word()), SqlValue::Int(i64::from(mark.partition.0))];
        let at = vec![SqlValue::Int(mark.size as i64), text(mark.root)];
        Statement::new(sql, [place, at].concat()).expecting(1)
    }

    /// Removes tables and checkpoints of a set.
    fn drop_tables(&self, set: Set) -> Vec<Statement> {
        let forget = Statement::new(
            "DELETE FROM read_model_checkpoints WHERE model = $1 AND set_name = $2",
            vec![self.key.clone(), text(set.word())],
        );
        let tables = self.model.tables.iter().map(|table| Statement::new(table.drop(&self.layout, set), vec![]));
        tables.chain([forget]).collect()
    }

    fn show(&self, set: Set) -> impl Iterator<Item = Statement> {
        let views = self.model.tables.iter().flat_map(move |table| table.show(&self.layout, set));
        views.map(|sql| Statement::new(sql, vec![]))
    }

    async fn prepare_set(&self) -> Result<Stored, Failure> {
        let mut times = 1;
        loop {
            match self.prepare_once().await {
                Ok(stored) => return Ok(stored),
                Err(failure) if times == PREPARED_TIMES_MAX => return Err(failure),
                Err(failure) => tracing::debug!(model = self.model.name, error = %failure, "preparing it again"),
            }
            times += 1;
            tokio::time::sleep(PREPARED_AGAIN_AFTER).await;
        }
    }

    async fn prepare_once(&self) -> Result<Stored, Failure> {
        if let Some(stored) = self.look_once().await? {
            return Ok(stored);
        }
        let tables: Vec<&str> = self.model.tables.iter().map(|table| table.name).collect();
        // First of all it is said who makes the tables: of several processes that begin at once, one.
        let claim = Statement::new(
            "INSERT INTO read_model_layouts (model, live, tables, filled) VALUES ($1, $2, $3, 0) ON CONFLICT DO NOTHING",
            vec![self.key.clone(), text(Set::A.word()), text(tables.join(" "))],
        );
        // A process that did not notice that the layout was removed may have left something.
        let forget = ["read_model_checkpoints", "read_model_faults"]
            .map(|table| Statement::new(format!("DELETE FROM {table} WHERE model = $1"), vec![self.key.clone()]));
        let begun = std::iter::once(claim.expecting(1)).chain(forget);
        self.store.write(begun.chain(self.create_tables(Set::A)).chain(self.show(Set::A)).collect()).await?;
        tracing::info!(model = self.model.name, layout = self.layout, "tables of this layout are made");
        Ok(Stored { set: Set::A, marks: vec![], filled: false })
    }

    async fn look_once(&self) -> Result<Option<Stored>, Failure> {
        make_bookkeeping(self.store.as_ref()).await?;
        self.stored_marks().await
    }

    /// Checkpoints and live set in one query.
    async fn stored_marks(&self) -> Result<Option<Stored>, Failure> {
        let sql = "SELECT c.partition, c.size, c.root, c.recorded_at, l.live, l.filled FROM read_model_layouts l \
                   LEFT JOIN read_model_checkpoints c ON c.model = l.model AND c.set_name = l.live WHERE l.model = $1";
        let found = self.store.read(vec![Statement::new(sql, vec![self.key.clone()])]).await?;
        let rows: Vec<Vec<SqlValue>> = found.into_iter().flat_map(|rows| rows.rows).collect();
        let Some(first) = rows.first() else { return Ok(None) };
        let (set, filled) = (first[4].text().and_then(Set::from_word), first[5] == SqlValue::Int(1));
        let begun = rows.iter().filter(|row| row[0] != SqlValue::Null);
        let marks: Option<Vec<Mark>> = begun.map(|row| mark(row)).collect();
        let (Some(set), Some(marks)) = (set, marks) else { return Err(self.damaged()) };
        Ok(Some(Stored { set, marks, filled }))
    }

    fn damaged(&self) -> Failure {
        damaged(self.model.name)
    }

    /// Moves the checkpoint; the transaction stands only if it was where it is expected.
    fn checkpoint(&self, set: Set, work: &Work) -> Statement {
        #[cfg(feature = "faults")]
        if crate::faults::checkpoints_are_blind() {
            return self.blind_checkpoint(set, work);
        }
        let recorded_at: SqlValue = work.to.recorded_at.into();
        let place = [self.key.clone(), text(set.word()), SqlValue::Int(i64::from(work.to.partition.0))];
        let to = [SqlValue::Int(work.to.size as i64), text(work.to.root), recorded_at];
        if work.from.size == 0 {
            let sql = "INSERT INTO read_model_checkpoints (model, set_name, partition, size, root, recorded_at) \
                       VALUES ($1, $2, $3, $4, $5, $6)";
            return Statement::new(sql, [place, to].concat()).expecting(1);
        }
        let from = [SqlValue::Int(work.from.size as i64), text(work.from.root)];
        let sql = "UPDATE read_model_checkpoints SET size = $4, root = $5, recorded_at = $6 \
                   WHERE model = $1 AND set_name = $2 AND partition = $3 AND size = $7 AND root = $8";
        Statement::new(sql, [place.as_slice(), &to, &from].concat()).expecting(1)
    }

    /// A fault that a test plants: the checkpoint is moved from wherever it is.
    #[cfg(feature = "faults")]
    fn blind_checkpoint(&self, set: Set, work: &Work) -> Statement {
        let sql = "INSERT INTO read_model_checkpoints (model, set_name, partition, size, root, recorded_at) \
                   VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (model, set_name, partition) DO UPDATE SET \
                   size = excluded.size, root = excluded.root, recorded_at = excluded.recorded_at";
        let to = &work.to;
        let place = vec![self.key.clone(), text(set.word()), SqlValue::Int(i64::from(to.partition.0))];
        let to = vec![SqlValue::Int(to.size as i64), text(to.root), to.recorded_at.into()];
        Statement::new(sql, [place, to].concat())
    }

    async fn page_of(&self, set: Set, table: &Table, after: Option<&Entry>) -> Result<Vec<Entry>, Failure> {
        let rest: Vec<&str> =
            table.columns.iter().map(|column| column.name).filter(|name| !table.key.contains(name)).collect();
        let columns: Vec<&str> = table.key.iter().copied().chain(rest.iter().copied()).collect();
        let keys = table.key.join(", ");
        let (beyond, parameters) = match after {
            None => (String::new(), vec![]),
            Some(last) => {
                let places: Vec<String> = (1..=last.key.len()).map(|place| format!("${place}")).collect();
                (format!(" WHERE ({keys}) > ({})", places.join(", ")), last.key.clone())
            }
        };
        let name = table.in_set(&self.layout, set);
        let sql = format!("SELECT {} FROM {name}{beyond} ORDER BY {keys} LIMIT {PAGE_ROWS}", columns.join(", "));
        let found = self.store.read(vec![Statement::new(sql, parameters)]).await?;
        let rows = found.into_iter().flat_map(|rows| rows.rows);
        Ok(rows
            .map(|mut row| {
                let fields = row.split_off(table.key.len());
                let fields = rest.iter().zip(&fields).map(|(name, value)| ((*name).to_owned(), shown(value))).collect();
                Entry { key: row, fields }
            })
            .collect())
    }
}

/// Makes the bookkeeping tables that are missing.
pub(crate) async fn make_bookkeeping(store: &dyn SqlStore) -> Result<(), Failure> {
    store.write(sets::create().into_iter().map(|sql| Statement::new(sql, vec![])).collect()).await.map(|_| ())
}

pub(crate) fn damaged(model: &str) -> Failure {
    Failure::lasting(PORT, format!("a checkpoint of {model} is damaged; rebuild it"))
}

fn shown(value: &SqlValue) -> Value {
    match value {
        SqlValue::Null => Value::Null,
        SqlValue::Int(number) => (*number).into(),
        SqlValue::Text(text) => text.as_str().into(),
        SqlValue::Bytes(bytes) => hex::encode(bytes).into(),
    }
}

/// A checkpoint from a row of partition, size, root and recorded-at.
pub(crate) fn mark(row: &[SqlValue]) -> Option<Mark> {
    let mut root = [0u8; 32];
    hex::decode_to_slice(row.get(2)?.text()?, &mut root).ok()?;
    Some(Mark {
        partition: Partition(u16::try_from(row.first()?.int()?).ok()?),
        size: u64::try_from(row.get(1)?.int()?).ok()?,
        root: Root(root),
        recorded_at: row.get(3)?.int().map(Timestamp::from_micros),
    })
}

impl Home for SqlHome {
    fn prepare(&self) -> BoxFuture<'_, Result<Stored, Failure>> {
        Box::pin(self.prepare_set())
    }

    fn marks(&self, set: Set) -> BoxFuture<'_, Result<Vec<Mark>, Failure>> {
        let query = Statement::new(
            "SELECT partition, size, root, recorded_at FROM read_model_checkpoints \
             WHERE model = $1 AND set_name = $2 ORDER BY partition",
            vec![self.key.clone(), text(set.word())],
        );
        Box::pin(async move {
            let found = self.store.read(vec![query]).await?;
            let rows = found.into_iter().flat_map(|rows| rows.rows);
            rows.map(|row| mark(&row).ok_or_else(|| self.damaged())).collect()
        })
    }

    fn apply<'a>(&'a self, set: Set, work: &'a Work) -> BoxFuture<'a, Result<(), Failure>> {
        let rows = work.changes.iter().flat_map(|(_, changes)| changes).filter_map(|change| match change {
            Change::Row(row) => Some(row),
            Change::Item(_) => None,
        });
        let planned = plan::statements(&self.layout, set, rows);
        Box::pin(async move {
            let rows = planned.map_err(|misfit| Failure::lasting(PORT, misfit.to_string()))?;
            let statements = std::iter::once(self.checkpoint(set, work)).chain(rows).collect();
            self.store.write(statements).await.map(|_| ())
        })
    }

    fn stored(&self) -> BoxFuture<'_, Result<Option<Stored>, Failure>> {
        Box::pin(self.stored_marks())
    }

    fn look(&self) -> BoxFuture<'_, Result<Option<Stored>, Failure>> {
        Box::pin(self.look_once())
    }

    fn set_filled(&self) -> BoxFuture<'_, Result<(), Failure>> {
        let sql = "UPDATE read_model_layouts SET filled = 1 WHERE model = $1";
        let statement = Statement::new(sql, vec![self.key.clone()]).expecting(1);
        Box::pin(async move { self.store.write(vec![statement]).await.map(|_| ()) })
    }

    fn settle(&self, _set: Set, _partition: Option<Partition>) -> BoxFuture<'_, Result<Option<Mark>, Failure>> {
        Box::pin(std::future::ready(Ok(None))) // Every transaction is durable when it is done.
    }

    fn forget(&self, _set: Set, _partition: Partition) {}

    fn begin(&self, set: Set) -> BoxFuture<'_, Result<(), Failure>> {
        Box::pin(self.begin_set(set))
    }

    fn discard(&self, set: Set) -> BoxFuture<'_, Result<(), Failure>> {
        let statements = std::iter::once(self.not_live(set)).chain(self.drop_tables(set)).collect();
        Box::pin(async move { self.store.write(statements).await.map(|_| ()) })
    }

    fn retire(&self, set: Set) -> BoxFuture<'_, Result<(), Failure>> {
        self.discard(set) // Readers go through the views, which were moved in one transaction.
    }

    fn switch<'a>(&'a self, set: Set, marks: &'a [Mark]) -> BoxFuture<'a, Result<(), Failure>> {
        let filled = marks.iter().filter(|mark| mark.size > 0).map(|mark| self.filled_to(set, mark));
        let sql = "UPDATE read_model_layouts SET live = $2 WHERE model = $1";
        let name_live = Statement::new(sql, vec![self.key.clone(), text(set.word())]).expecting(1);
        let statements = filled.chain([name_live]).chain(self.show(set)).collect();
        Box::pin(async move { self.store.write(statements).await.map(|_| ()) })
    }

    fn page<'a>(
        &'a self,
        set: Set,
        table: usize,
        after: Option<&'a Entry>,
    ) -> BoxFuture<'a, Result<Vec<Entry>, Failure>> {
        Box::pin(self.page_of(set, self.model.tables[table], after))
    }

    fn tables(&self) -> Vec<&'static str> {
        self.model.tables.iter().map(|table| table.name).collect()
    }
}
