//! Which media type an answer has ("GraphQL over HTTP", sections 4 and 6): the two it can have, chosen by the `Accept`
//! header, and what that means for the status.

use http::{HeaderMap, StatusCode, header};

use crate::operation::Ran;

/// The two media types of a GraphQL answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Media {
    /// `application/graphql-response+json`: the status speaks of the operation.
    GraphqlResponse,
    /// `application/json`: the status speaks of the request; a well-formed one is 200 whatever it asks.
    Json,
}

impl Media {
    /// The one the client likes best; `None` when it takes neither. Without an `Accept`, and for `*/*`, it is JSON, which
    /// every client can read.
    pub(super) fn accepted(headers: &HeaderMap) -> Option<Media> {
        let lines: Vec<&str> = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
        if lines.is_empty() {
            return Some(Media::Json);
        }
        let ranges = lines.iter().flat_map(|line| line.split(',')).filter_map(Range::parse);
        let mut best: Option<(u16, Media)> = None;
        for range in ranges.filter(|range| range.weight > 0) {
            if best.is_none_or(|(weight, _)| range.weight > weight) {
                best = range.media.map(|media| (range.weight, media)).or(best);
            }
        }
        best.map(|(_, media)| media)
    }

    pub(super) const fn content_type(self) -> &'static str {
        match self {
            Media::GraphqlResponse => "application/graphql-response+json; charset=utf-8",
            Media::Json => "application/json; charset=utf-8",
        }
    }

    pub(super) const fn status(self, ran: Ran) -> StatusCode {
        match (self, ran) {
            (_, Ran::Executed) | (Media::Json, Ran::Refused) => StatusCode::OK,
            (Media::GraphqlResponse, Ran::Refused) => StatusCode::BAD_REQUEST,
            (_, Ran::TimedOut) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

/// One entry of an `Accept` header.
struct Range {
    media: Option<Media>,
    /// Thousandths.
    weight: u16,
}

impl Range {
    fn parse(text: &str) -> Option<Range> {
        let mut parts = text.split(';').map(str::trim);
        let media = match parts.next()?.to_ascii_lowercase().as_str() {
            "application/graphql-response+json" => Some(Media::GraphqlResponse),
            "application/json" | "application/*" | "*/*" => Some(Media::Json),
            _ => None,
        };
        let mut weight = 1000;
        for parameter in parts {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            match (name.trim().to_ascii_lowercase().as_str(), value.trim().trim_matches('"')) {
                ("q", value) => weight = thousandths(value)?,
                ("charset", value) if !value.eq_ignore_ascii_case("utf-8") => return None,
                _ => {}
            }
        }
        Some(Range { media, weight })
    }
}

fn thousandths(text: &str) -> Option<u16> {
    let weight: f32 = text.parse().ok()?;
    (0.0..=1.0).contains(&weight).then_some((weight * 1000.0) as u16)
}

/// True when the body of a request is JSON in UTF-8.
pub(super) fn is_json(headers: &HeaderMap) -> bool {
    let Some(text) = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()) else { return false };
    let mut parts = text.split(';').map(str::trim);
    let json = parts.next().is_some_and(|kind| kind.eq_ignore_ascii_case("application/json"));
    json && parts.all(|parameter| match parameter.split_once('=') {
        Some((name, value)) if name.trim().eq_ignore_ascii_case("charset") => {
            value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
        }
        _ => true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(accept: &str) -> Option<Media> {
        Media::accepted(&[(header::ACCEPT, accept.parse().expect("a header"))].into_iter().collect())
    }

    #[test]
    fn the_media_type_is_the_one_the_client_likes_best() {
        assert_eq!(accepted("application/graphql-response+json"), Some(Media::GraphqlResponse));
        assert_eq!(accepted("application/graphql-response+json, application/json;q=0.9"), Some(Media::GraphqlResponse));
        assert_eq!(accepted("application/graphql-response+json;q=0.2, application/json"), Some(Media::Json));
        assert_eq!(accepted("application/json; charset=utf-8"), Some(Media::Json));
        assert_eq!(accepted("text/html, */*;q=0.1"), Some(Media::Json));
        assert_eq!(Media::accepted(&HeaderMap::new()), Some(Media::Json));
    }

    #[test]
    fn a_client_that_takes_neither_is_told_so() {
        assert_eq!(accepted("text/html"), None);
        assert_eq!(accepted("application/json;q=0"), None);
        assert_eq!(accepted("application/json; charset=latin1"), None);
    }

    #[test]
    fn only_json_in_utf_8_is_read() {
        let is = |text: &str| is_json(&[(header::CONTENT_TYPE, text.parse().expect("a header"))].into_iter().collect());
        assert!(is("application/json") && is("application/json; charset=UTF-8"));
        assert!(!is("text/plain") && !is("application/json; charset=utf-16") && !is_json(&HeaderMap::new()));
    }
}
