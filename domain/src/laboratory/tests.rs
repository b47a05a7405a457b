//! Given, when, then over a lab report, and what its tests share.

use super::commands::*;
use super::events::*;
use super::*;
use crate::event::LabReportEvent;
use crate::kernel::aggregate::testing::{Given, given};
use crate::kernel::{Clinical, Decide, HospitalId, LabReportId, PatientId, Times, Timestamp, fold};
use crate::ports::BlobName;
use crate::rejection::Rejection;
use LaboratoryRejection as No;

const REPORT: LabReportId = LabReportId(uuid::Uuid::from_u128(1));
const HOSPITAL: HospitalId = HospitalId(uuid::Uuid::from_u128(2));
const PATIENT: PatientId = PatientId(uuid::Uuid::from_u128(3));
const OTHER: PatientId = PatientId(uuid::Uuid::from_u128(4));

/// A value as a reader hands it over; it claims to be final, which no machine's reading may be.
pub(super) fn observation(number: u32, printed: &str) -> Observation {
    Observation {
        number,
        name: "Potassium".to_owned(),
        loinc: None,
        printed: Some(printed.to_owned()),
        decimal: decimal::Decimal::read(printed).map(|_| printed.to_owned()),
        comparator: None,
        unit: Some("mmol/L".to_owned()),
        ucum: Some("mmol/L".to_owned()),
        range: None,
        printed_flag: None,
        computed_flag: None,
        status: ObservationStatus::Final,
        machine_read: false,
        page: 1,
        line: number,
        earlier: vec![],
    }
}

pub(super) fn extraction(observations: impl IntoIterator<Item = Observation>) -> Extraction {
    let header =
        PrintedHeader { name: None, birth_date: None, identifier: None, sex: None, collected: None, laboratory: None };
    let observations = observations.into_iter().collect();
    Extraction { header, observations, unparsed: vec!["~~".to_owned()], pages: 1, producer: None }
}

pub(super) fn flagged(number: u32, printed: &str, flag: Flag) -> Observation {
    Observation { printed_flag: Some(flag), ..observation(number, printed) }
}

/// One plain value, one critical, one in words.
fn read() -> Extraction {
    let words = Observation { decimal: None, ..observation(3, "haemolysed") };
    extraction([observation(1, "4.10"), flagged(2, "7.2", Flag::CriticallyHigh), words])
}

/// The same with one that is missing.
fn read_in_part() -> Extraction {
    let missing = Observation { printed: None, decimal: None, ..observation(4, "") };
    let mut read = read();
    read.observations.push(missing);
    read
}

fn text(text: &str) -> Clinical<String> {
    Clinical::new(text.to_owned())
}

pub(super) fn upload() -> UploadLabReport {
    UploadLabReport {
        report: REPORT,
        hospital: HOSPITAL,
        patient: PATIENT,
        blob: BlobName::of(b"sealed"),
        file_hash: "ab".to_owned(),
        file_name: text("a.pdf"),
        bytes: 10,
        media_type: "application/pdf".to_owned(),
    }
}

pub(super) fn record(attempt: u32, extraction: Extraction, review: &[ReviewReason]) -> LabReportCommand {
    RecordExtraction { report: REPORT, attempt, extraction: Clinical::new(extraction), review: review.to_vec() }.into()
}

pub(super) fn fail(attempt: u32) -> LabReportCommand {
    RecordProcessingFailure { report: REPORT, attempt, reason: FailureReason::Encrypted }.into()
}

pub(super) fn resolve(accepted: bool) -> LabReportCommand {
    ResolveReview { report: REPORT, accepted, reason: text("seen") }.into()
}

pub(super) fn change(number: u32, printed: &str) -> ObservationChange {
    ObservationChange {
        number,
        printed: Some(printed.to_owned()),
        decimal: Some(printed.to_owned()),
        comparator: None,
        unit: None,
        flag: None,
    }
}

pub(super) fn amend(changes: impl IntoIterator<Item = ObservationChange>) -> LabReportCommand {
    let changes = Clinical::new(changes.into_iter().collect());
    AmendLabReport { report: REPORT, changes, reason: text("misread") }.into()
}

pub(super) fn correct(changes: impl IntoIterator<Item = ObservationChange>) -> LabReportCommand {
    let changes = Clinical::new(changes.into_iter().collect());
    CorrectLabReport { report: REPORT, changes, reason: text("read off the wrong line") }.into()
}

/// A value as somebody adds it.
pub(super) fn added(printed: &str) -> AddedObservation {
    AddedObservation {
        name: "Magnesium".to_owned(),
        loinc: None,
        printed: printed.to_owned(),
        decimal: None,
        comparator: None,
        unit: Some("mmol/L".to_owned()),
        ucum: None,
        range: None,
        flag: None,
    }
}

pub(super) fn append(values: impl IntoIterator<Item = AddedObservation>) -> LabReportCommand {
    let observations = Clinical::new(values.into_iter().collect());
    AppendToLabReport { report: REPORT, observations, reason: text("came later") }.into()
}

pub(super) fn cancel_value(observation: u32) -> LabReportCommand {
    CancelObservation { report: REPORT, observation, reason: text("the sample was haemolysed") }.into()
}

pub(super) fn acknowledge(observation: u32, seen: &str) -> LabReportCommand {
    AcknowledgeCritical { report: REPORT, observation, value_seen: text(seen) }.into()
}

pub(super) fn start() -> LabReportCommand {
    StartProcessing { report: REPORT }.into()
}

pub(super) fn retry() -> LabReportCommand {
    RetryProcessing { report: REPORT }.into()
}

pub(super) fn finalise() -> LabReportCommand {
    FinaliseLabReport { report: REPORT }.into()
}

pub(super) fn cancel() -> LabReportCommand {
    CancelLabReport { report: REPORT, reason: text("wrong file") }.into()
}

/// The events these commands make of a report, one after the other.
fn history(commands: impl IntoIterator<Item = LabReportCommand>) -> Vec<LabReportEvent> {
    let mut events = vec![];
    for command in commands {
        let state: LabReport = fold(&events);
        let decided = state.decide(&command, &Times::live(Timestamp::from_micros(0)));
        events.extend(decided.unwrap_or_else(|no| panic!("{command:?}: {no}")));
    }
    events
}

fn after(commands: impl IntoIterator<Item = LabReportCommand>) -> Given<LabReport> {
    given(history(commands))
}

fn state(commands: impl IntoIterator<Item = LabReportCommand>) -> ReportRecord {
    let state: LabReport = fold(&history(commands));
    state.record().expect("a report").clone()
}

fn processing() -> Vec<LabReportCommand> {
    vec![upload().into(), start()]
}

fn preliminary() -> Vec<LabReportCommand> {
    vec![upload().into(), start(), record(1, read(), &[])]
}

fn partial() -> Vec<LabReportCommand> {
    vec![upload().into(), start(), record(1, read_in_part(), &[])]
}

fn in_review() -> Vec<LabReportCommand> {
    [processing(), vec![record(1, read(), &[ReviewReason::NameDiffers])]].concat()
}

fn finalised() -> Vec<LabReportCommand> {
    [preliminary(), vec![finalise()]].concat()
}

/// Every state a report can be in, under a name.
fn states() -> Vec<(&'static str, Vec<LabReportCommand>)> {
    let then = |before: Vec<LabReportCommand>, more: LabReportCommand| [before, vec![more]].concat();
    vec![
        ("unknown", vec![]),
        ("uploaded", vec![upload().into()]),
        ("processing", processing()),
        ("failed", then(processing(), fail(1))),
        ("review", in_review()),
        ("partial", partial()),
        ("preliminary", preliminary()),
        ("accepted", then(in_review(), resolve(true))),
        ("refused", then(in_review(), resolve(false))),
        ("final", finalised()),
        ("amended", then(finalised(), amend([change(1, "4.11")]))),
        ("corrected", then(finalised(), correct([change(1, "4.11")]))),
        ("appended", then(finalised(), append([added("0.9")]))),
        ("value cancelled", then(finalised(), cancel_value(3))),
        ("cancelled", then(preliminary(), cancel())),
    ]
}

/// The code of the refusal, or `ok`.
fn answer(before: &[LabReportCommand], command: &LabReportCommand) -> &'static str {
    let state: LabReport = fold(&history(before.iter().cloned()));
    match state.decide(command, &Times::live(Timestamp::from_micros(0))) {
        Ok(_) => "ok",
        Err(no) => Rejection::from(no).code,
    }
}

#[test]
fn every_command_in_every_state_is_allowed_or_refused_for_its_reason() {
    const UNKNOWN: &str = "lab-report-unknown";
    const GONE: &str = "lab-report-cancelled";
    const UNREAD: &str = "lab-report-not-read";
    let table = [
        // state, start, extracted, failed, retry, resolve, finalise, change (amend, correct, append, cancel a value), cancel,
        // acknowledge
        ("unknown", [UNKNOWN; 9]),
        (
            "uploaded",
            [
                "ok",
                "not-processing",
                "not-processing",
                "retry-not-due",
                "review-not-open",
                UNREAD,
                UNREAD,
                "ok",
                UNREAD,
            ],
        ),
        (
            "processing",
            ["processing-not-due", "ok", "ok", "retry-not-due", "review-not-open", UNREAD, UNREAD, "ok", UNREAD],
        ),
        (
            "failed",
            [
                "processing-not-due",
                "not-processing",
                "not-processing",
                "ok",
                "review-not-open",
                UNREAD,
                UNREAD,
                "ok",
                UNREAD,
            ],
        ),
        (
            "review",
            [
                "processing-not-due",
                "not-processing",
                "not-processing",
                "retry-not-due",
                "ok",
                "review-open",
                "review-open",
                "ok",
                "review-open",
            ],
        ),
        ("partial", read_but("ok", "lab-report-not-final", "ok")),
        ("preliminary", read_but("ok", "lab-report-not-final", "ok")),
        ("accepted", read_but("ok", "lab-report-not-final", "ok")),
        ("refused", [GONE; 9]),
        ("final", read_but("lab-report-final", "ok", "lab-report-final")),
        ("amended", read_but("lab-report-final", "ok", "lab-report-final")),
        ("corrected", read_but("lab-report-final", "ok", "lab-report-final")),
        ("appended", read_but("lab-report-final", "ok", "lab-report-final")),
        ("value cancelled", read_but("lab-report-final", "ok", "lab-report-final")),
        ("cancelled", [GONE; 9]),
    ];
    let commands = [
        vec![start()],
        vec![record(1, read(), &[])],
        vec![fail(1)],
        vec![retry()],
        vec![resolve(true)],
        vec![finalise()],
        vec![amend([change(1, "4.2")]), correct([change(1, "4.2")]), append([added("1")]), cancel_value(1)],
        vec![cancel()],
        vec![acknowledge(2, "7.2")],
    ];
    let states = states();
    assert_eq!(states.len(), table.len());
    for ((name, before), (row, expected)) in states.iter().zip(table) {
        assert_eq!(*name, row);
        for (alike, expected) in commands.iter().zip(expected) {
            for command in alike {
                assert_eq!(answer(before, command), expected, "{command:?} when {name}");
            }
        }
    }
}

/// A report that was read takes nothing from the file's machine any more.
fn read_but(finalise: &'static str, amend: &'static str, cancel: &'static str) -> [&'static str; 9] {
    [
        "processing-not-due",
        "not-processing",
        "not-processing",
        "retry-not-due",
        "review-not-open",
        finalise,
        amend,
        cancel,
        "ok",
    ]
}

#[test]
fn the_same_file_for_the_same_patient_is_the_first_report_and_nothing_else_is() {
    after([upload().into()]).when(upload().into()).then_nothing();
    let other_patient = UploadLabReport { patient: OTHER, ..upload() };
    after([upload().into()]).when(other_patient.into()).then_rejected(No::LabReportTaken);
    let other_file = UploadLabReport { file_hash: "cd".to_owned(), ..upload() };
    after([upload().into()]).when(other_file.into()).then_rejected(No::LabReportTaken);
}

#[test]
fn a_file_is_a_pdf_of_1_byte_to_20_mib() {
    let most = FILE_BYTES_MAX;
    let sized = |bytes| UploadLabReport { bytes, ..upload() };
    after([]).when(sized(0).into()).then_rejected(No::FileSize { bytes: 0, most });
    after([]).when(sized(most + 1).into()).then_rejected(No::FileSize { bytes: most + 1, most });
    let text = UploadLabReport { media_type: "text/plain".to_owned(), ..upload() };
    after([]).when(text.into()).then_rejected(No::FileNotPdf);
    assert_eq!(history([sized(most).into()]).len(), 1);
}

#[test]
fn a_retry_counts_and_the_result_of_an_earlier_reading_is_refused() {
    let retried = || [processing(), vec![fail(1), retry()]].concat();
    let started = ProcessingStarted { report: REPORT, patient: PATIENT, attempt: 2 };
    assert_eq!(history(retried()).last(), Some(&started.into()));
    after(retried()).when(record(1, read(), &[])).then_rejected(No::AttemptSuperseded { current: 2 });
    after(retried()).when(fail(1)).then_rejected(No::AttemptSuperseded { current: 2 });
    assert_eq!(state([retried(), vec![record(2, read(), &[])]].concat()).file, FileStatus::Extracted);
}

#[test]
fn nothing_machine_read_is_more_than_preliminary() {
    assert_eq!(state(preliminary()).status, ReportStatus::Preliminary);
    let report = state(partial());
    let observations = &report.extraction.as_ref().expect("read").observations;
    assert_eq!(report.status, ReportStatus::Partial, "a value is missing");
    use ObservationStatus::{Preliminary, Registered};
    let expected = [Preliminary, Preliminary, Preliminary, Registered];
    assert_eq!(observations.iter().map(|each| each.status).collect::<Vec<_>>(), expected);
    assert!(observations.iter().all(|each| each.machine_read));
}

#[test]
fn a_person_makes_a_report_final_and_every_value_with_it() {
    let report = state([partial(), vec![finalise()]].concat());
    assert_eq!(report.status, ReportStatus::Final);
    let observations = &report.extraction.as_ref().expect("read").observations;
    assert!(observations.iter().all(|each| each.status == ObservationStatus::Final && !each.machine_read));
    assert_eq!(report.observation(1).expect("a value").decimal.as_deref(), Some("4.10"));
}

#[test]
fn nothing_reaches_the_chart_until_the_review_is_resolved() {
    let waiting = state(in_review());
    assert!(!waiting.reaches_chart() && waiting.open_tasks().is_empty());
    assert_eq!(waiting.review, [ReviewReason::NameDiffers]);
    let accepted = state([in_review(), vec![resolve(true)]].concat());
    assert!(accepted.reaches_chart());
    assert_eq!((accepted.open_tasks(), accepted.review), (vec![2], vec![]));
    let refused = state([in_review(), vec![resolve(false)]].concat());
    assert!(!refused.reaches_chart());
    assert_eq!(refused.status, ReportStatus::Cancelled);
}

#[test]
fn the_extraction_itself_says_that_it_waits_for_a_review() {
    let events = history(in_review());
    let [.., LabReportEvent::LabReportExtracted(read), LabReportEvent::ReviewNeeded(needed)] = &events[..] else {
        panic!("an extraction and its review in one batch: {events:?}");
    };
    assert!(read.needs_review);
    assert_eq!((read.observations, &read.critical), (3, &vec![2]));
    assert_eq!(needed.reasons, [ReviewReason::NameDiffers]);
}

#[test]
fn flags_that_disagree_need_a_review_even_if_nobody_asked_for_one() {
    let wrong = Observation { computed_flag: Some(Flag::High), ..flagged(1, "9", Flag::Normal) };
    let report = state([processing(), vec![record(1, extraction([wrong]), &[])]].concat());
    assert_eq!((report.file, report.review), (FileStatus::NeedsReview, vec![ReviewReason::FlagsDisagree]));
}

#[test]
fn an_amendment_keeps_the_old_value_visible_and_opens_the_task_again() {
    let acknowledged = || [finalised(), vec![acknowledge(2, "7.2")]].concat();
    assert!(state(acknowledged()).open_tasks().is_empty());
    let amended = ObservationChange { flag: Some(Flag::CriticallyHigh), ..change(2, "7.4") };
    let report = state([acknowledged(), vec![amend([amended])]].concat());
    let value = report.observation(2).expect("a value");
    assert_eq!((value.printed.as_deref(), &value.earlier[..]), (Some("7.4"), &["7.2".to_owned()][..]));
    assert_eq!((report.status, value.status), (ReportStatus::Amended, ObservationStatus::Amended));
    assert_eq!(report.open_tasks(), [2]);
}

#[test]
fn a_correction_says_that_the_value_was_wrong() {
    let report = state([finalised(), vec![correct([change(1, "4.2")])]].concat());
    let value = report.observation(1).expect("a value");
    assert_eq!((report.status, value.status), (ReportStatus::Corrected, ObservationStatus::Corrected));
    assert_eq!((value.printed.as_deref(), &value.earlier[..]), (Some("4.2"), &["4.10".to_owned()][..]));
}

#[test]
fn what_is_appended_leaves_the_rest_as_it_was() {
    let acknowledged = || [finalised(), vec![acknowledge(2, "7.2")]].concat();
    let before = state(acknowledged());
    let critical = AddedObservation { flag: Some(Flag::CriticallyLow), ..added("< 0.2") };
    let report = state([acknowledged(), vec![append([added("0.90"), critical])]].concat());
    let values = &report.extraction.as_ref().expect("values").observations;
    assert_eq!(values[..3], before.extraction.expect("values").observations[..]);
    let appended = values[3..]
        .iter()
        .map(|each| (each.number, each.decimal.as_deref(), each.comparator, each.status, each.machine_read, each.page));
    let expected = [
        (4, Some("0.90"), None, ObservationStatus::Final, false, 0),
        (5, Some("0.2"), Some(Comparator::Less), ObservationStatus::Final, false, 0),
    ];
    assert_eq!(appended.collect::<Vec<_>>(), expected);
    assert_eq!((report.status, report.open_tasks()), (ReportStatus::Appended, vec![5]), "seen stays seen");
}

#[test]
fn an_appended_value_is_flagged_by_its_range() {
    let range = ReferenceRange {
        text: "0.7 - 1.0".to_owned(),
        low: Some("0.7".to_owned()),
        high: Some("1.0".to_owned()),
        applies_to: None,
    };
    let report = state([finalised(), vec![append([AddedObservation { range: Some(range), ..added("1.2") }])]].concat());
    assert_eq!(report.observation(4).expect("a value").computed_flag, Some(Flag::High));
}

#[test]
fn an_appendix_that_makes_no_sense_is_refused() {
    after(finalised()).when(append([])).then_rejected(No::AppendedCount);
    after(finalised()).when(append(vec![added("1"); APPENDED_MAX + 1])).then_rejected(No::AppendedCount);
    let long = "x".repeat(501);
    let told = |decimal: &str| AddedObservation { decimal: Some(decimal.to_owned()), ..added("1.5") };
    let bad = [
        added(" "),
        added(&long),
        AddedObservation { name: " ".to_owned(), ..added("1") },
        AddedObservation { unit: Some(long.clone()), ..added("1") },
        AddedObservation { comparator: Some(Comparator::Less), ..added("1.5") },
        AddedObservation { comparator: Some(Comparator::Less), ..added("Negative") },
        told("1,5"),
        told("15"),
    ];
    for each in bad {
        after(finalised()).when(append([added("1"), each])).then_rejected(No::AppendedInvalid { place: 2 });
    }
}

#[test]
fn a_withdrawn_value_stays_visible_and_is_nobodys_task() {
    let withdrawn = || [finalised(), vec![cancel_value(2)]].concat();
    let report = state(withdrawn());
    let value = report.observation(2).expect("a value");
    assert_eq!((value.printed.as_deref(), value.status), (Some("7.2"), ObservationStatus::Cancelled));
    assert_eq!((report.status, report.open_tasks()), (ReportStatus::Corrected, vec![]));
    let gone = No::ObservationCancelled { number: 2 };
    for command in [cancel_value(2), amend([change(2, "7")]), correct([change(2, "7")]), acknowledge(2, "7.2")] {
        after(withdrawn()).when(command).then_rejected(gone.clone());
    }
    after(withdrawn()).when(cancel_value(9)).then_rejected(No::ObservationUnknown);
    let amended = state([withdrawn(), vec![amend([change(1, "4.2")])]].concat());
    assert_eq!(amended.open_tasks(), [0_u32; 0], "changing another value opens no task of it");
}

#[test]
fn a_value_that_is_no_longer_critical_closes_its_task() {
    let amended = ObservationChange { flag: Some(Flag::Normal), ..change(2, "4.2") };
    let report = state([finalised(), vec![amend([amended])]].concat());
    assert!(report.open_tasks().is_empty());
    let was_high =
        [processing(), vec![record(1, extraction([flagged(1, "5.3", Flag::High)]), &[]), finalise()]].concat();
    let unflagged = state([was_high, vec![amend([change(1, "4.2")])]].concat());
    assert_eq!(unflagged.observation(1).expect("a value").printed_flag, None, "the old flag spoke of the old value");
}

#[test]
fn a_critical_value_is_not_changed_without_saying_whether_the_new_one_is_critical() {
    after(finalised()).when(amend([change(2, "8.1")])).then_rejected(No::AmendmentFlagMissing { number: 2 });
    let unit = ObservationChange { printed: None, decimal: None, unit: Some("mEq/L".to_owned()), ..change(2, "") };
    assert_eq!(state([finalised(), vec![amend([unit])]].concat()).open_tasks(), [2], "the value stays what it was");
}

#[test]
fn a_changed_value_is_flagged_by_its_range_again() {
    let range = ReferenceRange {
        text: "3.5 - 5.1".to_owned(),
        low: Some("3.5".to_owned()),
        high: Some("5.1".to_owned()),
        applies_to: Some(AppliesTo { sex: Some(crate::patient::Gender::Male), age_low: None, age_high: None }),
    };
    let value = Observation { range: Some(range), computed_flag: Some(Flag::Normal), ..observation(1, "4.10") };
    let before =
        [processing(), vec![record(1, extraction([value]), &[]), finalise(), amend([change(1, "5.2")])]].concat();
    assert_eq!(state(before).observation(1).expect("a value").computed_flag, Some(Flag::High));
}

#[test]
fn a_printed_number_and_the_number_told_with_it_are_one() {
    let told = |printed: &str, decimal: Option<&str>, comparator| ObservationChange {
        printed: Some(printed.to_owned()),
        decimal: decimal.map(str::to_owned),
        comparator,
        ..change(1, "")
    };
    let kept = |change: ObservationChange| {
        let report = state([finalised(), vec![amend([change])]].concat());
        let value = report.observation(1).expect("a value").clone();
        (value.decimal, value.comparator)
    };
    let number = |text: &str| Some(text.to_owned());
    assert_eq!(kept(told("4.20", None, None)), (number("4.20"), None));
    assert_eq!(kept(told("<= 5", None, None)), (number("5"), Some(Comparator::LessOrEqual)));
    assert_eq!(kept(told("4,20", Some("4.20"), None)), (number("4.20"), None), "a comma is for a person to read");
    assert_eq!(kept(told("Negative", None, None)), (None, None));
    for (printed, decimal, comparator) in [
        ("4.2", Some("42"), None),
        ("< 5", Some("5"), None),
        ("5", Some("5"), Some(Comparator::Less)),
        ("5", None, Some(Comparator::Less)),
        ("Negative", None, Some(Comparator::Less)),
    ] {
        let changes = [told(printed, decimal, comparator)];
        after(finalised()).when(amend(changes)).then_rejected(No::AmendmentValueDiffers { number: 1 });
    }
}

#[test]
fn what_a_person_decides_says_why() {
    let long = "x".repeat(2_001);
    for (reason, expected) in [("  ", No::ReasonMissing), (long.as_str(), No::ReasonTooLong)] {
        let withdrawn = CancelLabReport { report: REPORT, reason: text(reason) };
        after(preliminary()).when(withdrawn.into()).then_rejected(expected.clone());
        let changes = Clinical::new(vec![change(1, "4.2")]);
        let amended = AmendLabReport { report: REPORT, changes: changes.clone(), reason: text(reason) };
        after(finalised()).when(amended.into()).then_rejected(expected.clone());
        let corrected = CorrectLabReport { report: REPORT, changes, reason: text(reason) };
        after(finalised()).when(corrected.into()).then_rejected(expected.clone());
        let observations = Clinical::new(vec![added("1")]);
        let appended = AppendToLabReport { report: REPORT, observations, reason: text(reason) };
        after(finalised()).when(appended.into()).then_rejected(expected.clone());
        let withdrawn = CancelObservation { report: REPORT, observation: 1, reason: text(reason) };
        after(finalised()).when(withdrawn.into()).then_rejected(expected);
    }
}

#[test]
fn an_amendment_that_makes_no_sense_is_refused() {
    let nothing = ObservationChange { printed: None, decimal: None, ..change(1, "") };
    let blank = ObservationChange { printed: Some("  ".to_owned()), ..change(1, "1") };
    let loose = ObservationChange { printed: None, unit: Some("g/L".to_owned()), ..change(1, "1") };
    let table = [
        (vec![], No::AmendmentWithoutChanges),
        (vec![nothing], No::AmendmentEmpty { number: 1 }),
        (vec![blank], No::AmendmentEmpty { number: 1 }),
        (vec![loose], No::AmendmentValueMalformed { number: 1 }),
        (vec![change(1, "1,5")], No::AmendmentValueMalformed { number: 1 }),
        (vec![change(9, "1")], No::AmendmentValueUnknown { number: 9 }),
        (vec![change(1, "1"), change(1, "2")], No::AmendmentValueRepeated { number: 1 }),
    ];
    for (changes, expected) in table {
        after(finalised()).when(amend(changes)).then_rejected(expected);
    }
}

#[test]
fn a_critical_value_is_acknowledged_as_it_is_now() {
    after(preliminary()).when(acknowledge(2, "7.1")).then_rejected(No::CriticalValueChanged);
    after(preliminary()).when(acknowledge(1, "4.10")).then_rejected(No::NotCritical);
    after(preliminary()).when(acknowledge(9, "7.2")).then_rejected(No::ObservationUnknown);
    let seen = || [preliminary(), vec![acknowledge(2, " 7.2 ")]].concat();
    assert!(state(seen()).open_tasks().is_empty());
    after(seen()).when(acknowledge(2, "7.2")).then_rejected(No::CriticalAcknowledged);
    let amended = ObservationChange { flag: Some(Flag::CriticallyHigh), ..change(2, "7.4") };
    let changed = [preliminary(), vec![finalise(), amend([amended])]].concat();
    after(changed).when(acknowledge(2, "7.2")).then_rejected(No::CriticalValueChanged);
}

#[test]
fn an_erased_report_has_statuses_but_no_values() {
    let mut events = history(preliminary());
    let Some(LabReportEvent::LabReportExtracted(read)) = events.last_mut() else { panic!("an extraction") };
    read.extraction = Clinical::Erased;
    let state: LabReport = fold(&events);
    let report = state.record().expect("a report");
    assert_eq!((report.status, report.open_tasks()), (ReportStatus::Preliminary, vec![2]));
    given::<LabReport>(events.clone()).when(acknowledge(2, "7.2")).then_rejected(No::ValuesUnreadable);
    let done = [events, history(finalised()).split_off(3)].concat();
    given::<LabReport>(done).when(amend([change(1, "4.2")])).then_rejected(No::ValuesUnreadable);
}
