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
    pub(crate) store: Arc<dyn SqlStore>,
    pub(crate) model: &'static Model,
}

impl SqlHome {
    async fn run(&self, statements: Vec<String>) -> Result<(), Failure> {
        self.store.write(statements.into_iter().map(|sql| Statement::new(sql, vec![])).collect()).await.map(|_| ())
    }

    async fn begin_set(&self, set: Set) -> Result<(), Failure> {
        let mut statements = vec![self.not_live(set)];
        statements.extend(self.drop_tables(set));
        let create = self.model.tables.iter().flat_map(|table| table.create(set));
        statements.extend(create.map(|sql| Statement::new(sql, vec![])));
        self.store.write(statements).await.map(|_| ())
    }

    /// The transaction stands only if this set is not the live one: another process may have switched.
    fn not_live(&self, set: Set) -> Statement {
        let sql = "UPDATE read_model_sets SET live = live WHERE model = $1 AND live <> $2";
        Statement::new(sql, vec![text(self.model.name), text(set.word())]).expecting(1)
    }

    /// The transaction stands only if the set is at this mark: another process may have emptied it.
    fn filled_to(&self, set: Set, mark: &Mark) -> Statement {
        let sql = "UPDATE read_model_checkpoints SET size = size \
                   WHERE model = $1 AND set_name = $2 AND partition = $3 AND size = $4 AND root = $5";
        let place = vec![text(self.model.name), text(set.word()), SqlValue::Int(i64::from(mark.partition.0))];
        let at = vec![SqlValue::Int(mark.size as i64), text(mark.root)];
        Statement::new(sql, [place, at].concat()).expecting(1)
    }

    /// Removes tables and checkpoints of a set.
    fn drop_tables(&self, set: Set) -> Vec<Statement> {
        let forget = Statement::new(
            "DELETE FROM read_model_checkpoints WHERE model = $1 AND set_name = $2",
            vec![text(self.model.name), text(set.word())],
        );
        let tables = self.model.tables.iter().map(|table| Statement::new(table.drop(set), vec![]));
        tables.chain([forget]).collect()
    }

    fn hide(&self) -> impl Iterator<Item = Statement> {
        self.model.tables.iter().map(|table| Statement::new(table.hide(), vec![]))
    }

    fn show(&self, set: Set) -> Vec<Statement> {
        let name_live = Statement::new(
            "INSERT INTO read_model_sets (model, live, layout) VALUES ($1, $2, $3) \
             ON CONFLICT (model) DO UPDATE SET live = excluded.live, layout = excluded.layout",
            vec![text(self.model.name), text(set.word()), text(self.model.layout())],
        );
        let views = self.model.tables.iter().flat_map(|table| table.show(set));
        std::iter::once(name_live).chain(views.map(|sql| Statement::new(sql, vec![]))).collect()
    }

    async fn live_set(&self) -> Result<Option<(Set, String)>, Failure> {
        let query =
            Statement::new("SELECT live, layout FROM read_model_sets WHERE model = $1", vec![text(self.model.name)]);
        let found = self.store.read(vec![query]).await?;
        let row = found.first().and_then(|rows| rows.rows.first());
        Ok(row.and_then(|row| Some((Set::from_word(row[0].text()?)?, row[1].text()?.to_owned()))))
    }

    async fn prepare_set(&self) -> Result<Set, Failure> {
        let mut times = 1;
        loop {
            match self.prepare_once().await {
                Ok(set) => return Ok(set),
                Err(failure) if times == PREPARED_TIMES_MAX => return Err(failure),
                Err(failure) => tracing::debug!(model = self.model.name, error = %failure, "preparing it again"),
            }
            times += 1;
            tokio::time::sleep(PREPARED_AGAIN_AFTER).await;
        }
    }

    async fn prepare_once(&self) -> Result<Set, Failure> {
        self.run(sets::create()).await?;
        let live = self.live_set().await?;
        // First of all it is said who makes the tables: of several processes that begin at once, one.
        let claim = match live {
            Some((set, layout)) if layout == self.model.layout() => return Ok(set),
            Some((_, layout)) => {
                tracing::warn!(model = self.model.name, "the tables have another layout: building them anew");
                let sql = "UPDATE read_model_sets SET layout = $2 WHERE model = $1 AND layout = $3";
                Statement::new(sql, vec![text(self.model.name), text(self.model.layout()), text(layout)])
            }
            None => {
                let sql =
                    "INSERT INTO read_model_sets (model, live, layout) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
                Statement::new(sql, vec![text(self.model.name), text(Set::A.word()), text(self.model.layout())])
            }
        };
        let mut statements = vec![claim.expecting(1)];
        statements.extend(self.hide());
        statements.extend(self.drop_tables(Set::A));
        statements.extend(self.drop_tables(Set::B));
        statements
            .extend(self.model.tables.iter().flat_map(|t| t.create(Set::A)).map(|sql| Statement::new(sql, vec![])));
        statements.extend(self.show(Set::A));
        self.store.write(statements).await?;
        Ok(Set::A)
    }

    /// Checkpoints and live set in one query.
    async fn stored_marks(&self) -> Result<Option<Stored>, Failure> {
        let sql = "SELECT c.partition, c.size, c.root, c.recorded_at, s.live FROM read_model_sets s \
                   LEFT JOIN read_model_checkpoints c ON c.model = s.model AND c.set_name = s.live WHERE s.model = $1";
        let found = self.store.read(vec![Statement::new(sql, vec![text(self.model.name)])]).await?;
        let rows: Vec<Vec<SqlValue>> = found.into_iter().flat_map(|rows| rows.rows).collect();
        let Some(set) = rows.first().map(|row| row[4].text().and_then(Set::from_word)) else { return Ok(None) };
        let begun = rows.iter().filter(|row| row[0] != SqlValue::Null);
        let marks: Option<Vec<Mark>> = begun.map(|row| mark(row)).collect();
        let (Some(set), Some(marks)) = (set, marks) else { return Err(self.damaged()) };
        Ok(Some(Stored { set, marks }))
    }

    fn damaged(&self) -> Failure {
        Failure::lasting(PORT, format!("a checkpoint of {} is damaged; rebuild it", self.model.name))
    }

    /// Moves the checkpoint; the transaction stands only if it was where it is expected.
    fn checkpoint(&self, set: Set, work: &Work) -> Statement {
        #[cfg(feature = "faults")]
        if crate::faults::checkpoints_are_blind() {
            return self.blind_checkpoint(set, work);
        }
        let recorded_at: SqlValue = work.to.recorded_at.into();
        let place = [text(self.model.name), text(set.word()), SqlValue::Int(i64::from(work.to.partition.0))];
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
        let place = vec![text(self.model.name), text(set.word()), SqlValue::Int(i64::from(to.partition.0))];
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
        let name = table.in_set(set);
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

fn shown(value: &SqlValue) -> Value {
    match value {
        SqlValue::Null => Value::Null,
        SqlValue::Int(number) => (*number).into(),
        SqlValue::Text(text) => text.as_str().into(),
        SqlValue::Bytes(bytes) => hex::encode(bytes).into(),
    }
}

fn mark(row: &[SqlValue]) -> Option<Mark> {
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
    fn prepare(&self) -> BoxFuture<'_, Result<Set, Failure>> {
        Box::pin(self.prepare_set())
    }

    fn live(&self) -> BoxFuture<'_, Result<Option<Set>, Failure>> {
        Box::pin(async {
            self.run(sets::create()).await?;
            Ok(self.live_set().await?.map(|(set, _)| set))
        })
    }

    fn marks(&self, set: Set) -> BoxFuture<'_, Result<Vec<Mark>, Failure>> {
        let query = Statement::new(
            "SELECT partition, size, root, recorded_at FROM read_model_checkpoints \
             WHERE model = $1 AND set_name = $2 ORDER BY partition",
            vec![text(self.model.name), text(set.word())],
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
        let planned = plan::statements(set, rows);
        Box::pin(async move {
            let rows = planned.map_err(|misfit| Failure::lasting(PORT, misfit.to_string()))?;
            let statements = std::iter::once(self.checkpoint(set, work)).chain(rows).collect();
            self.store.write(statements).await.map(|_| ())
        })
    }

    fn stored(&self) -> BoxFuture<'_, Result<Option<Stored>, Failure>> {
        Box::pin(self.stored_marks())
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
        let statements = filled.chain(self.show(set)).collect();
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
