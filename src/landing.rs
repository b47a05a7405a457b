//! The page at `/`: what is running, counts, and where everything is. One file, nothing from the internet.

use axum::response::{Html, IntoResponse};
use http::header;

/// The page; it asks `/v1/operations/status` and the live feed for what it shows.
pub(crate) async fn page() -> Html<&'static str> {
    Html(include_str!("landing/page.html"))
}

/// What browsers show in the tab, of this page and all others: they ask for it by this name.
pub(crate) async fn icon() -> impl IntoResponse {
    let headers = [(header::CONTENT_TYPE, "image/svg+xml"), (header::CACHE_CONTROL, "public, max-age=86400")];
    (headers, include_str!("landing/icon.svg"))
}
