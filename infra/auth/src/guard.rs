//! The layer: host, origin, content type, then the actor.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use carelog_domain::ports::{Authenticator, Unauthenticated};
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, ORIGIN, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, Method, StatusCode, Uri};

/// What the layer checks against.
pub struct Guard {
    /// Turns credentials into an actor.
    pub authenticator: Arc<dyn Authenticator>,
    /// Host names served, without port: `localhost`, `127.0.0.1`, `[::1]` and whatever the operator adds.
    pub hosts: Vec<String>,
}

/// Why a request goes no further.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Refusal {
    ForeignHost,
    ForeignOrigin,
    ContentType,
    Missing,
    Invalid,
    Unavailable,
}

/// Refuses what may not come from where it comes, and puts the `Actor` into the request's extensions.
pub async fn guard(State(guard): State<Arc<Guard>>, mut request: Request, next: Next) -> Response {
    if let Err(refusal) = guard.origin_is_ours(request.headers(), request.uri()) {
        return refusal.into_response();
    }
    if let Err(refusal) = content_type_is_deliberate(request.method(), request.headers()) {
        return refusal.into_response();
    }
    let authorization = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    match guard.authenticator.authenticate(authorization).await {
        Ok(actor) => {
            request.extensions_mut().insert(actor);
            next.run(request).await
        }
        Err(Unauthenticated::Missing) => Refusal::Missing.into_response(),
        Err(Unauthenticated::Invalid) => Refusal::Invalid.into_response(),
        Err(Unauthenticated::Failed(failure)) => {
            tracing::error!(error = &failure as &dyn std::error::Error, "credentials could not be checked");
            Refusal::Unavailable.into_response()
        }
    }
}

impl Guard {
    fn origin_is_ours(&self, headers: &HeaderMap, uri: &Uri) -> Result<(), Refusal> {
        let host =
            headers.get(HOST).and_then(|value| value.to_str().ok()).or_else(|| uri.authority().map(|a| a.as_str()));
        let host = host.ok_or(Refusal::ForeignHost)?;
        if !self.serves(host) || headers.get_all(HOST).iter().count() > 1 {
            return Err(Refusal::ForeignHost);
        }
        // A page of another port on this machine is foreign too: the whole authority must be the one called.
        for origin in headers.get_all(ORIGIN) {
            let authority =
                origin.to_str().ok().and_then(|text| text.split_once("://")).map(|(_, authority)| authority);
            if authority != Some(host) {
                return Err(Refusal::ForeignOrigin);
            }
        }
        Ok(())
    }

    fn serves(&self, authority: &str) -> bool {
        let name = match authority.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
            _ => authority,
        };
        self.hosts.iter().any(|host| host.eq_ignore_ascii_case(name))
    }
}

/// A change must say that it is JSON, NDJSON, GraphQL or multipart. A multipart form can be sent by a foreign page too,
/// but not without an `Origin`, which was checked.
fn content_type_is_deliberate(method: &Method, headers: &HeaderMap) -> Result<(), Refusal> {
    if matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS | Method::DELETE) {
        return Ok(());
    }
    let given = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = given.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let allowed = ["application/json", "application/x-ndjson", "application/jsonl", "multipart/form-data"];
    if allowed.contains(&essence.as_str()) { Ok(()) } else { Err(Refusal::ContentType) }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, code, title, detail) = match self {
            Refusal::ForeignHost => (
                StatusCode::MISDIRECTED_REQUEST,
                "foreign-host",
                "This host name is not served here",
                "call the server by a name on its list of hosts, or add the name with --host-name",
            ),
            Refusal::ForeignOrigin => (
                StatusCode::FORBIDDEN,
                "foreign-origin",
                "Another site's page may not call this server",
                "call it from a page of this server, or from a program that sends no Origin",
            ),
            Refusal::ContentType => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported-media-type",
                "The content type is not supported",
                "send application/json, application/x-ndjson or multipart/form-data",
            ),
            Refusal::Missing => (
                StatusCode::UNAUTHORIZED,
                "credentials-missing",
                "Credentials are needed",
                "send an Authorization header",
            ),
            Refusal::Invalid => (
                StatusCode::UNAUTHORIZED,
                "credentials-invalid",
                "The credentials are not valid",
                "they are wrong, expired or revoked; sign in again",
            ),
            Refusal::Unavailable => (
                StatusCode::SERVICE_UNAVAILABLE,
                "credentials-unchecked",
                "The credentials could not be checked",
                "try again in a moment",
            ),
        };
        let body = serde_json::json!({
            "type": format!("/docs/errors/{code}"),
            "title": title,
            "status": status.as_u16(),
            "code": code,
            "detail": detail,
        });
        let mut response = (status, [(CONTENT_TYPE, "application/problem+json")], body.to_string()).into_response();
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(WWW_AUTHENTICATE, http::HeaderValue::from_static("Bearer"));
        }
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(RETRY_AFTER, http::HeaderValue::from_static("1"));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::routing::post;
    use axum::{Extension, Router};
    use carelog_domain::kernel::Actor;
    use tower::ServiceExt;

    use super::*;
    use crate::LocalAuthenticator;

    async fn status(method: &str, headers: &[(&str, &str)]) -> StatusCode {
        let hosts = ["localhost", "127.0.0.1", "[::1]"].map(str::to_owned).to_vec();
        let state = Arc::new(Guard { authenticator: Arc::new(LocalAuthenticator), hosts });
        let app = Router::new()
            .route("/", post(|Extension(actor): Extension<Actor>| async move { actor.user }).get(|| async {}))
            .layer(axum::middleware::from_fn_with_state(state, guard));
        let mut request = http::Request::builder().method(method).uri("/");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        app.oneshot(request.body(Body::empty()).expect("a request")).await.expect("an answer").status()
    }

    #[tokio::test]
    async fn a_host_we_do_not_serve_is_refused() {
        assert_eq!(status("GET", &[("host", "localhost:8080")]).await, StatusCode::OK);
        assert_eq!(status("GET", &[("host", "[::1]:8080")]).await, StatusCode::OK);
        assert_eq!(status("GET", &[("host", "evil.example:8080")]).await, StatusCode::MISDIRECTED_REQUEST);
        assert_eq!(status("GET", &[("host", "localhost.evil.example")]).await, StatusCode::MISDIRECTED_REQUEST);
        assert_eq!(status("GET", &[]).await, StatusCode::MISDIRECTED_REQUEST);
    }

    #[tokio::test]
    async fn a_page_of_another_origin_is_refused() {
        let own = [("host", "localhost:8080"), ("origin", "http://localhost:8080")];
        assert_eq!(status("GET", &own).await, StatusCode::OK);
        for origin in ["http://localhost:3000", "http://evil.example", "null"] {
            assert_eq!(status("GET", &[("host", "localhost:8080"), ("origin", origin)]).await, StatusCode::FORBIDDEN);
        }
    }

    #[tokio::test]
    async fn a_change_needs_a_deliberate_content_type() {
        let with = |kind| [("host", "localhost"), ("content-type", kind)];
        assert_eq!(status("POST", &with("application/json; charset=utf-8")).await, StatusCode::OK);
        assert_eq!(status("POST", &with("text/plain")).await, StatusCode::UNSUPPORTED_MEDIA_TYPE);
        assert_eq!(status("POST", &[("host", "localhost")]).await, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    }
}
