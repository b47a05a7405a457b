//! Dates as printed. A date that can be read in two ways is not read.

use carelog_domain::kernel::LocalDate;

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// The date at the start of a text, which may go on with a time.
pub(crate) fn read(text: &str) -> Option<LocalDate> {
    let text = text.trim();
    let end = text.find(['T', ' ']).filter(|end| text[..*end].len() >= 8).unwrap_or(text.len());
    numeric(&text[..end]).or_else(|| with_month_name(text))
}

fn numeric(text: &str) -> Option<LocalDate> {
    let separator = text.chars().find(|character| !character.is_ascii_digit())?;
    let parts: Vec<&str> = text.split(separator).collect();
    let [one, two, three] = *parts.as_slice() else { return None };
    let number = |part: &str| part.parse::<u32>().ok();
    let year = |part: &str| if part.len() == 4 { part.parse::<i32>().ok() } else { None };
    if let Some(year) = year(one) {
        return if separator == '.' { None } else { LocalDate::from_ymd_opt(year, number(two)?, number(three)?) };
    }
    let (year, first, second) = (year(three)?, number(one)?, number(two)?);
    match separator {
        '.' => LocalDate::from_ymd_opt(year, second, first),
        // Day or month first is a habit of the country: read only where one of them cannot be a month.
        '/' | '-' if first > 12 => LocalDate::from_ymd_opt(year, second, first),
        '/' | '-' if second > 12 || first == second => LocalDate::from_ymd_opt(year, first, second),
        _ => None,
    }
}

/// `13 Jul 2011`, `13-Jul-2011`, `July 13, 2011`.
fn with_month_name(text: &str) -> Option<LocalDate> {
    let mut words = text.split([' ', '-', '/', ',']).filter(|word| !word.is_empty());
    let (one, two, year) = (words.next()?, words.next()?, words.next()?);
    if year.len() != 4 {
        return None;
    }
    let (day, month) = if one.starts_with(|first: char| first.is_ascii_digit()) { (one, two) } else { (two, one) };
    let name = month.get(..3)?.to_lowercase();
    let month = (1..).zip(MONTHS).find(|(_, known)| *known == name)?.0;
    LocalDate::from_ymd_opt(year.parse().ok()?, month, day.parse().ok()?)
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn a_date_is_read_where_there_is_one_way_to_read_it() {
        for text in [
            "2011-07-13",
            "13 Jul 2011",
            "13-JUL-2011",
            "July 13, 2011",
            "13.07.2011",
            "13/07/2011",
            "07/13/2011",
            "2011-07-13 08:30",
            "2011-07-13T08:30:00",
            "13.07.2011 08:30",
            "13 July 2011 08:30",
        ] {
            assert_eq!(read(text).map(|date| date.to_string()).as_deref(), Some("2011-07-13"), "{text}");
        }
        for text in ["07/08/2011", "", "13 2011", "unknown", "2011", "31.02.2011", "07/13/11"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
