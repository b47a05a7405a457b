//! What a request says beside its body: idempotency key, expected version, how long to wait, when it happened.

use std::time::Duration;

use carelog_domain::kernel::{Timestamp, Version};
use carelog_domain::ports::Credential;
use http::header::{AUTHORIZATION, CONTENT_TYPE, IF_MATCH};
use http::{HeaderMap, StatusCode};

use crate::problem::Problem;

/// Longest idempotency key.
const KEY_BYTES_MAX: usize = 200;
/// How long `Carelog-Wait` waits unless told, and at most.
const WAIT_DEFAULT: Duration = Duration::from_secs(5);
const WAIT_MAX: Duration = Duration::from_secs(60);

/// What was said beside the body.
pub(crate) struct Said {
    pub(crate) key: String,
    pub(crate) if_match: Option<Version>,
    pub(crate) occurred_at: Option<Timestamp>,
    pub(crate) occurred_assumed: bool,
    /// How long to wait for the sagas, if at all.
    pub(crate) wait: Option<Duration>,
    pub(crate) traceparent: Option<String>,
    pub(crate) credential: Credential,
}

impl Said {
    /// Reads the headers of a command.
    pub(crate) fn read(headers: &HeaderMap, needs_version: bool) -> Result<Said, Problem> {
        let if_match = if_match(headers)?;
        if needs_version && if_match.is_none() {
            return Err(Problem::new(
                StatusCode::PRECONDITION_REQUIRED,
                "if-match-missing",
                "The version you have looked at is needed",
            )
            .at("If-Match")
            .detail("send the ETag you were given, such as If-Match: \"3\""));
        }
        Ok(Said {
            key: key(text(headers, "idempotency-key")?)?.to_owned(),
            if_match,
            occurred_at: occurred_at(headers)?,
            occurred_assumed: text(headers, "carelog-occurred-assumed")?.is_some_and(|text| text == "true"),
            wait: wait(headers)?,
            traceparent: traceparent(headers),
            credential: credential(headers),
        })
    }
}

/// What the sender proved who they are with, for another process that may have to ask again.
pub(crate) fn credential(headers: &HeaderMap) -> Credential {
    Credential::new(headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).map(str::to_owned))
}

/// The trace that the request belongs to, if it says so well-formed (W3C Trace Context): others are no business of ours.
pub(crate) fn traceparent(headers: &HeaderMap) -> Option<String> {
    let said = headers.get("traceparent").and_then(|value| value.to_str().ok());
    said.filter(|text| is_traceparent(text)).map(str::to_owned)
}

/// The key a client chose, checked.
pub(crate) fn key(key: Option<&str>) -> Result<&str, Problem> {
    let key = key.map(str::trim).filter(|key| !key.is_empty()).ok_or_else(|| {
        Problem::header("idempotency-key-missing", "Idempotency-Key", "An idempotency key is needed")
            .detail("send an Idempotency-Key of your own choice, and the same one when you send the same request again")
    })?;
    let good = key.len() <= KEY_BYTES_MAX && key.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
    if good {
        return Ok(key);
    }
    Err(Problem::header("idempotency-key-invalid", "Idempotency-Key", "The idempotency key is not usable")
        .detail(format!("a key has 1 to {KEY_BYTES_MAX} printable ASCII characters")))
}

fn if_match(headers: &HeaderMap) -> Result<Option<Version>, Problem> {
    let Some(text) = text(headers, IF_MATCH.as_str())? else { return Ok(None) };
    let digits = text.trim().strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let version = digits.and_then(|digits| digits.parse().ok()).map(Version);
    version.map(Some).ok_or_else(|| malformed("If-Match", "one version in quotes, such as \"3\""))
}

fn occurred_at(headers: &HeaderMap) -> Result<Option<Timestamp>, Problem> {
    let Some(text) = text(headers, "carelog-occurred-at")? else { return Ok(None) };
    text.parse().map(Some).map_err(|_| malformed("Carelog-Occurred-At", "an instant such as 2024-12-01T09:00:00Z"))
}

/// `settled` or `settled; timeout=SECONDS`.
pub(crate) fn wait(headers: &HeaderMap) -> Result<Option<Duration>, Problem> {
    let Some(text) = text(headers, "carelog-wait")? else { return Ok(None) };
    let expected = || malformed("Carelog-Wait", "settled, or settled; timeout=10 (seconds, at most 60)");
    let (what, rest) = text.split_once(';').map_or((text, None), |(what, rest)| (what, Some(rest.trim())));
    if what.trim() != "settled" {
        return Err(expected());
    }
    let Some(rest) = rest else { return Ok(Some(WAIT_DEFAULT)) };
    let seconds: f64 = rest.strip_prefix("timeout=").and_then(|text| text.trim().parse().ok()).ok_or_else(expected)?;
    let wait = Duration::try_from_secs_f64(seconds).map_err(|_| expected())?;
    if wait > WAIT_MAX { Err(expected()) } else { Ok(Some(wait)) }
}

/// A body is JSON, or there is none.
pub(crate) fn expect_json(headers: &HeaderMap, is_empty: bool) -> Result<(), Problem> {
    let essence = essence(headers);
    let json = essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"));
    if json || (is_empty && essence.is_empty()) {
        return Ok(());
    }
    Err(unsupported("application/json"))
}

/// The media type without its parameters, in lower case; empty when none is given.
pub(crate) fn essence(headers: &HeaderMap) -> String {
    let given = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    given.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// The body is of another type than the operation takes.
pub(crate) fn unsupported(expected: &str) -> Problem {
    Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", "The content type is not supported")
        .at("Content-Type")
        .detail(format!("send {expected}"))
}

fn text<'h>(headers: &'h HeaderMap, name: &'static str) -> Result<Option<&'h str>, Problem> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(malformed(name, "the header once"));
    }
    value.to_str().map(Some).map_err(|_| malformed(name, "printable ASCII"))
}

fn malformed(header: &'static str, expected: &str) -> Problem {
    Problem::header("malformed-header", header, "A header cannot be read").detail(format!("expected {expected}"))
}

/// Version 00 of W3C Trace Context.
fn is_traceparent(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let hex = |part: &str, length: usize| part.len() == length && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    matches!(parts[..], [version, trace, span, flags]
        if version == "00" && hex(trace, 32) && hex(span, 16) && hex(flags, 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (http::HeaderName::from_static(name), value.parse().expect("ascii"))).collect()
    }

    fn refused(pairs: &[(&'static str, &'static str)], needs_version: bool) -> (u16, &'static str) {
        let problem = Said::read(&headers(pairs), needs_version).err().expect("refused");
        (problem.status, problem.code)
    }

    #[test]
    fn a_key_is_needed_and_bounded() {
        assert_eq!(refused(&[], false), (400, "idempotency-key-missing"));
        let long: &'static str = Box::leak("x".repeat(201).into_boxed_str());
        assert_eq!(refused(&[("idempotency-key", long)], false), (400, "idempotency-key-invalid"));
        assert!(Said::read(&headers(&[("idempotency-key", "k 1")]), false).is_ok());
    }

    #[test]
    fn a_version_is_needed_where_somebody_has_looked() {
        assert_eq!(refused(&[("idempotency-key", "k")], true), (428, "if-match-missing"));
        assert_eq!(refused(&[("idempotency-key", "k"), ("if-match", "3")], true), (400, "malformed-header"));
        let said = Said::read(&headers(&[("idempotency-key", "k"), ("if-match", "\"3\"")]), true).expect("read");
        assert_eq!(said.if_match, Some(Version(3)));
    }

    #[test]
    fn waiting_is_bounded() {
        let wait = |value| wait(&headers(&[("carelog-wait", value)]));
        assert_eq!(wait("settled").expect("read"), Some(WAIT_DEFAULT));
        assert_eq!(wait("settled; timeout=0.5").expect("read"), Some(Duration::from_millis(500)));
        assert!(
            wait("settled; timeout=61").is_err() && wait("forever").is_err() && wait("settled; timeout=-1").is_err()
        );
    }
}
