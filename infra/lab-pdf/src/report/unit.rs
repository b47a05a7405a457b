//! Printed units and what they are in UCUM. A unit that is not in this list stays as printed, without UCUM.

/// Printed (normalised, see [`plain`]) and UCUM.
const UNITS: &[(&str, &str)] = &[
    ("%", "%"),
    ("/uL", "/uL"),
    ("U/L", "U/L"),
    ("u/L", "U/L"),
    ("U/mL", "U/mL"),
    ("IU/L", "[IU]/L"),
    ("IU/mL", "[IU]/mL"),
    ("kIU/L", "k[IU]/L"),
    ("mIU/L", "m[IU]/L"),
    ("mIU/mL", "m[IU]/mL"),
    ("uIU/mL", "u[IU]/mL"),
    ("m[IU]/L", "m[IU]/L"),
    ("mU/L", "mU/L"),
    ("g/L", "g/L"),
    ("g/dL", "g/dL"),
    ("mg/L", "mg/L"),
    ("mg/dL", "mg/dL"),
    ("mg/g", "mg/g"),
    ("ug/L", "ug/L"),
    ("ug/dL", "ug/dL"),
    ("ug/mL", "ug/mL"),
    ("mcg/L", "ug/L"),
    ("mcg/dL", "ug/dL"),
    ("mcg/mL", "ug/mL"),
    ("ng/L", "ng/L"),
    ("ng/dL", "ng/dL"),
    ("ng/mL", "ng/mL"),
    ("pg/mL", "pg/mL"),
    ("pg", "pg"),
    ("fL", "fL"),
    ("mol/L", "mol/L"),
    ("mmol/L", "mmol/L"),
    ("mmol/mol", "mmol/mol"),
    ("umol/L", "umol/L"),
    ("nmol/L", "nmol/L"),
    ("pmol/L", "pmol/L"),
    ("mEq/L", "meq/L"),
    ("meq/L", "meq/L"),
    ("mmHg", "mm[Hg]"),
    ("mm[Hg]", "mm[Hg]"),
    ("kPa", "kPa"),
    ("pH", "[pH]"),
    ("/HPF", "/[HPF]"),
    ("/hpf", "/[HPF]"),
    ("/LPF", "/[LPF]"),
    ("/lpf", "/[LPF]"),
    ("[pH]", "[pH]"),
    ("INR", "{INR}"),
    ("{INR}", "{INR}"),
    ("mL/min", "mL/min"),
    ("mL/min/1.73m2", "mL/min/{1.73_m2}"),
    ("mL/min/1,73m2", "mL/min/{1.73_m2}"),
    ("mL/min/1.73m^2", "mL/min/{1.73_m2}"),
    ("mL/min/1,73m^2", "mL/min/{1.73_m2}"),
    ("mL/min/{1.73_m2}", "mL/min/{1.73_m2}"),
    ("10^3/uL", "10*3/uL"),
    ("10*3/uL", "10*3/uL"),
    ("10^6/uL", "10*6/uL"),
    ("10*6/uL", "10*6/uL"),
    ("10^9/L", "10*9/L"),
    ("10*9/L", "10*9/L"),
    ("10^12/L", "10*12/L"),
    ("10*12/L", "10*12/L"),
    ("K/uL", "10*3/uL"),
    ("M/uL", "10*6/uL"),
    ("s", "s"),
    ("sec", "s"),
    ("mm/h", "mm/h"),
    ("mm/hr", "mm/h"),
    ("L/L", "L/L"),
    ("mOsm/kg", "mosm/kg"),
];

/// The UCUM code of a printed unit, where it is known for certain.
pub(crate) fn ucum(printed: &str) -> Option<&'static str> {
    let plain = plain(printed);
    let plain = plain.strip_prefix(['x', 'X', '\u{d7}']).filter(|rest| rest.starts_with("10")).unwrap_or(&plain);
    UNITS.iter().find(|(unit, _)| *unit == plain).map(|(_, ucum)| *ucum)
}

/// Without spaces, with one kind of micro sign and exponents written out.
fn plain(printed: &str) -> String {
    let mut plain = String::with_capacity(printed.len());
    let mut raised = false;
    for character in printed.chars().filter(|character| !character.is_whitespace()) {
        let digit = "⁰¹²³⁴⁵⁶⁷⁸⁹".chars().position(|other| other == character);
        match (digit, character) {
            (Some(digit), _) => {
                if !raised {
                    plain.push('^');
                }
                plain.push(char::from(b'0' + digit as u8));
            }
            (None, '\u{b5}' | '\u{3bc}') => plain.push('u'),
            (None, other) => plain.push(other),
        }
        raised = digit.is_some();
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::ucum;

    #[test]
    fn both_micro_signs_and_all_exponents_mean_the_same() {
        for printed in ["10^3/\u{b5}L", "10^3/\u{3bc}L", "10\u{b3}/\u{b5}L", "x10\u{b3}/uL", "\u{d7} 10\u{b3}/\u{3bc}L"]
        {
            assert_eq!(ucum(printed), Some("10*3/uL"), "{printed}");
        }
        assert_eq!(ucum("mL/min/1.73 m\u{b2}"), Some("mL/min/{1.73_m2}"));
        assert_eq!(ucum("10¹²/L"), Some("10*12/L"));
    }

    #[test]
    fn an_exponent_that_lost_its_place_is_not_a_unit() {
        assert_eq!(ucum("103/uL"), None);
        assert_eq!(ucum("109/L"), None);
        assert_eq!(ucum("bananas"), None);
    }
}
