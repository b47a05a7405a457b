//! Rows that a page leads to, such as the patients of its appointments, read with the page and not after it: that spares an
//! answer its second round trip and transaction. Whoever follows a field looks here first.

use std::any::TypeId;
use std::collections::HashMap;

use parking_lot::Mutex;

use crate::sql::Row;

/// Rows by their kind and key.
#[derive(Default)]
pub(crate) struct Ahead(Mutex<HashMap<(TypeId, String), Kept>>);

struct Kept {
    row: Row,
    /// Whether all its columns were fetched.
    whole: bool,
}

impl Ahead {
    /// Keeps a row, of which all columns were fetched or some.
    pub(crate) fn keep(&self, kind: TypeId, key: String, row: Row, whole: bool) {
        self.0.lock().insert((kind, key), Kept { row, whole });
    }

    /// The row, if it is here with all of these columns; `None` for all there are.
    pub(crate) fn row(&self, kind: TypeId, key: String, columns: Option<&[&'static str]>) -> Option<Row> {
        let kept = self.0.lock();
        let Kept { row, whole } = kept.get(&(kind, key))?;
        let has_them = *whole || columns.is_some_and(|columns| columns.iter().all(|column| row.has(column)));
        has_them.then(|| row.clone())
    }

    /// True while nothing was read ahead.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.lock().is_empty()
    }

    /// Forgets what was read: the next answer of a subscription begins.
    pub(crate) fn clear(&self) {
        self.0.lock().clear();
    }
}

#[cfg(test)]
mod tests {
    use carelog_domain::ports::{Rows, SqlValue};

    use super::*;
    use crate::sql::rows;

    #[test]
    fn a_row_serves_those_who_need_no_more_of_it_than_was_fetched() {
        let ahead = Ahead::default();
        let (kind, other) = (TypeId::of::<u8>(), TypeId::of::<u16>());
        let found = Rows { columns: vec!["id".into(), "name".into()], rows: vec![vec!["1".into(), SqlValue::Null]] };
        let row = rows(found).next().expect("one row");
        ahead.keep(kind, "1".into(), row.clone(), false);
        ahead.keep(kind, "2".into(), row, true);
        let has = |kind, key: &str, columns: Option<&[&'static str]>| ahead.row(kind, key.into(), columns).is_some();
        assert!(has(kind, "1", Some(&["name"])) && has(kind, "1", Some(&[])));
        assert!(!has(kind, "1", Some(&["name", "gender"])) && !has(kind, "1", None));
        assert!(has(kind, "2", None) && has(kind, "2", Some(&["gender"])));
        assert!(!has(other, "1", Some(&["name"])) && !has(kind, "3", Some(&[])));
        ahead.clear();
        assert!(ahead.is_empty() && !has(kind, "2", None));
    }
}
