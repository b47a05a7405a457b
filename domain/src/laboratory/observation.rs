//! One value of a report through its life: registered -> preliminary -> final -> amended; never back. What a person
//! changes keeps the value before it.

use super::decimal::Decimal;
use super::flags::compute_flag;
use super::{Comparator, Flag, LaboratoryRejection, Observation, ObservationChange, ObservationStatus};

impl Observation {
    /// True when the laboratory or the range says that somebody must see it at once.
    pub fn is_critical(&self) -> bool {
        [self.printed_flag, self.computed_flag].into_iter().flatten().any(Flag::is_critical)
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

    /// As it stands after a change by a person: the value before stays in `earlier`, and flags speak of the new value.
    #[must_use]
    pub fn amended_by(mut self, change: &ObservationChange) -> Observation {
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
        self.status = ObservationStatus::Amended;
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
        let Some((comparator, decimal)) = printed.and_then(plainly) else { return Ok(()) };
        let agrees = self.decimal.as_deref().is_none_or(|told| Decimal::read(told) == Decimal::read(decimal));
        let told = self.decimal.is_some() || self.comparator.is_some();
        if !agrees || (told && self.comparator != comparator) {
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

/// The number that a printed value is, where it is a plain decimal with at most a comparator before it.
fn plainly(printed: &str) -> Option<(Option<Comparator>, &str)> {
    use Comparator as C;
    let printed = printed.trim();
    let comparators = [C::LessOrEqual, C::GreaterOrEqual, C::Less, C::Greater];
    let found = comparators.into_iter().find_map(|each| Some((each, printed.strip_prefix(each.word())?)));
    let (comparator, number) = found.map_or((None, printed), |(each, rest)| (Some(each), rest.trim_start()));
    Decimal::read(number).map(|_| (comparator, number))
}
