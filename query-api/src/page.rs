//! Relay connections over keyset pages: `first`/`after` from the beginning, `last`/`before` from the end, at most
//! `page_max` rows at once, and a total that is only counted when it is asked for.

use std::borrow::Cow;
use std::sync::Arc;

use async_graphql::{Context, Object, OutputType, SelectionField, SimpleObject, TypeName};
use carelog_domain::ports::{SqlValue, Statement};
use futures::future::join_all;

use crate::asking::Asking;
use crate::cursor::Cursors;
use crate::fields::{Field, Kind, Made, columns_of, each_once};
use crate::loading::FromRow;
use crate::problem::{Answer, Problem};
use crate::sql::{Beside, Ordering, Row, Select, Towards, rows, rows_with};
use crate::straight::Straight;

/// Rows a page has when nobody says.
const PAGE_DEFAULT: usize = 20;
/// Rows a page may have.
pub(crate) const PAGE_MAX: usize = 100;

/// The four arguments of a connection.
#[derive(Default, Debug)]
pub(crate) struct PageArgs {
    pub(crate) first: Option<i32>,
    pub(crate) after: Option<String>,
    pub(crate) last: Option<i32>,
    pub(crate) before: Option<String>,
}

/// What a page of a list costs: each row as much as what is asked of it.
pub(crate) fn page_cost(first: Option<i32>, last: Option<i32>, child_complexity: usize) -> usize {
    let rows = first.or(last).and_then(|rows| usize::try_from(rows).ok()).unwrap_or(PAGE_DEFAULT);
    // More than a page may have is refused later, with a better message than "too complex".
    1 + rows.min(PAGE_MAX) * child_complexity
}

/// Where a page lies in its list.
#[derive(SimpleObject, Debug)]
pub(crate) struct PageInfo {
    /// There are rows after this page.
    has_next_page: bool,
    /// There are rows before this page.
    has_previous_page: bool,
    /// The cursor of the first row, for `before`.
    start_cursor: Option<String>,
    /// The cursor of the last row, for `after`.
    end_cursor: Option<String>,
}

/// A page in the making: which rows, which way.
struct Window {
    towards: Towards,
    rows: usize,
    after: Option<String>,
    before: Option<String>,
}

impl PageArgs {
    fn window(self) -> Answer<Window> {
        if self.first.is_some() && self.last.is_some() {
            return Err(Problem::at("last", "page-ambiguous", "give first or last, not both"));
        }
        let (towards, wanted, argument) = match (self.first, self.last) {
            (_, Some(last)) => (Towards::Start, Some(last), "last"),
            (first, None) => (Towards::End, first, "first"),
        };
        let rows = match wanted {
            None => PAGE_DEFAULT,
            Some(rows) => usize::try_from(rows).ok().filter(|rows| (1..=PAGE_MAX).contains(rows)).ok_or_else(|| {
                Problem::at(
                    argument,
                    "page-size",
                    format!("a page has from 1 to {PAGE_MAX} rows; go on with `after: pageInfo.endCursor`"),
                )
            })?,
        };
        Ok(Window { towards, rows, after: self.after, before: self.before })
    }
}

/// A list that can be paged through: its rows, how they are sorted, and what binds a cursor to it.
pub(crate) struct List {
    /// The read models it is made of.
    pub(crate) models: &'static [&'static str],
    /// All its rows.
    pub(crate) select: Select,
    pub(crate) ordering: Ordering,
    /// Names the list and its filter.
    pub(crate) binding: String,
}

impl List {
    /// One page, and the total if the query asks for it, on one snapshot.
    pub(crate) async fn page<T: OutputType + FromRow>(
        mut self,
        ctx: &Context<'_>,
        args: PageArgs,
    ) -> Answer<Connection<T>> {
        let asking = Asking::of(ctx);
        let window = args.window()?;
        let binding = format!("{} for {:?}", self.binding, asking.actor.reach);
        let cursors = Arc::new(Cursors::new(Arc::clone(&asking.deps.keys), binding));
        let after = window.after.as_deref().map(|text| self.open(&cursors, text, "after")).transpose()?;
        let before = window.before.as_deref().map(|text| self.open(&cursors, text, "before")).transpose()?;

        let asked = fields_of_rows(ctx);
        if let Some(columns) = self.columns_asked::<T>(&asked) {
            self.select = self.select.only(&columns);
        }
        let led = beside_asked::<T>(asking, &asked);
        // All at once: what is waited for hurries.
        let others = join_all(led.iter().map(|(its, _)| asking.wait_for(its)));
        let (own, others) = futures::join!(asking.wait_for(self.models), others);
        own?;
        let (mut models, mut beside) = (self.models.to_vec(), Vec::new());
        for ((its, rows), fresh) in led.into_iter().zip(others) {
            // What its read model does not have yet is left to whoever needs it, and told there.
            if fresh.is_ok() {
                models.extend(its);
                beside.push(rows);
            }
        }
        let segments = self.segments(&window, after.as_deref(), before.as_deref()).into_iter();
        let mut queries: Vec<Statement> = segments.map(|segment| segment.beside(&beside).statement()).collect();
        let count = queries.len();
        if ctx.look_ahead().field("totalCount").exists() {
            queries.push(self.select.clone().with_columns("COUNT(*) AS total").statement());
        }
        let mut found = asking.read(&each_once(models), queries).await?;
        let total = match found.split_off(count).into_iter().flat_map(rows).next() {
            Some(counted) => Some(counted.int("total")?),
            None => None,
        };
        let page = found.into_iter().flat_map(|found| rows_with(found, &beside)).collect();
        self.connection(&window, &cursors, page, total)
    }

    /// The columns that the fields asked for are made of, and those of the cursor; `None` where all of them are needed.
    fn columns_asked<T: FromRow>(&self, asked: &[SelectionField<'_>]) -> Option<Vec<&'static str>> {
        let mut columns = columns_of(T::FIELDS, asked.iter().cloned())?;
        columns.extend(self.ordering.columns);
        Some(each_once(columns))
    }

    fn open(&self, cursors: &Cursors, text: &str, argument: &'static str) -> Answer<Vec<SqlValue>> {
        let key = cursors.open(text, argument)?;
        assert_eq!(key.len(), self.ordering.columns.len(), "a cursor that opens was made for this ordering");
        Ok(key)
    }

    /// The queries whose rows, one after the other, are the page and one row more.
    fn segments(&self, window: &Window, after: Option<&[SqlValue]>, before: Option<&[SqlValue]>) -> Vec<Select> {
        let limited =
            |select: Select, ordering: &Ordering| select.ordered(ordering, window.towards).limit(window.rows + 1);
        let between = |select: Select, ordering: &Ordering, after: Option<&[SqlValue]>, before: Option<&[SqlValue]>| {
            let select = match after {
                Some(key) => select.beyond(ordering, key, Towards::End),
                None => select,
            };
            match before {
                Some(key) => select.beyond(ordering, key, Towards::Start),
                None => select,
            }
        };
        let whole = Ordering { first_may_be_null: false, ..self.ordering };
        if !self.ordering.first_may_be_null {
            return vec![limited(between(self.select.clone(), &whole, after, before), &whole)];
        }
        if after.is_none() && before.is_none() && !self.ordering.descending {
            return vec![limited(self.select.clone(), &self.ordering)];
        }
        let first = self.ordering.columns[0];
        let rest = Ordering { columns: &self.ordering.columns[1..], ..whole };
        let undated = |key: Option<&[SqlValue]>| key.is_some_and(|key| key[0] == SqlValue::Null);
        let mut queries = Vec::new();
        if !undated(after) {
            let before = before.filter(|_| !undated(before));
            queries.push(limited(between(self.select.clone().null(first, false), &whole, after, before), &whole));
        }
        if before.is_none() || undated(before) {
            let after = after.filter(|_| undated(after)).map(|key| &key[1..]);
            let before = before.map(|key| &key[1..]);
            queries.push(limited(between(self.select.clone().null(first, true), &rest, after, before), &rest));
        }
        if window.towards == Towards::Start {
            queries.reverse();
        }
        queries
    }

    fn connection<T: OutputType + FromRow>(
        &self,
        window: &Window,
        cursors: &Arc<Cursors>,
        mut page: Vec<Row>,
        total_count: Option<i64>,
    ) -> Answer<Connection<T>> {
        page.truncate(window.rows + 1);
        let more = page.len() > window.rows;
        page.truncate(window.rows);
        if window.towards == Towards::Start {
            page.reverse();
        }
        let edge = |row: Row| {
            let key: Vec<SqlValue> = self
                .ordering
                .columns
                .iter()
                .map(|column| row.value(unqualified(column)).cloned())
                .collect::<Answer<_>>()?;
            Ok(Edge { key, cursors: Arc::clone(cursors), node: T::read(row)? })
        };
        let edges: Vec<Edge<T>> = page.into_iter().map(edge).collect::<Answer<_>>()?;
        let (has_next_page, has_previous_page) = match window.towards {
            Towards::End => (more, window.after.is_some()),
            Towards::Start => (window.before.is_some(), more),
        };
        Ok(Connection { edges, has_next_page, has_previous_page, total_count })
    }
}

/// The fields that are asked of the rows of a list.
fn fields_of_rows<'f>(ctx: &'f Context<'_>) -> Vec<SelectionField<'f>> {
    let mut fields = Vec::new();
    for list in ctx.field().selection_set() {
        match list.name() {
            "nodes" => fields.extend(list.selection_set()),
            "edges" => {
                let nodes = list.selection_set().filter(|field| field.name() == "node");
                fields.extend(nodes.flat_map(|node| node.selection_set().collect::<Vec<_>>()));
            }
            _ => {}
        }
    }
    fields
}

/// The rows that the fields asked for lead to, and the read models that have them.
fn beside_asked<T: FromRow>(asking: &Asking, asked: &[SelectionField<'_>]) -> Vec<(&'static [&'static str], Beside)> {
    let led = |field: &Field| {
        let Made::Led(to) = field.made else { return None };
        let mut followed = asked.iter().filter(|asked| asked.name() == field.name).peekable();
        followed.peek()?;
        let Kind { models, key, reach, fields, select: mut rows, .. } = to();
        let columns = columns_of(fields, followed.flat_map(SelectionField::selection_set));
        let whole = columns.is_none();
        if let Some(mut columns) = columns {
            columns.push(key);
            rows = rows.only(&each_once(columns));
        }
        if let Some(condition) = reach {
            rows = rows.among_some(condition, asking.reach());
        }
        Some((models, Beside { rows, whole, key, column: field.columns[0] }))
    };
    T::FIELDS.iter().filter_map(led).collect()
}

/// A column as it is named in a result: `p.name_key` is `name_key`.
fn unqualified(column: &'static str) -> &'static str {
    column.rsplit('.').next().unwrap_or(column)
}

/// One row of a connection with its place.
pub(crate) struct Edge<T> {
    key: Vec<SqlValue>,
    cursors: Arc<Cursors>,
    node: T,
}

impl<T> Edge<T> {
    /// Its cursor, made only when somebody asks: that takes a few hashes.
    fn sealed(&self) -> String {
        self.cursors.seal(&self.key)
    }
}

/// A row and its place in the list.
#[Object(name_type)]
impl<T: OutputType + FromRow> Edge<T> {
    /// The place of this row, for `after` or `before`. Opaque; it fits this list with this filter only.
    async fn cursor(&self) -> String {
        self.sealed()
    }

    /// The row.
    async fn node(&self, ctx: &Context<'_>) -> Straight<&T> {
        Straight::new(ctx, &self.node)
    }
}

impl<T: OutputType> TypeName for Edge<T> {
    fn type_name() -> Cow<'static, str> {
        format!("{}Edge", T::type_name()).into()
    }
}

/// A page of a list.
pub(crate) struct Connection<T> {
    edges: Vec<Edge<T>>,
    has_next_page: bool,
    has_previous_page: bool,
    total_count: Option<i64>,
}

/// A page of a list (Relay connection).
#[Object(name_type)]
impl<T: OutputType + FromRow> Connection<T> {
    /// The rows with their cursors.
    async fn edges(&self) -> &[Edge<T>] {
        &self.edges
    }

    /// The rows alone.
    async fn nodes(&self, ctx: &Context<'_>) -> Straight<Vec<&T>> {
        Straight::new(ctx, self.edges.iter().map(|edge| &edge.node).collect())
    }

    /// Where this page lies in the list.
    async fn page_info(&self) -> PageInfo {
        PageInfo {
            has_next_page: self.has_next_page,
            has_previous_page: self.has_previous_page,
            start_cursor: self.edges.first().map(Edge::sealed),
            end_cursor: self.edges.last().map(Edge::sealed),
        }
    }

    /// How many rows the whole list has, with its filter; counted only when asked for.
    #[graphql(complexity = 20)]
    async fn total_count(&self) -> i64 {
        self.total_count.expect("the list is counted whenever totalCount is selected")
    }
}

impl<T: OutputType> TypeName for Connection<T> {
    fn type_name() -> Cow<'static, str> {
        format!("{}Connection", T::type_name()).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(args: PageArgs) -> Result<(Towards, usize), &'static str> {
        args.window().map(|window| (window.towards, window.rows)).map_err(|problem| problem.code)
    }

    #[test]
    fn a_page_has_twenty_rows_unless_told_and_never_more_than_a_hundred() {
        let first = |first| PageArgs { first, ..PageArgs::default() };
        assert_eq!(window(first(None)), Ok((Towards::End, 20)));
        assert_eq!(window(first(Some(100))), Ok((Towards::End, 100)));
        assert_eq!(window(first(Some(101))), Err("page-size"));
        assert_eq!(window(first(Some(0))), Err("page-size"));
        assert_eq!(window(first(Some(-1))), Err("page-size"));
        assert_eq!(window(PageArgs { last: Some(3), ..PageArgs::default() }), Ok((Towards::Start, 3)));
        assert_eq!(window(PageArgs { first: Some(1), last: Some(1), ..PageArgs::default() }), Err("page-ambiguous"));
    }

    #[test]
    fn a_page_costs_each_of_its_rows() {
        assert_eq!(page_cost(Some(50), None, 4), 201);
        assert_eq!(page_cost(None, Some(10), 4), 41);
        assert_eq!(page_cost(None, None, 4), 81);
        assert_eq!(page_cost(Some(i32::MAX), None, 4), 401);
        assert_eq!(page_cost(Some(-5), None, 4), 81);
    }

    #[test]
    fn rows_without_the_first_column_come_last_and_are_read_apart_beyond_a_place() {
        let ordering = Ordering { first_may_be_null: true, ..Ordering::by(&["start_at", "id"]) };
        let list = List { models: &[], select: Select::new("id", "t"), ordering, binding: String::new() };
        let dated = [SqlValue::Int(1), SqlValue::from("a")];
        let undated = [SqlValue::Null, SqlValue::from("a")];
        let sql = |towards, after: Option<&[SqlValue]>, before: Option<&[SqlValue]>| -> Vec<String> {
            let window = Window { towards, rows: 2, after: None, before: None };
            list.segments(&window, after, before).into_iter().map(|select| select.statement().sql).collect()
        };
        assert_eq!(
            sql(Towards::End, None, None),
            ["SELECT id FROM t ORDER BY start_at ASC NULLS LAST, id ASC LIMIT 3"],
            "an end of the list is one query"
        );
        assert_eq!(
            sql(Towards::Start, None, None),
            ["SELECT id FROM t ORDER BY start_at DESC NULLS FIRST, id DESC LIMIT 3"]
        );
        assert_eq!(
            sql(Towards::End, Some(&dated), None),
            [
                "SELECT id FROM t WHERE start_at IS NOT NULL AND (start_at, id) > ($1, $2) ORDER BY start_at ASC, id \
                 ASC LIMIT 3",
                "SELECT id FROM t WHERE start_at IS NULL ORDER BY id ASC LIMIT 3",
            ]
        );
        assert_eq!(
            sql(Towards::End, Some(&undated), None),
            ["SELECT id FROM t WHERE start_at IS NULL AND (id) > ($1) ORDER BY id ASC LIMIT 3"]
        );
        assert_eq!(
            sql(Towards::Start, None, Some(&undated)),
            [
                "SELECT id FROM t WHERE start_at IS NULL AND (id) < ($1) ORDER BY id DESC LIMIT 3",
                "SELECT id FROM t WHERE start_at IS NOT NULL ORDER BY start_at DESC, id DESC LIMIT 3",
            ]
        );
        assert_eq!(sql(Towards::Start, None, Some(&dated)).len(), 1);
    }
}
