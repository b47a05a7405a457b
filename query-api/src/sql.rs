//! Queries put together from fixed pieces of SQL. Pieces are `&'static str`, so a value can only ever be a parameter.

use std::any::TypeId;
use std::sync::Arc;

use carelog_domain::kernel::Timestamp;
use carelog_domain::ports::{Rows, SqlValue, Statement};

use crate::problem::{Answer, Problem};

/// A SELECT in the making. A `?` in a piece stands for one of its values.
#[derive(Clone)]
pub(crate) struct Select {
    columns: Piece,
    from: Piece,
    conditions: Vec<Piece>,
    /// Such as `start_at ASC`.
    order: Vec<String>,
    tail: Vec<Piece>,
}

/// Rows that stand beside others; see [`Select::beside`].
pub(crate) struct Beside {
    pub(crate) kind: TypeId,
    pub(crate) rows: Select,
    /// Whether these are all columns that they have.
    pub(crate) whole: bool,
    /// Their column that no two of them have in common.
    pub(crate) key: &'static str,
    /// The column of the others that holds it.
    pub(crate) column: &'static str,
}

/// SQL with its values, in order.
#[derive(Clone)]
struct Piece {
    sql: String,
    values: Vec<SqlValue>,
}

impl Piece {
    fn new(sql: impl Into<String>, values: impl IntoIterator<Item = SqlValue>) -> Piece {
        let piece = Piece { sql: sql.into(), values: values.into_iter().collect() };
        assert_eq!(piece.sql.matches('?').count(), piece.values.len(), "a piece has one value for each question mark");
        piece
    }
}

fn marks(count: usize) -> String {
    vec!["?"; count].join(", ")
}

impl Select {
    pub(crate) fn new(columns: &'static str, from: &'static str) -> Select {
        Select::with_values(columns, [], from)
    }

    /// With columns that are computed from values.
    pub(crate) fn with_values(
        columns: &'static str,
        values: impl IntoIterator<Item = SqlValue>,
        from: &'static str,
    ) -> Select {
        Select {
            columns: Piece::new(columns, values),
            from: Piece::new(from, []),
            conditions: Vec::new(),
            order: Vec::new(),
            tail: Vec::new(),
        }
    }

    /// Other columns of the same rows, for a count.
    pub(crate) fn with_columns(mut self, columns: &'static str) -> Select {
        self.columns = Piece::new(columns, []);
        self
    }

    /// Some of the columns only.
    pub(crate) fn only(mut self, columns: &[&'static str]) -> Select {
        self.columns = Piece::new(columns.join(", "), []);
        self
    }

    /// Rows for which the condition holds.
    pub(crate) fn and(mut self, condition: &'static str, values: impl IntoIterator<Item = SqlValue>) -> Select {
        self.conditions.push(Piece::new(condition, values));
        self
    }

    /// The same if there is a value.
    pub(crate) fn and_some<T: Into<SqlValue>>(self, condition: &'static str, value: Option<T>) -> Select {
        match value {
            Some(value) => self.and(condition, [value.into()]),
            None => self,
        }
    }

    /// Rows for which the condition holds, `??` in it standing for all of the values, as after `IN`; no value at all
    /// means no row. The last one is repeated up to a power of two, so that lists of any length come to
    /// few texts, which databases keep parsed.
    pub(crate) fn among(mut self, condition: &'static str, values: impl IntoIterator<Item = SqlValue>) -> Select {
        let mut values: Vec<SqlValue> = values.into_iter().collect();
        self.conditions.push(if values.is_empty() {
            Piece::new("1 = 0", [])
        } else {
            let length = values.len().next_power_of_two();
            let last = values[values.len() - 1].clone();
            values.resize(length, last);
            Piece::new(condition.replacen("??", &marks(length), 1), values)
        });
        self
    }

    /// The same if there is a list.
    pub(crate) fn among_some(self, condition: &'static str, values: Option<Vec<SqlValue>>) -> Select {
        match values {
            Some(values) => self.among(condition, values),
            None => self,
        }
    }

    /// The same rows in the same order, each with the rows beside it that it leads to: all columns of this one, then all of
    /// each of the others, NULL where it leads to none.
    pub(crate) fn beside(mut self, others: &[Beside]) -> Select {
        if others.is_empty() {
            return self;
        }
        // Both belong to the whole: databases join only as many rows as are wanted when they see the limit there.
        let order = std::mem::take(&mut self.order).into_iter().map(|column| format!("page.{column}")).collect();
        let tail = std::mem::take(&mut self.tail);
        let (mut columns, Piece { sql, mut values }) = (String::from("page.*"), self.piece());
        let mut from = format!("({sql}) AS page");
        for (number, Beside { rows, key, column, .. }) in others.iter().enumerate() {
            rows.names().for_each(|name| columns.push_str(&format!(", led{number}.{name}")));
            let found = rows.clone().piece();
            from.push_str(&format!(" LEFT JOIN ({}) AS led{number} ON led{number}.{key} = page.{column}", found.sql));
            values.extend(found.values);
        }
        let (columns, from) = (Piece::new(columns, []), Piece::new(from, values));
        Select { columns, from, conditions: Vec::new(), order, tail }
    }

    /// The names of the columns, where none is computed.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.columns.sql.split(',').map(str::trim)
    }

    /// Rows whose column is NULL, or is not.
    pub(crate) fn null(mut self, column: &'static str, is_null: bool) -> Select {
        self.conditions.push(Piece::new(format!("{column} IS {}NULL", if is_null { "" } else { "NOT " }), []));
        self
    }

    /// Rows before or after a place in an ordering.
    pub(crate) fn beyond(mut self, ordering: &Ordering, key: &[SqlValue], direction: Towards) -> Select {
        let sign = if ordering.descending == (direction == Towards::End) { "<" } else { ">" };
        let sql = format!("({}) {sign} ({})", ordering.columns.join(", "), marks(key.len()));
        self.conditions.push(Piece::new(sql, key.iter().cloned()));
        self
    }

    pub(crate) fn ordered(mut self, ordering: &Ordering, direction: Towards) -> Select {
        let word = if ordering.descending == (direction == Towards::End) { "DESC" } else { "ASC" };
        self.order = ordering.columns.iter().map(|column| format!("{column} {word}")).collect();
        self
    }

    /// A fixed end such as `GROUP BY day ORDER BY day`.
    pub(crate) fn ending(mut self, tail: &'static str) -> Select {
        self.tail.push(Piece::new(tail, []));
        self
    }

    pub(crate) fn limit(mut self, rows: usize) -> Select {
        // In the text, so that a database that plans for every value of the parameters knows how few rows are wanted.
        self.tail.push(Piece::new(format!("LIMIT {rows}"), []));
        self
    }

    /// The statement, its question marks numbered.
    pub(crate) fn statement(self) -> Statement {
        let Piece { sql: marked, values } = self.piece();
        let mut sql = String::with_capacity(marked.len() + 2 * values.len());
        for (index, part) in marked.split('?').enumerate() {
            if index > 0 {
                sql.push_str(&format!("${index}"));
            }
            sql.push_str(part);
        }
        Statement::new(sql, values)
    }

    /// All of it, still with question marks.
    fn piece(self) -> Piece {
        let Select { columns, from, conditions, order, tail } = self;
        let mut whole = Piece { sql: String::new(), values: Vec::new() };
        let mut add = |before: &str, piece: Piece| {
            whole.sql.push_str(before);
            whole.sql.push_str(&piece.sql);
            whole.values.extend(piece.values);
        };
        add("SELECT ", columns);
        add(" FROM ", from);
        for (index, condition) in conditions.into_iter().enumerate() {
            add(if index == 0 { " WHERE " } else { " AND " }, condition);
        }
        if !order.is_empty() {
            add(" ORDER BY ", Piece::new(order.join(", "), []));
        }
        tail.into_iter().for_each(|piece| add(" ", piece));
        whole
    }
}

/// The columns a list is sorted by; the last one makes it total. All go the same way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ordering {
    pub(crate) columns: &'static [&'static str],
    pub(crate) descending: bool,
    /// True when the first column may be NULL: such rows come after all others, sorted by the other columns. They are
    /// read by a query of their own, since no two databases agree where NULL sorts.
    pub(crate) first_may_be_null: bool,
}

impl Ordering {
    pub(crate) const fn by(columns: &'static [&'static str]) -> Ordering {
        Ordering { columns, descending: false, first_may_be_null: false }
    }
}

/// Which way a list is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Towards {
    /// From the first row on.
    End,
    /// From the last row back.
    Start,
}

/// One row, read by the names of its columns, and the rows beside it. A copy is the same row.
#[derive(Clone)]
pub(crate) struct Row {
    shape: Arc<Shape>,
    /// Its own from a place on, and those of rows beside it.
    values: Arc<[SqlValue]>,
    from: usize,
}

/// What the values of rows are.
struct Shape {
    columns: Vec<String>,
    /// Where its key stands, for a row that may not be there.
    key: Option<usize>,
    whole: bool,
    /// Rows beside these, and where they begin.
    beside: Vec<(TypeId, usize, Arc<Shape>)>,
}

/// The rows of a result.
pub(crate) fn rows(found: Rows) -> impl DoubleEndedIterator<Item = Row> + ExactSizeIterator {
    rows_with(found, &[])
}

/// The rows of a result of [`Select::beside`].
pub(crate) fn rows_with(
    found: Rows,
    others: &[Beside],
) -> impl DoubleEndedIterator<Item = Row> + ExactSizeIterator + use<> {
    let mut columns = found.columns;
    let mut beside = Vec::with_capacity(others.len());
    for other in others.iter().rev() {
        let from = columns.len().saturating_sub(other.rows.names().count());
        let columns = columns.split_off(from);
        let key = columns.iter().position(|name| name == other.key);
        beside.push((other.kind, from, Arc::new(Shape { columns, key, whole: other.whole, beside: Vec::new() })));
    }
    let shape = Arc::new(Shape { columns, key: None, whole: true, beside });
    found.rows.into_iter().map(move |values| Row { shape: Arc::clone(&shape), values: values.into(), from: 0 })
}

impl Row {
    /// True when all of these columns were fetched; `None` for all there are.
    pub(crate) fn has(&self, columns: Option<&[&'static str]>) -> bool {
        let known = |column: &&str| self.shape.columns.iter().any(|name| name == column);
        self.shape.whole || columns.is_some_and(|columns| columns.iter().all(known))
    }

    /// The row of this kind that was read beside this one, or that there is none; `None` where nothing was read.
    pub(crate) fn beside(&self, kind: TypeId) -> Option<Option<Row>> {
        let (_, from, shape) = self.shape.beside.iter().find(|(of, ..)| *of == kind)?;
        let row = Row { shape: Arc::clone(shape), values: Arc::clone(&self.values), from: *from };
        let is_there =
            shape.key.is_some_and(|key| row.values.get(from + key).is_some_and(|key| *key != SqlValue::Null));
        Some(is_there.then_some(row))
    }

    /// The value, if the column was fetched.
    pub(crate) fn find(&self, column: &str) -> Option<&SqlValue> {
        let index = self.shape.columns.iter().position(|name| name == column)?;
        self.values.get(self.from + index)
    }

    pub(crate) fn value(&self, column: &'static str) -> Answer<&SqlValue> {
        self.find(column).ok_or_else(|| unreadable(column))
    }

    pub(crate) fn int(&self, column: &'static str) -> Answer<i64> {
        self.value(column)?.int().ok_or_else(|| unreadable(column))
    }

    pub(crate) fn text(&self, column: &'static str) -> Answer<&str> {
        self.value(column)?.text().ok_or_else(|| unreadable(column))
    }

    pub(crate) fn maybe_int(&self, column: &'static str) -> Answer<Option<i64>> {
        match self.value(column)? {
            SqlValue::Null => Ok(None),
            value => value.int().map(Some).ok_or_else(|| unreadable(column)),
        }
    }

    pub(crate) fn maybe_text(&self, column: &'static str) -> Answer<Option<&str>> {
        match self.value(column)? {
            SqlValue::Null => Ok(None),
            value => value.text().map(Some).ok_or_else(|| unreadable(column)),
        }
    }

    pub(crate) fn string(&self, column: &'static str) -> Answer<String> {
        self.text(column).map(str::to_owned)
    }

    pub(crate) fn maybe_string(&self, column: &'static str) -> Answer<Option<String>> {
        Ok(self.maybe_text(column)?.map(str::to_owned))
    }

    pub(crate) fn instant(&self, column: &'static str) -> Answer<Timestamp> {
        self.int(column).map(Timestamp::from_micros)
    }

    pub(crate) fn maybe_instant(&self, column: &'static str) -> Answer<Option<Timestamp>> {
        Ok(self.maybe_int(column)?.map(Timestamp::from_micros))
    }

    pub(crate) fn is(&self, column: &'static str) -> Answer<bool> {
        Ok(self.int(column)? != 0)
    }

    /// A text that was an id, a word or a date when it was written.
    pub(crate) fn parsed<T: std::str::FromStr>(&self, column: &'static str) -> Answer<T> {
        self.text(column)?.parse().map_err(|_| unreadable(column))
    }

    pub(crate) fn maybe_parsed<T: std::str::FromStr>(&self, column: &'static str) -> Answer<Option<T>> {
        self.maybe_text(column)?.map(|text| text.parse().map_err(|_| unreadable(column))).transpose()
    }

    /// A word of a closed list.
    pub(crate) fn word<T>(&self, column: &'static str, from_word: fn(&str) -> Option<T>) -> Answer<T> {
        from_word(self.text(column)?).ok_or_else(|| unreadable(column))
    }

    /// JSON kept in a text column.
    pub(crate) fn json<T: serde::de::DeserializeOwned>(&self, column: &'static str) -> Answer<T> {
        serde_json::from_str(self.text(column)?).map_err(|_| unreadable(column))
    }
}

/// A row that is not as the projections write it: the read model is of another revision or was edited by hand.
fn unreadable(column: &'static str) -> Problem {
    tracing::error!(column, "a read model's row cannot be read; verify the projection");
    Problem::new("internal", "the answer cannot be had; an operator finds the cause in the log")
}

#[cfg(test)]
mod tests {
    use super::*;

    const BY_START: Ordering = Ordering::by(&["start_at", "id"]);

    #[test]
    fn every_value_becomes_a_parameter() {
        let hostile = "x' OR 1=1 --";
        let statement = Select::new("id", "appointments")
            .and("start_at >= ? AND start_at < ?", [SqlValue::Int(1), SqlValue::Int(2)])
            .and_some("practitioner = ?", Some(hostile))
            .and_some("patient = ?", None::<&str>)
            .among("status IN (??)", [SqlValue::from("booked"), SqlValue::from(hostile)])
            .beyond(&BY_START, &[SqlValue::Int(5), SqlValue::from("z")], Towards::End)
            .ordered(&BY_START, Towards::End)
            .limit(21)
            .statement();
        assert_eq!(
            statement.sql,
            "SELECT id FROM appointments WHERE start_at >= $1 AND start_at < $2 AND practitioner = $3 AND status IN \
             ($4, $5) AND (start_at, id) > ($6, $7) ORDER BY start_at ASC, id ASC LIMIT 21"
        );
        assert_eq!(statement.parameters.len(), 7);
        assert_eq!(statement.parameters[2], SqlValue::from(hostile));
    }

    fn beside<K: 'static>(rows: Select, key: &'static str, column: &'static str, whole: bool) -> Beside {
        Beside { kind: TypeId::of::<K>(), rows, whole, key, column }
    }

    #[test]
    fn rows_beside_others_keep_order_and_values_in_their_places() {
        let page = Select::new("appointment, patient, start_at", "appointments")
            .and("hospital = ?", [SqlValue::Int(1)])
            .ordered(&BY_START, Towards::Start)
            .limit(21);
        let patients = Select::new("patient, name", "patients").and("erased = ?", [SqlValue::Int(2)]);
        let roles = Select::new("role", "practitioner_roles");
        let others = [beside::<u8>(patients, "patient", "patient", false), beside::<u16>(roles, "role", "id", true)];
        let statement = page.beside(&others).statement();
        assert_eq!(
            statement.sql,
            "SELECT page.*, led0.patient, led0.name, led1.role FROM (SELECT appointment, patient, start_at FROM \
             appointments WHERE hospital = $1) AS page LEFT JOIN (SELECT patient, name FROM patients WHERE erased = $2) \
             AS led0 ON led0.patient = page.patient LEFT JOIN (SELECT role FROM practitioner_roles) AS led1 ON \
             led1.role = page.id ORDER BY page.start_at DESC, page.id DESC LIMIT 21"
        );
        assert_eq!(statement.parameters, [SqlValue::Int(1), SqlValue::Int(2)]);
    }

    #[test]
    fn a_row_knows_the_rows_beside_it_and_that_there_are_none() {
        let others = [
            beside::<u8>(Select::new("b, c", "t"), "b", "a", false),
            beside::<u16>(Select::new("c", "t"), "c", "a", true),
        ];
        let columns = ["a", "b", "c", "c"].map(str::to_owned).to_vec();
        let full = [1, 2, 3, 4].map(SqlValue::Int).to_vec();
        let lone = vec![SqlValue::Int(5), SqlValue::Null, SqlValue::Null, SqlValue::Int(6)];
        let found: Vec<Row> = rows_with(Rows { columns, rows: vec![full, lone] }, &others).collect();
        let beside = |row: &Row, kind| row.beside(kind).map(|row| row.map(|row| row.int("c").expect("a number")));
        let (first, other) = (TypeId::of::<u8>(), TypeId::of::<u16>());
        assert_eq!((beside(&found[0], first), beside(&found[0], other)), (Some(Some(3)), Some(Some(4))));
        assert_eq!((beside(&found[1], first), beside(&found[1], other)), (Some(None), Some(Some(6))));
        assert_eq!((found[1].int("a").ok(), found[0].find("c")), (Some(5), None));
        assert!(found[0].beside(TypeId::of::<u32>()).is_none());
        let (part, whole) = (found[0].beside(first).flatten(), found[0].beside(other).flatten());
        let has =
            |row: &Option<Row>, columns: Option<&[&'static str]>| row.as_ref().is_some_and(|row| row.has(columns));
        assert!(has(&part, Some(&["b"])) && !has(&part, Some(&["b", "d"])) && !has(&part, None) && has(&whole, None));
        assert_eq!(rows_with(Rows::default(), &others).count(), 0, "a result without rows names no columns");
    }

    #[test]
    fn an_empty_list_of_allowed_values_finds_nothing() {
        let statement = Select::new("id", "appointments").among("hospital IN (??)", []).statement();
        assert_eq!(statement.sql, "SELECT id FROM appointments WHERE 1 = 0");
    }

    #[test]
    fn reading_towards_the_start_turns_order_and_comparison_round() {
        let newest = Ordering { descending: true, ..BY_START };
        let sql = |ordering: &Ordering, towards| {
            let key = [SqlValue::Int(5), SqlValue::from("z")];
            Select::new("id", "t").beyond(ordering, &key, towards).ordered(ordering, towards).statement().sql
        };
        assert!(sql(&BY_START, Towards::Start).ends_with("(start_at, id) < ($1, $2) ORDER BY start_at DESC, id DESC"));
        assert!(sql(&newest, Towards::End).ends_with("(start_at, id) < ($1, $2) ORDER BY start_at DESC, id DESC"));
        assert!(sql(&newest, Towards::Start).ends_with("(start_at, id) > ($1, $2) ORDER BY start_at ASC, id ASC"));
    }
}
