//! The console at `/graphiql`: one page, one script, one style sheet, all inside the program (built by
//! `query-api/graphiql`), so that it works where there is no internet. The page may talk to its own origin only.

use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header;

const PAGE: &str = include_str!("../../assets/graphiql.html");
const SCRIPT: &[u8] = include_bytes!("../../assets/graphiql.js");
const STYLE: &[u8] = include_bytes!("../../assets/graphiql.css");
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; font-src 'self' data:; \
    img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

pub(super) fn router() -> Router {
    Router::new()
        .route("/graphiql", get(|| async { page() }))
        .route("/graphiql/graphiql.js", get(|| async { asset(SCRIPT, "text/javascript; charset=utf-8") }))
        .route("/graphiql/graphiql.css", get(|| async { asset(STYLE, "text/css; charset=utf-8") }))
}

fn page() -> Response {
    let headers = [(header::CONTENT_TYPE, "text/html; charset=utf-8"), (header::CONTENT_SECURITY_POLICY, POLICY)];
    (headers, PAGE).into_response()
}

fn asset(bytes: &'static [u8], content_type: &'static str) -> Response {
    let headers = [(header::CONTENT_TYPE, content_type), (header::CACHE_CONTROL, "max-age=3600")];
    (headers, bytes).into_response()
}
