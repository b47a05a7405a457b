//! Registering a hospital, its policies, its price list, and prices at the edges of their dates.

use super::*;
use crate::kernel::Money;
use crate::kernel::aggregate::testing::given;
use crate::organization::{LateCancel, NoShowPolicy};

fn id() -> HospitalId {
    HospitalId(uuid::Uuid::from_u128(1))
}

fn date(text: &str) -> LocalDate {
    text.parse().expect("a date")
}

fn registering() -> RegisterHospital {
    RegisterHospital {
        name: " St Test ".to_owned(),
        zone: "Europe/London".parse().expect("a zone"),
        currency: "GBP".parse().expect("a currency"),
        policies: Policies::default(),
        numbering: Numbering::default(),
    }
}

fn registered() -> OrganizationEvent {
    let RegisterHospital { zone, currency, policies, numbering, .. } = registering();
    HospitalRegistered { hospital: id(), name: "St Test".to_owned(), zone, currency, policies, numbering }.into()
}

fn entry(service: &str, from: &str, to: Option<&str>) -> PriceEntry {
    PriceEntry {
        service: service.to_owned(),
        display: "A visit".to_owned(),
        amount: Money::new(12_000, "GBP".parse().expect("a currency")),
        tax: Tax { category: "S".to_owned(), rate_basis_points: 2_000 },
        valid_from: date(from),
        valid_to: to.map(date),
    }
}

fn prices(entries: Vec<PriceEntry>) -> HospitalCommand {
    HospitalCommand::SetPriceList(SetPriceList { hospital: id(), entries })
}

fn policies(policies: Policies) -> HospitalCommand {
    HospitalCommand::SetPolicies(SetPolicies { hospital: id(), policies })
}

fn fees() -> Policies {
    Policies { no_show_fee: Some("absent".to_owned()), ..Policies::default() }
}

#[track_caller]
fn refuses(entry: PriceEntry, rejection: OrganizationRejection) {
    given::<Hospital>([registered()]).when(prices(vec![entry])).then_rejected(rejection);
}

#[test]
fn a_hospital_is_registered_once() {
    given::<Hospital>([]).when(HospitalCommand::Register(id(), registering())).then([registered()]);
    given::<Hospital>([registered()])
        .when(HospitalCommand::Register(id(), registering()))
        .then_rejected(OrganizationRejection::HospitalExists);
}

#[test]
fn a_hospital_needs_a_name_of_bearable_length() {
    let named = |name: String| HospitalCommand::Register(id(), RegisterHospital { name, ..registering() });
    given::<Hospital>([]).when(named(" ".to_owned())).then_rejected(OrganizationRejection::NameMissing);
    given::<Hospital>([]).when(named("x".repeat(301))).then_rejected(OrganizationRejection::NameTooLong);
}

#[test]
fn numbers_need_digits_and_prefixes_that_differ() {
    let good = Numbering::default();
    for numbering in [
        Numbering { digits: 0, ..good.clone() },
        Numbering { digits: 13, ..good.clone() },
        Numbering { invoice_prefix: "a b".to_owned(), ..good.clone() },
        Numbering { invoice_prefix: good.credit_note_prefix.clone(), ..good.clone() },
        Numbering { credit_note_prefix: "x".repeat(17), ..good },
    ] {
        given::<Hospital>([])
            .when(HospitalCommand::Register(id(), RegisterHospital { numbering, ..registering() }))
            .then_rejected(OrganizationRejection::NumberingInvalid);
    }
}

#[test]
fn policies_are_replaced_and_the_same_again_is_no_event() {
    let off = Policies { no_show: NoShowPolicy::Off, ..Policies::default() };
    given::<Hospital>([registered()])
        .when(policies(off.clone()))
        .then([PoliciesSet { hospital: id(), policies: off }.into()]);
    given::<Hospital>([registered()]).when(policies(Policies::default())).then_nothing();
    given::<Hospital>([]).when(policies(fees())).then_rejected(OrganizationRejection::HospitalUnknown);
}

#[test]
fn policies_have_limits() {
    let good = Policies::default();
    let late = |hours_before| Some(LateCancel { hours_before, fee: "late".to_owned() });
    for (bad, rejection) in [
        (Policies { grace_minutes: 1_441, ..good.clone() }, OrganizationRejection::GraceTooLong),
        (Policies { late_cancel: late(721), ..good.clone() }, OrganizationRejection::LateCancelTooLong),
        (Policies { overbooking_per_slot_max: 101, ..good.clone() }, OrganizationRejection::OverbookingTooMuch),
        (Policies { no_show_fee: Some("a fee".to_owned()), ..good }, OrganizationRejection::FeeInvalid),
    ] {
        given::<Hospital>([registered()]).when(policies(bad)).then_rejected(rejection);
    }
}

#[test]
fn a_fee_of_the_policies_stays_on_the_price_list() {
    let no = || OrganizationRejection::FeeWithoutPrice { service: "absent".to_owned() };
    let listed = PriceListSet { hospital: id(), entries: vec![entry("visit", "2025-01-01", None)] };
    given::<Hospital>([registered(), listed.into()]).when(policies(fees())).then_rejected(no());
    let with_fees = PoliciesSet { hospital: id(), policies: fees() };
    given::<Hospital>([registered(), with_fees.into()])
        .when(prices(vec![entry("visit", "2025-01-01", None)]))
        .then_rejected(no());
}

#[test]
fn a_price_list_is_replaced_as_a_whole() {
    let first = PriceListSet { hospital: id(), entries: vec![entry("visit", "2025-01-01", None)] };
    let second = vec![entry("visit", "2026-01-01", None)];
    given::<Hospital>([registered(), first.clone().into()]).when(prices(second.clone())).then([PriceListSet {
        hospital: id(),
        entries: second,
    }
    .into()]);
    given::<Hospital>([registered(), first.clone().into()]).when(prices(first.entries)).then_nothing();
    given::<Hospital>([]).when(prices(vec![])).then_rejected(OrganizationRejection::HospitalUnknown);
}

#[test]
fn no_two_prices_of_a_service_are_in_force_on_one_day() {
    let meets = vec![entry("visit", "2025-01-01", Some("2025-06-30")), entry("visit", "2025-07-01", None)];
    given::<Hospital>([registered()]).when(prices(meets.clone())).then([PriceListSet {
        hospital: id(),
        entries: meets,
    }
    .into()]);
    let overlaps = vec![entry("visit", "2025-01-01", Some("2025-07-01")), entry("visit", "2025-07-01", None)];
    given::<Hospital>([registered()])
        .when(prices(overlaps))
        .then_rejected(OrganizationRejection::PricesOverlap { service: "visit".to_owned(), date: date("2025-07-01") });
    let open_ended = vec![entry("visit", "2025-07-01", None), entry("visit", "2025-01-01", None)];
    given::<Hospital>([registered()])
        .when(prices(open_ended))
        .then_rejected(OrganizationRejection::PricesOverlap { service: "visit".to_owned(), date: date("2025-07-01") });
}

#[test]
fn each_price_makes_sense_by_itself() {
    let good = entry("visit", "2025-01-01", None);
    let service = || "visit".to_owned();
    let euros = Money::new(1, "EUR".parse().expect("a currency"));
    let pence = |minor| Money::new(minor, "GBP".parse().expect("a currency"));
    let tax = |category: &str, rate_basis_points| Tax { category: category.to_owned(), rate_basis_points };
    refuses(
        PriceEntry { amount: euros, ..good.clone() },
        OrganizationRejection::PriceCurrencyDiffers { service: service() },
    );
    refuses(
        PriceEntry { amount: pence(-1), ..good.clone() },
        OrganizationRejection::PriceNegative { service: service() },
    );
    refuses(
        entry("visit", "2025-01-02", Some("2025-01-01")),
        OrganizationRejection::PricePeriodInvalid { service: service() },
    );
    for bad in [tax("", 0), tax("s", 0), tax("STD", 0), tax("S", 10_001), tax("E", 1)] {
        refuses(PriceEntry { tax: bad, ..good.clone() }, OrganizationRejection::TaxInvalid { service: service() });
    }
    for code in ["", "a b", "a:b", &"x".repeat(65)] {
        refuses(entry(code, "2025-01-01", None), OrganizationRejection::ServiceInvalid);
    }
    refuses(PriceEntry { display: " ".to_owned(), ..good.clone() }, OrganizationRejection::ServiceInvalid);
    let free = PriceEntry { amount: pence(0), tax: tax("Z", 0), ..good };
    given::<Hospital>([registered()]).when(prices(vec![free.clone()])).then([PriceListSet {
        hospital: id(),
        entries: vec![free],
    }
    .into()]);
}

#[test]
fn the_longest_price_list_fits_a_frame() {
    let many: Vec<_> = (0..=ENTRIES_MAX)
        .map(|i| PriceEntry { display: "x".repeat(80), ..entry(&format!("service-{i}"), "2025-01-01", None) })
        .collect();
    given::<Hospital>([registered()]).when(prices(many.clone())).then_rejected(OrganizationRejection::PriceListTooLong);
    let longest: crate::event::Event = PriceListSet { hospital: id(), entries: many[1..].to_vec() }.into();
    let bytes = longest.to_json().to_string().len();
    assert!(bytes < 60_000, "{bytes} bytes");
}

#[test]
fn a_price_is_in_force_from_its_first_to_its_last_day() {
    let listed = PriceListSet { hospital: id(), entries: vec![entry("visit", "2025-01-01", Some("2025-01-31"))] };
    let hospital: Hospital = crate::kernel::fold(&[registered(), listed.into()]);
    let settings = hospital.settings().expect("known");
    let found = |day: &str| settings.price("visit", date(day)).is_some();
    assert_eq!(["2024-12-31", "2025-01-01", "2025-01-31", "2025-02-01"].map(found), [false, true, true, false]);
    assert!(settings.price("other", date("2025-01-01")).is_none());
}
