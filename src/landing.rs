//! The page at `/`: what is running, counts, and where everything is. One file, nothing from the internet.

use axum::response::Html;

/// The page; it asks `/v1/operations/status` and the live feed for what it shows.
pub(crate) async fn page() -> Html<&'static str> {
    Html(include_str!("landing/page.html"))
}
