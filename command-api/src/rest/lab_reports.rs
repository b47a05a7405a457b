//! Handing a lab report in: a multipart form with the PDF and who it is about. The file is claimed by its keyed hash,
//! sealed, kept as a blob, and then written down; handing the same file in again finds the first report.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::multipart::{Multipart, MultipartError};
use axum::extract::{FromRequest, Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use carelog_domain::command::Command;
use carelog_domain::event::Event;
use carelog_domain::kernel::{
    Actor, CommandId, Evolve, HospitalId, LabReportId, PatientId, Personal, Purpose, StreamName, Timestamp, Version,
};
use carelog_domain::laboratory::commands::UploadLabReport;
use carelog_domain::patient::commands::{ClaimIdentifier, ConfirmClaim, ReleaseClaim};
use carelog_domain::patient::{IdentifierClaim, PatientRejection, claim_stream};
use carelog_domain::policy::{self, Permission};
use carelog_domain::ports::{BlobName, CommandBus, CommandDone, CommandError, CommandRequest, Failure, Stored};
use carelog_domain::rejection::Rejection;
use carelog_domain::scheduling::SchedulingRejection;
use carelog_domain::streams;
use carelog_schemas::sealing;
use http::StatusCode;
use tracing::Instrument;
use uuid::Uuid;

use super::answer::Done;
use super::body::meaning;
use super::headers::{self, Said};
use super::operations::Makes;
use super::{Rest, Shared, run};
use crate::problem::Problem;

const NAME: &str = "UploadLabReport";
/// What files are hashed under (format).
const HASH_DOMAIN: &str = "lab-file";
/// Far more than happens to a report.
const EVENTS_MAX: usize = 10_000;
/// How long a withdrawn report may take to give its claim up.
const WITHDRAWAL: Duration = Duration::from_secs(5);
/// The form's parts around the file; the route's own limit is that much above the file's.
pub(crate) const FORM_BYTES_MAX: usize = 64 * 1024;

/// `POST /v1/lab-reports`.
pub(crate) async fn upload(State(shared): Rest, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let handed_in = async {
        let actor = run::actor(request.extensions())?;
        let said = Said::read(request.headers(), false)?;
        if headers::essence(request.headers()) != "multipart/form-data" {
            return Err(headers::unsupported("multipart/form-data with the parts hospital, patient and file"));
        }
        let form = Form::read(request, shared.api.limits.file_bytes_max).await?;
        let wait = said.wait;
        // In a task of its own: a client that hangs up, or the time-out, stops it nowhere in between.
        let handing_in = tokio::spawn(hand_in(shared.clone(), actor, said, form).in_current_span());
        let (done, known) = handing_in.await.map_err(|_| run::internal())??;
        Ok((done, known, wait))
    };
    let answered = async {
        let (done, known, wait) = run::in_time(&shared, handed_in).await?;
        let mut body = Done::of(done.clone());
        run::settle(&shared, &mut body, &done, wait).await?;
        Ok(body.respond(if done.repeated || known { Makes::Change } else { Makes::New("/v1/lab-reports/") }))
    };
    answered.await.unwrap_or_else(|problem: Problem| problem.of(path).into_response())
}

struct Form {
    hospital: HospitalId,
    patient: PatientId,
    file_name: String,
    file: Bytes,
}

impl Form {
    async fn read(request: Request, file_bytes_max: usize) -> Result<Form, Problem> {
        let mut form = Multipart::from_request(request, &()).await.map_err(|_| broken("the form has no boundary"))?;
        let (mut hospital, mut patient, mut file) = (None, None, None);
        while let Some(field) = form.next_field().await.map_err(|error| of_multipart(&error, file_bytes_max))? {
            let name = field.name().unwrap_or_default().to_owned();
            let file_name = field.file_name().map(str::to_owned);
            let bytes = field.bytes().await.map_err(|error| of_multipart(&error, file_bytes_max))?;
            let text = || String::from_utf8_lossy(&bytes).trim().to_owned();
            match name.as_str() {
                "hospital" => hospital = Some(meaning("/hospital", &text(), "a hospital's id")?),
                "patient" => patient = Some(meaning("/patient", &text(), "a patient's id")?),
                "file" if bytes.len() > file_bytes_max => return Err(run::too_large(file_bytes_max).at("/file")),
                "file" => file = Some((file_name.unwrap_or_else(|| "report.pdf".to_owned()), bytes)),
                _ => {
                    return Err(Problem::new(StatusCode::BAD_REQUEST, "unknown-field", "The form has an unknown part")
                        .detail("the parts are hospital, patient and file"));
                }
            }
        }
        let missing = |field: &str| {
            Problem::new(StatusCode::BAD_REQUEST, "malformed-body", "The form is not complete")
                .at(format!("/{field}"))
                .detail("the part is missing")
        };
        let (file_name, file) = file.ok_or_else(|| {
            Problem::new(StatusCode::BAD_REQUEST, "lab-file-missing", "The form has no file").at("/file")
        })?;
        Ok(Form {
            hospital: hospital.ok_or_else(|| missing("hospital"))?,
            patient: patient.ok_or_else(|| missing("patient"))?,
            file_name: file_name.chars().take(200).collect(),
            file: pdf(file)?,
        })
    }
}

/// A PDF says so within its first KiB (ISO 32000-1, annex H), and ends somewhere.
fn pdf(file: Bytes) -> Result<Bytes, Problem> {
    let head = &file[..file.len().min(1024)];
    if head.windows(5).any(|bytes| bytes == b"%PDF-") {
        return Ok(file);
    }
    Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "lab-file-broken", "The file is not a PDF")
        .at("/file")
        .detail("hand in a PDF file"))
}

fn of_multipart(error: &MultipartError, bytes_max: usize) -> Problem {
    if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
        return run::too_large(bytes_max).at("/file");
    }
    broken("the form ended too early or is not multipart")
}

fn of_another_patient() -> Problem {
    Problem::new(StatusCode::CONFLICT, "lab-file-of-another-patient", "This file was handed in for another patient")
        .at("/file")
        .detail("check whose report it is")
}

fn broken(detail: &str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "malformed-body", "The form cannot be read").detail(detail)
}

/// Hands the file in; also tells whether its report was there before.
async fn hand_in(shared: Arc<Shared>, actor: Actor, said: Said, form: Form) -> Result<(CommandDone, bool), Problem> {
    let shared = &shared;
    let permitted = policy::permits(&actor, Permission::HandInResults, Some(form.hospital));
    permitted.map_err(|refusal| Problem::from(Rejection::from(refusal)))?;
    check_patient(shared, &form).await?;
    let hash = hex::encode(shared.api.keys.keyed_hash(HASH_DOMAIN, &form.file));
    let command = CommandId::of_client_key(&actor.tenant, NAME, &said.key);
    let Found { report, known } = find_report(shared, form.patient, &hash, command).await?;
    let steps = Steps { shared, command, report: report.0, hash: hash.clone() };
    // A key that was used before has its answer already, or is refused: nothing may be claimed for it.
    let claims = !known && shared.api.log.find_command_anywhere(command).await?.is_none();
    let blob = if !claims {
        BlobName::of(&[]) // The report has its file already; this one goes nowhere.
    } else {
        steps.claim().await?;
        let sealed = sealing::seal_blob(&*shared.api.keys, form.patient.0, Purpose::Clinical, &form.file).await?;
        shared.api.blobs.put(sealed).await?
    };
    let upload = UploadLabReport {
        report,
        hospital: form.hospital,
        patient: form.patient,
        blob,
        file_hash: hash,
        file_name: Personal::new(form.file_name),
        bytes: form.file.len() as u64,
        media_type: "application/pdf".to_owned(),
    };
    let request = CommandRequest {
        id: command,
        command: upload.into(),
        actor,
        credential: said.credential,
        occurred_at: said.occurred_at,
        occurred_assumed: said.occurred_assumed,
        if_match: said.if_match,
        correlation: None,
        cause: None,
        traceparent: (shared.api.traceparent)().or_else(|| said.traceparent.clone()),
    };
    match shared.api.bus.send(request).await {
        Ok(done) => {
            if claims && let Err(error) = steps.confirm().await {
                // Whoever processes the report confirms it as well, so that a crash right here leaves nothing open.
                tracing::warn!(error = &error as &dyn std::error::Error, "the claim on a file is not confirmed yet");
            }
            Ok((done, known))
        }
        Err(error @ (CommandError::Failed(_) | CommandError::OutcomeUnknown(_) | CommandError::NobodyOwns(_))) => {
            Err(error.into())
        }
        Err(refused) => {
            if claims {
                steps.release().await?;
            }
            Err(refused.into())
        }
    }
}

/// Refused before the file is claimed, so that a refusal writes nothing: both streams begin with what is asked for here.
async fn check_patient(shared: &Shared, form: &Form) -> Result<(), Problem> {
    if !exists(shared, &streams::organization(form.hospital)).await? {
        return Err(Rejection::from(PatientRejection::HospitalUnknown).into());
    }
    if !exists(shared, &streams::patient(form.patient)).await? {
        return Err(Rejection::from(PatientRejection::PatientUnknown).into());
    }
    if !exists(shared, &streams::patient_schedule(form.hospital, form.patient)).await? {
        return Err(Rejection::from(SchedulingRejection::PatientNotLinked).into());
    }
    Ok(())
}

async fn exists(shared: &Shared, stream: &StreamName) -> Result<bool, Problem> {
    shared.api.log.catch_up(shared.api.log.partition_of(stream.slot())).await?;
    Ok(shared.api.log.stream_version(stream).await? != Version::NONE)
}

/// The report that a file is handed in as.
struct Found {
    report: LabReportId,
    /// True when it is there already.
    known: bool,
}

/// A withdrawn report makes room for the next, but for the command that handed it in.
async fn find_report(shared: &Shared, patient: PatientId, hash: &str, command: CommandId) -> Result<Found, Problem> {
    shared.api.log.catch_up(shared.api.log.partition_of(patient.slot())).await?;
    let mut withdrawals = 0;
    loop {
        let report = report_of(patient, hash, withdrawals);
        let events = shared.api.log.read_stream(&streams::lab_report(report), Version::NONE, EVENTS_MAX).await?;
        if !is_withdrawn(&events) || events.iter().any(|stored| stored.context.command == command) {
            return Ok(Found { report, known: !events.is_empty() });
        }
        withdrawals += 1;
    }
}

fn is_withdrawn(events: &[Stored]) -> bool {
    events.iter().any(|stored| stored.event_type == "LabReportCancelled")
}

/// The same file for the same patient is the same report, whoever hands it in and however often, until it is withdrawn.
fn report_of(patient: PatientId, hash: &str, withdrawals: u32) -> LabReportId {
    let origin = CommandId::of_step("lab-report", &format!("{patient}:{hash}:{withdrawals}"));
    LabReportId::derive(origin, patient.slot(), Timestamp::from_micros(0), 0)
}

/// Reserve, confirm, release: the claim on a file lives in a slot of its own.
struct Steps<'a> {
    shared: &'a Shared,
    command: CommandId,
    report: Uuid,
    hash: String,
}

impl Steps<'_> {
    /// Claims the file. One whose report was withdrawn is waited for: the saga that gives its claim up may still be at it.
    async fn claim(&self) -> Result<(), Problem> {
        let begun = tokio::time::Instant::now();
        loop {
            let claim = ClaimIdentifier { keyed_hash: self.hash.clone(), owner: self.report, process: self.command.0 };
            match self.send("claim", claim.into()).await {
                Err(CommandError::Rejected(rejection)) if rejection.code == "identifier-taken" => {
                    if begun.elapsed() > WITHDRAWAL || !self.is_given_up().await? {
                        return Err(of_another_patient());
                    }
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                other => return Ok(other?),
            }
        }
    }

    /// True when the claim is, or is about to be, nobody's: the report it was made for is withdrawn.
    async fn is_given_up(&self) -> Result<bool, Problem> {
        let log = &self.shared.api.log;
        let stream = claim_stream(&self.hash).map_err(Rejection::from)?;
        let unreadable = |error| Failure::lasting("event log", format!("{stream} cannot be read")).caused_by(error);
        log.catch_up(log.partition_of(stream.slot())).await?;
        let mut claim = IdentifierClaim::default();
        for stored in log.read_stream(&stream, Version::NONE, EVENTS_MAX).await? {
            if let Event::ClaimEvent(event) = sealing::read_sealed(&stored).map_err(unreadable)?.event {
                claim.evolve(&event);
            }
        }
        let Some(owner) = claim.owner(self.shared.api.clock.now()) else { return Ok(true) };
        let report = streams::lab_report(LabReportId(owner));
        log.catch_up(log.partition_of(report.slot())).await?;
        Ok(is_withdrawn(&log.read_stream(&report, Version::NONE, EVENTS_MAX).await?))
    }

    async fn confirm(&self) -> Result<(), CommandError> {
        let confirm = ConfirmClaim { keyed_hash: self.hash.clone(), owner: self.report };
        self.send("confirm", confirm.into()).await
    }

    /// Gives the claim up, unless the file is kept under it already.
    async fn release(&self) -> Result<(), Problem> {
        if exists(self.shared, &streams::lab_report(LabReportId(self.report))).await? {
            return Ok(());
        }
        let release = ReleaseClaim { keyed_hash: self.hash.clone(), owner: self.report };
        Ok(self.send("release", release.into()).await?)
    }

    async fn send(&self, step: &str, command: Command) -> Result<(), CommandError> {
        // A refused upload may be sent again, so each attempt claims anew; a claim repeated changes nothing.
        let id = CommandId::of_step("lab-upload", &format!("{}:{step}:{}", self.command, self.shared.api.clock.now()));
        let request = CommandRequest {
            correlation: Some(self.command),
            traceparent: (self.shared.api.traceparent)(),
            ..CommandRequest::now(id, command, Actor::system("lab-upload"))
        };
        self.shared.api.bus.send(request).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_file_is_the_same_report_for_one_patient_only() {
        let (one, other) = (PatientId(Uuid::from_u128(1)), PatientId(Uuid::from_u128(2)));
        assert_eq!(report_of(one, "ab", 0), report_of(one, "ab", 0));
        assert_ne!(report_of(one, "ab", 0), report_of(other, "ab", 0));
        assert_ne!(report_of(one, "ab", 0), report_of(one, "ab", 1));
        assert_eq!(report_of(one, "ab", 0).slot(), one.slot());
    }

    #[test]
    fn a_file_that_is_no_pdf_is_refused() {
        assert!(pdf(Bytes::from_static(b"\x00%PDF-1.7 ...")).is_ok());
        assert_eq!(pdf(Bytes::from_static(b"<html>")).expect_err("refused").code, "lab-file-broken");
    }
}
