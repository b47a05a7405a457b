//! Does a file belong to the patient it was handed in for? What is printed is compared with what is known; what is not
//! printed, or not known, disagrees with nothing.

use super::flags::{compute_flag, flags_disagree};
use super::{Extraction, PrintedHeader, ReviewReason};
use crate::kernel::LocalDate;
use crate::patient::{Demographics, Identifier};

/// Words around a name that are not part of it. `Jr`, `Sr` and numerals are: they tell a father from his son.
const TITLES: [&str; 17] = [
    "mr", "mrs", "ms", "miss", "mx", "dr", "prof", "sir", "dame", "md", "phd", "dds", "dvm", "rn", "np", "frcp", "mbbs",
];

/// Why a person must look before anything of this extraction reaches the chart; empty when nothing disagrees.
pub fn review_reasons(
    extraction: &Extraction,
    patient: &Demographics,
    identifiers: &[Identifier],
) -> Vec<ReviewReason> {
    let PrintedHeader { name, birth_date, identifier, .. } = &extraction.header;
    let name_differs = name.as_ref().is_some_and(|printed| !same_name(printed, &patient.name.text));
    let birth_date_differs =
        matches!((birth_date, patient.birth_date), (Some(printed), Some(known)) if *printed != known);
    let identifier_differs = identifier.as_ref().is_some_and(|printed| !is_one_of(printed, identifiers));
    let flags_differ = extraction.observations.iter().any(flags_disagree);
    [
        (name_differs, ReviewReason::NameDiffers),
        (birth_date_differs, ReviewReason::BirthDateDiffers),
        (identifier_differs, ReviewReason::IdentifierDiffers),
        (flags_differ, ReviewReason::FlagsDisagree),
    ]
    .into_iter()
    .filter_map(|(differs, reason)| differs.then_some(reason))
    .collect()
}

/// The extraction with every computed flag, for the patient's sex and age on the day the report came.
#[must_use]
pub fn with_computed_flags(mut extraction: Extraction, patient: &Demographics, on: LocalDate) -> Extraction {
    let age = patient.birth_date.and_then(|born| on.years_since(*born));
    for each in &mut extraction.observations {
        each.computed_flag = match (&each.decimal, &each.range) {
            (Some(decimal), Some(range)) => compute_flag(decimal, each.comparator, range, Some(patient.gender), age),
            _ => None,
        };
    }
    extraction
}

/// True when two texts are the same name: titles, case, spaces, hyphens and `Last, First` aside.
pub fn same_name(one: &str, other: &str) -> bool {
    name_words(one) == name_words(other)
}

/// The words of a name in the order they are spoken. A part behind a comma that is more than titles is a first name.
fn name_words(name: &str) -> Vec<String> {
    let mut parts: Vec<Vec<String>> = name.split(',').map(words).collect();
    parts.retain(|part| !part.is_empty());
    if parts.len() > 1 && !is_suffix(&parts[1]) {
        parts.swap(0, 1);
    }
    parts.concat()
}

fn words(part: &str) -> Vec<String> {
    let plain = part.replace(['\u{2019}', '\u{2018}', '`'], "'").replace(['-', '\u{2010}', '\u{2011}'], " ");
    let each = plain.split_whitespace().map(|word| word.replace('.', "").to_lowercase());
    each.filter(|word| !word.is_empty() && !TITLES.contains(&word.as_str())).collect()
}

fn is_suffix(part: &[String]) -> bool {
    part.iter().all(|word| matches!(word.as_str(), "jr" | "sr" | "ii" | "iii" | "iv" | "v"))
}

/// A printed number is the patient's if it is any of theirs, whoever numbers; nothing to compare with is no difference.
fn is_one_of(printed: &str, identifiers: &[Identifier]) -> bool {
    let plain = |text: &str| -> String {
        text.chars().filter(|c| !c.is_whitespace() && *c != '-').flat_map(char::to_uppercase).collect()
    };
    identifiers.is_empty() || identifiers.iter().any(|known| plain(&known.value) == plain(printed))
}

#[cfg(test)]
#[path = "matching_tests.rs"]
mod tests;
