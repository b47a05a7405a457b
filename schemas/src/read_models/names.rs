//! The names that this program's read models have in a database.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::{MODELS, Set};

static VIEWS: LazyLock<BTreeMap<&'static str, String>> = LazyLock::new(|| {
    let views = MODELS.iter().flat_map(|model| {
        let layout = model.layout();
        model.tables.iter().map(move |table| (table.name, table.view(&layout)))
    });
    views.collect()
});

static KEYS: LazyLock<BTreeMap<&'static str, String>> =
    LazyLock::new(|| MODELS.iter().map(|model| (model.name, model.key())).collect());

/// The view that shows the rows of a table of this program's read models.
///
/// # Panics
/// When no read model has such a table: names come from the program.
pub fn view(table: &str) -> &'static str {
    VIEWS.get(table).unwrap_or_else(|| panic!("no read model has a table {table}"))
}

/// A table of this program's read models in a set.
///
/// # Panics
/// As [`view`].
pub fn table_in(set: Set, table: &str) -> String {
    format!("{}_{}", view(table), set.word())
}

/// A query in which `{patients}` stands for the view that shows the table's rows.
///
/// # Panics
/// When no read model has such a table, or a brace is not closed.
pub fn named(sql: &str) -> String {
    let mut parts = sql.split('{');
    let mut named = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (table, rest) = part.split_once('}').unwrap_or_else(|| panic!("a brace is not closed in {sql}"));
        named.push_str(view(table));
        named.push_str(rest);
    }
    named
}

/// The read model of this name in this program's layout, as bookkeeping names it; the name itself where there is none.
pub fn key(model: &str) -> &str {
    KEYS.get(model).map_or(model, String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_in_braces_becomes_its_view() {
        let layout = super::super::patients::MODEL.layout();
        assert_eq!(
            named("SELECT p.name FROM {patients} p, {patient_links} l WHERE p.patient = l.patient"),
            format!("SELECT p.name FROM patients__{layout} p, patient_links__{layout} l WHERE p.patient = l.patient")
        );
        assert_eq!(named("SELECT 1"), "SELECT 1");
        let table = super::super::patients::PATIENTS.in_set(&layout, Set::B);
        assert_eq!(table_in(Set::B, "patients"), table);
    }

    #[test]
    #[should_panic(expected = "no read model has a table nope")]
    fn a_table_that_is_not_there_is_named() {
        named("SELECT 1 FROM {nope}");
    }
}
