//! Rows of a statement as the server takes many at once: an array for each column, which it unnests. One short text however
//! many rows there are, parsed and planned once, and no bound on their parameters.

use carelog_domain::ports::{ROWS, SqlValue, Statement};
use tokio_postgres::types::Type;

use crate::parameter::{Parameter, kind};

/// The values of one column, sent as an array.
type Array<'a> = Vec<Parameter<'a>>;

/// A statement's text with its arrays in place of its rows, and these with their types.
pub(crate) fn unnested<'a>(
    statement: &'a Statement,
    samples: &[Option<&SqlValue>],
) -> (String, Vec<(Array<'a>, Type)>) {
    let rows = statement.parameters.chunks(samples.len());
    let (mut columns, mut arrays) = (Vec::with_capacity(samples.len()), Vec::new());
    for (place, sample) in samples.iter().enumerate() {
        // NULL takes the type of its column.
        let Some(of_array) = sample.and_then(array_of) else {
            columns.push("NULL".to_owned());
            continue;
        };
        columns.push(format!("c{place}"));
        arrays.push((rows.clone().map(|row| Parameter(&row[place])).collect(), of_array));
    }
    let from = if arrays.is_empty() {
        format!("generate_series(1, {})", rows.len())
    } else {
        let parameters: Vec<String> = (1..=arrays.len()).map(|number| format!("${number}")).collect();
        let names: Vec<&str> = columns.iter().map(String::as_str).filter(|name| *name != "NULL").collect();
        format!("unnest({}) AS given ({})", parameters.join(", "), names.join(", "))
    };
    (statement.sql.replacen(ROWS, &format!("SELECT {} FROM {from}", columns.join(", ")), 1), arrays)
}

fn array_of(value: &SqlValue) -> Option<Type> {
    Some(match kind(value)? {
        Type::INT8 => Type::INT8_ARRAY,
        Type::BYTEA => Type::BYTEA_ARRAY,
        _ => Type::TEXT_ARRAY,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_column_with_a_value_is_an_array_and_others_are_null() {
        let null = || SqlValue::Null;
        let values = vec!["a".into(), null(), null(), "b".into(), null(), 7.into()];
        let statement = Statement::of_rows("INSERT INTO t (a, b, c) {rows} ON CONFLICT (a) DO NOTHING", 3, values);
        let samples = statement.samples().expect("they fit").expect("rows");
        let (sql, arrays) = unnested(&statement, &samples);
        let expected = "INSERT INTO t (a, b, c) SELECT c0, NULL, c2 FROM unnest($1, $2) AS given (c0, c2) \
                        ON CONFLICT (a) DO NOTHING";
        assert_eq!(sql, expected);
        let shapes: Vec<(usize, Type)> = arrays.into_iter().map(|(array, kind)| (array.len(), kind)).collect();
        assert_eq!(shapes, [(2, Type::TEXT_ARRAY), (2, Type::INT8_ARRAY)]);
    }
}
