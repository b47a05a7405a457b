//! One value of a report through its life: registered -> preliminary -> final -> amended | corrected | cancelled; never
//! back. What a person changes keeps the value before it.

use super::decimal::Decimal;
use super::flags::compute_flag;
use super::{
    AddedObservation, Comparator, Flag, LaboratoryRejection, Observation, ObservationChange, ObservationStatus,
};

/// Longest text of a value that a person adds.
const TEXT_BYTES_MAX: usize = 500;

impl Observation {
    /// True when the laboratory or the range says that somebody must see it at once, unless it was withdrawn.
    pub fn is_critical(&self) -> bool {
        self.status != ObservationStatus::Cancelled
            && [self.printed_flag, self.computed_flag].into_iter().flatten().any(Flag::is_critical)
    }

    /// As a machine's reading is kept: unconfirmed, and preliminary at most, whatever it says itself.
    #[must_use]
    pub fn read_by_machine(mut self, number: u32) -> Observation {
        self.number = number;
        self.machine_read = true;
        let missing = self.printed.is_none();
        self.status = if missing { ObservationStatus::Registered } else { ObservationStatus::Preliminary };
        self
    }

    /// As it stands once a person made the report final. One that the laboratory printed with an earlier value is
    /// amended. Statuses that are past final stay.
    #[must_use]
    pub fn confirmed(mut self) -> Observation {
        self.machine_read = false;
        self.status = match self.status {
            ObservationStatus::Registered | ObservationStatus::Preliminary if self.earlier.is_empty() => {
                ObservationStatus::Final
            }
            ObservationStatus::Registered | ObservationStatus::Preliminary => ObservationStatus::Amended,
            status => status,
        };
        self
    }

    /// As it stands after changes by a person that may concern it: `status` says why it was changed.
    #[must_use]
    pub fn changed_by(self, changes: &[ObservationChange], status: ObservationStatus) -> Observation {
        match changes.iter().find(|change| change.number == self.number) {
            Some(change) => Observation { status, ..self.with(change) },
            None => self,
        }
    }

    /// The value before stays in `earlier`, and flags speak of the new value.
    fn with(mut self, change: &ObservationChange) -> Observation {
        if let Some(printed) = &change.printed {
            self.earlier.extend(self.printed.replace(printed.clone()));
            self.decimal.clone_from(&change.decimal);
            self.comparator = change.comparator;
            self.printed_flag = None;
            self.computed_flag = self.flag_of_new_value();
        }
        if let Some(unit) = &change.unit {
            self.ucum = self.ucum.filter(|_| self.unit.as_ref() == Some(unit));
            self.unit = Some(unit.clone());
        }
        self.printed_flag = change.flag.or(self.printed_flag);
        self.machine_read = false;
        self
    }

    /// Whom a range is for needs no second look: that it once gave a flag says that it is this person's.
    fn flag_of_new_value(&self) -> Option<Flag> {
        let mut range = self.range.clone()?;
        if self.computed_flag.is_some() {
            range.applies_to = None;
        }
        compute_flag(self.decimal.as_ref()?, self.comparator, &range, None, None)
    }
}

impl AddedObservation {
    /// It says what was measured and what came of it; `place` is its place in the list, from 1.
    pub(super) fn check(&self, place: u32) -> Result<(), LaboratoryRejection> {
        let texts =
            [Some(&self.name), Some(&self.printed), self.loinc.as_ref(), self.unit.as_ref(), self.ucum.as_ref()];
        let range = self.range.iter().flat_map(|range| [Some(&range.text), range.low.as_ref(), range.high.as_ref()]);
        let fits = |text: &String| !text.trim().is_empty() && text.len() <= TEXT_BYTES_MAX;
        let bounds = self.range.iter().flat_map(|range| [range.low.as_deref(), range.high.as_deref()]);
        let decimals = bounds.chain([self.decimal.as_deref()]).flatten();
        let good = texts.into_iter().chain(range).flatten().all(fits)
            && decimals.into_iter().all(|decimal| Decimal::read(decimal).is_some())
            && is_told(self.printed.trim(), self.decimal.as_deref(), self.comparator);
        if good { Ok(()) } else { Err(LaboratoryRejection::AppendedInvalid { place }) }
    }

    /// As it is kept: somebody stands for it, and its number is the printed one.
    pub(super) fn numbered(self, number: u32) -> Observation {
        let (comparator, decimal) = match (plainly(&self.printed), self.decimal) {
            (Some((comparator, decimal)), None) => (comparator, Some(decimal.to_owned())),
            (_, told) => (self.comparator, told),
        };
        let computed_flag = match (&decimal, &self.range) {
            (Some(decimal), Some(range)) => compute_flag(decimal, comparator, range, None, None),
            _ => None,
        };
        Observation {
            number,
            name: self.name,
            loinc: self.loinc,
            printed: Some(self.printed),
            decimal,
            comparator,
            unit: self.unit,
            ucum: self.ucum,
            range: self.range,
            printed_flag: self.flag,
            computed_flag,
            status: ObservationStatus::Final,
            machine_read: false,
            page: 0,
            line: 0,
            earlier: vec![],
        }
    }
}

/// Numbers of the critical ones.
pub(super) fn critical<'a>(observations: impl IntoIterator<Item = &'a Observation>) -> Vec<u32> {
    observations.into_iter().filter(|each| each.is_critical()).map(|each| each.number).collect()
}

impl ObservationChange {
    /// A change says something, and its number is one.
    pub(super) fn check(&self) -> Result<(), LaboratoryRejection> {
        let number = self.number;
        let printed = self.printed.as_ref().map(|printed| printed.trim());
        if printed == Some("") || (printed.is_none() && self.unit.is_none() && self.flag.is_none()) {
            return Err(LaboratoryRejection::AmendmentEmpty { number });
        }
        let loose = self.printed.is_none() && (self.decimal.is_some() || self.comparator.is_some());
        let unread = self.decimal.as_ref().is_some_and(|decimal| Decimal::read(decimal).is_none());
        if loose || unread {
            return Err(LaboratoryRejection::AmendmentValueMalformed { number });
        }
        if printed.is_some_and(|printed| !is_told(printed, self.decimal.as_deref(), self.comparator)) {
            return Err(LaboratoryRejection::AmendmentValueDiffers { number });
        }
        Ok(())
    }

    /// As it is kept: the number that a printed value plainly is need not be told again.
    pub(super) fn completed(mut self) -> ObservationChange {
        if let (Some((comparator, decimal)), None) = (self.printed.as_deref().and_then(plainly), &self.decimal) {
            (self.comparator, self.decimal) = (comparator, Some(decimal.to_owned()));
        }
        self
    }
}

/// True when the number told with a printed value, if any is, is the one that the value plainly is. What is no plain number
/// may be told as one by a person; a comparator alone says nothing.
fn is_told(printed: &str, decimal: Option<&str>, comparator: Option<Comparator>) -> bool {
    let Some((plain_comparator, plain)) = plainly(printed) else { return decimal.is_some() || comparator.is_none() };
    let agrees = decimal.is_none_or(|told| Decimal::read(told) == Decimal::read(plain));
    let told = decimal.is_some() || comparator.is_some();
    agrees && (!told || comparator == plain_comparator)
}

/// The number that a printed value is, where it is a plain decimal with at most a comparator before it.
fn plainly(printed: &str) -> Option<(Option<Comparator>, &str)> {
    use Comparator as C;
    let printed = printed.trim();
    let comparators = [C::LessOrEqual, C::GreaterOrEqual, C::Less, C::Greater];
    let found = comparators.into_iter().find_map(|each| Some((each, printed.strip_prefix(each.word())?)));
    let (comparator, number) = found.map_or((None, printed), |(each, rest)| (Some(each), rest.trim_start()));
    Decimal::read(number).map(|_| (comparator, number))
}
