//! Whose report it is: names, birth dates and identifiers compared as people would.

use super::super::{Flag, PrintedHeader, ReferenceRange, ReviewReason};
use super::{review_reasons, same_name, with_computed_flags};
use crate::kernel::LocalDate;
use crate::laboratory::tests::{extraction, observation};
use crate::patient::{Demographics, Gender, HumanName, Identifier};

fn date(text: &str) -> LocalDate {
    text.parse().expect("a date")
}

fn ada() -> Demographics {
    Demographics {
        name: HumanName { text: "Mrs. Ada King".to_owned() },
        gender: Gender::Female,
        birth_date: Some(date("1980-02-29")),
        contacts: vec![],
        address: None,
    }
}

fn number(value: &str) -> Identifier {
    Identifier { system: "urn:test".to_owned(), kind: "MR".to_owned(), value: value.to_owned() }
}

fn header(name: Option<&str>, birth_date: Option<&str>, identifier: Option<&str>) -> PrintedHeader {
    PrintedHeader {
        name: name.map(str::to_owned),
        birth_date: birth_date.map(date),
        identifier: identifier.map(str::to_owned),
        sex: None,
        collected: None,
        laboratory: None,
    }
}

#[test]
fn the_same_name_is_written_in_many_ways() {
    for other in
        ["ADA KING", "Ada King", "King, Ada", "KING,ADA", " Dr.  Ada  King , MD", "King, Mrs. Ada", "King, Ada, PhD"]
    {
        assert!(same_name("Mrs. Ada King", other), "{other}");
    }
    assert!(same_name("Anne-Marie O\u{2019}Neil", "anne marie O'NEIL"));
    assert!(same_name("John Smith Jr.", "SMITH JR, John"));
    assert!(same_name("John Smith Jr.", "John Smith, Jr"));
}

#[test]
fn another_name_stays_another_name() {
    for other in ["Ada Kink", "King Ada", "Ada", "Ada B King", "Eda King", ""] {
        assert!(!same_name("Mrs. Ada King", other), "{other}");
    }
    assert!(!same_name("John Smith", "John Smith Jr."));
    assert!(!same_name("John Smith Jr.", "John Smith Sr."));
}

#[test]
fn only_what_is_printed_and_known_can_disagree() {
    use ReviewReason::{BirthDateDiffers, IdentifierDiffers, NameDiffers};
    let table: [(PrintedHeader, &[ReviewReason]); 8] = [
        (header(None, None, None), &[]),
        (header(Some("King, Ada"), Some("1980-02-29"), Some("mr 00-17")), &[]),
        (header(Some("King, Eva"), None, None), &[NameDiffers]),
        (header(None, Some("1980-02-28"), None), &[BirthDateDiffers]),
        (header(None, None, Some("MR0018")), &[IdentifierDiffers]),
        (header(Some("Eva King"), Some("1981-02-28"), Some("X")), &[NameDiffers, BirthDateDiffers, IdentifierDiffers]),
        (header(None, None, Some("B7")), &[]),
        (header(Some("Dr."), None, None), &[NameDiffers]),
    ];
    for (header, expected) in table {
        let mut read = extraction([]);
        read.header = header.clone();
        let found = review_reasons(&read, &ada(), &[number("MR-0017"), number("b7")]);
        assert_eq!(found, expected, "{header:?}");
    }
    let mut unknown = extraction([]);
    unknown.header = header(None, Some("1980-02-28"), Some("MR0018"));
    assert_eq!(review_reasons(&unknown, &Demographics { birth_date: None, ..ada() }, &[]), vec![]);
}

#[test]
fn flags_are_computed_for_the_age_on_the_day_and_a_disagreement_is_a_reason() {
    let mut value = observation(1, "9");
    value.range = Some(ReferenceRange {
        text: "10 - 20".to_owned(),
        low: Some("10".to_owned()),
        high: Some("20".to_owned()),
        applies_to: Some(super::super::AppliesTo { sex: Some(Gender::Female), age_low: None, age_high: Some(40) }),
    });
    value.printed_flag = Some(Flag::Normal);
    let computed = |on: &str| with_computed_flags(extraction([value.clone()]), &ada(), date(on));
    // Born on a 29 February: 41 from 2021-03-01 on.
    assert_eq!(computed("2021-02-28").observations[0].computed_flag, Some(Flag::Low));
    assert_eq!(computed("2021-03-01").observations[0].computed_flag, None);
    assert_eq!(review_reasons(&computed("2021-02-28"), &ada(), &[]), vec![ReviewReason::FlagsDisagree]);
    assert_eq!(review_reasons(&computed("2021-03-01"), &ada(), &[]), vec![]);
}
