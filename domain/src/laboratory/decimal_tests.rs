//! Decimals as printed: read, compared, never rounded.

use proptest::prelude::*;

use super::Decimal;

#[test]
fn numbers_are_compared_by_value_and_not_by_their_digits() {
    let ascending = ["-100", "-4.2", "-4.10", "-0.05", "0", "0.0099", "0.01", "4.1", "4.11", "9", "10", "10.0001"];
    for (low, high) in ascending.iter().zip(&ascending[1..]) {
        assert!(Decimal::read(low) < Decimal::read(high), "{low} < {high}");
    }
    for (one, same) in [("4.10", "4.1"), ("007", "7"), ("-0.0", "0"), ("+3", "3.000")] {
        assert_eq!(Decimal::read(one), Decimal::read(same), "{one} = {same}");
    }
}

#[test]
fn what_is_no_plain_decimal_has_no_value() {
    for text in ["", "-", ".", ".5", "5.", "1e3", "1,000", "1:80", "1+", "Negative", "4.1 ", "--1", "1.2.3", "٣"] {
        assert_eq!(Decimal::read(text), None, "{text:?}");
    }
}

proptest! {
    #[test]
    fn the_order_is_that_of_the_scaled_integers(one in -1_000_000_i64..1_000_000, other in -1_000_000_i64..1_000_000) {
        let text = |n: i64| {
            let sign = if n < 0 { "-" } else { "" };
            format!("{sign}{}.{:03}", n.abs() / 1000, n.abs() % 1000)
        };
        let (left, right) = (text(one), text(other));
        prop_assert_eq!(Decimal::read(&left).cmp(&Decimal::read(&right)), one.cmp(&other));
    }
}
