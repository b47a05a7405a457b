//! Queries put together from fixed pieces of SQL. Pieces are `&'static str`, so a value can only ever be a parameter. In a
//! piece `{patients}` stands for the rows of that table, as this program's read models have them.

mod row;

use carelog_domain::ports::{SqlValue, Statement};
use carelog_schemas::read_models::named;

pub(crate) use row::{Places, Row, rows, rows_with};

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
    pub(crate) rows: Select,
    /// Whether these are all columns that they have.
    pub(crate) whole: bool,
    /// Their column that no two of them have in common.
    pub(crate) key: &'static str,
    /// The column of the others that holds it, by which they are asked for their row.
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
        if ordering.first_may_be_null {
            self.order[0].push_str(if direction == Towards::End { " NULLS LAST" } else { " NULLS FIRST" });
        }
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

    /// The statement, its tables named and its question marks numbered.
    pub(crate) fn statement(self) -> Statement {
        let Piece { sql, values } = self.piece();
        let marked = named(&sql);
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
    /// True when the first column may be NULL: such rows come after all others, sorted by the other columns. From an end
    /// of an ascending list on databases are told so, and walk an index. Otherwise they are read by a query of their own: no
    /// index has "greater, or NULL" in one piece, nor NULL at the end of a descending list.
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

    #[test]
    fn rows_beside_others_keep_order_and_values_in_their_places() {
        let page = Select::new("appointment, patient, start_at", "appointments")
            .and("hospital = ?", [SqlValue::Int(1)])
            .ordered(&BY_START, Towards::Start)
            .limit(21);
        let patients = Select::new("patient, name", "patients").and("erased = ?", [SqlValue::Int(2)]);
        let roles = Select::new("role", "practitioner_roles");
        let others = [
            Beside { rows: patients, whole: false, key: "patient", column: "patient" },
            Beside { rows: roles, whole: true, key: "role", column: "id" },
        ];
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
    fn an_empty_list_of_allowed_values_finds_nothing() {
        let statement = Select::new("id", "{appointments}").among("hospital IN (??)", []).statement();
        let view = carelog_schemas::read_models::view("appointments");
        assert_eq!(statement.sql, format!("SELECT id FROM {view} WHERE 1 = 0"));
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
