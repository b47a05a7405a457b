//! The pages behind the codes of problems: docs/errors, compiled in and shown as plain HTML. Only the Markdown those
//! pages use is known here: headings, paragraphs, lists, bold and code.

use axum::extract::Path;
use axum::response::{Html, IntoResponse, Response};
use rust_embed::RustEmbed;

use crate::problem::Problem;

#[derive(RustEmbed)]
#[folder = "../docs/errors"]
struct Pages;

const STYLE: &str = "body{font:16px/1.6 system-ui,sans-serif;max-width:44rem;margin:3rem auto;padding:0 1rem;color:#1c2733}\
    a{color:#0b6bcb}h1{font-size:1.6rem}code{background:#eef2f6;border-radius:4px;padding:.1em .35em;font-size:.92em}\
    dl{display:grid;grid-template-columns:max-content 1fr;gap:.3rem 1.2rem}dd{margin:0}\
    @media(max-width:40rem){dl{grid-template-columns:1fr;gap:0}dd{margin-bottom:.7rem}}\
    @media(prefers-color-scheme:dark){body{background:#12181f;color:#dfe7ef}code{background:#1f2a36}a{color:#6db3ff}}";

/// `GET /docs/errors`: every code.
pub(crate) async fn index() -> Html<String> {
    let mut codes: Vec<String> = Pages::iter().filter_map(|name| name.strip_suffix(".md").map(str::to_owned)).collect();
    codes.sort_unstable();
    let item = |code: &String| {
        let said = Pages::get(&format!("{code}.md")).map(|file| in_short(&String::from_utf8_lossy(&file.data)));
        format!("<dt><a href=\"/docs/errors/{code}\">{code}</a></dt><dd>{}</dd>", said.unwrap_or_default())
    };
    let items: String = codes.iter().map(item).collect();
    let intro = "Every problem has a code, and every code a page that says how to mend it.";
    Html(frame("Errors", &format!("<h1>Errors</h1><p>{intro}</p><dl>{items}</dl>")))
}

/// The status and the one sentence that a page begins with.
fn in_short(markdown: &str) -> String {
    markdown.split("\n\n").nth(1).map(|block| inline(block.trim())).unwrap_or_default()
}

/// `GET /docs/errors/{code}`.
pub(crate) async fn page(Path(code): Path<String>) -> Response {
    match Pages::get(&format!("{code}.md")) {
        Some(file) => {
            let body = html(&String::from_utf8_lossy(&file.data));
            Html(frame(&code, &format!("{body}<p><a href=\"/docs/errors\">All codes</a></p>"))).into_response()
        }
        None => Problem::not_found("error-page-unknown", "There is no page for this code").into_response(),
    }
}

fn frame(title: &str, body: &str) -> String {
    let title = escape(title);
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width\"><title>{title} - Carelog</title><style>{STYLE}</style></head><body>{body}</body></html>"
    )
}

fn html(markdown: &str) -> String {
    markdown.split("\n\n").map(str::trim).filter(|block| !block.is_empty()).map(block).collect()
}

fn block(block: &str) -> String {
    let heading = block.bytes().take_while(|byte| *byte == b'#').count();
    if (1..=6).contains(&heading) {
        return format!("<h{heading}>{}</h{heading}>", inline(block[heading..].trim()));
    }
    if block.starts_with("- ") {
        let items = block.trim_start_matches("- ").split("\n- ").map(|item| format!("<li>{}</li>", inline(item)));
        return format!("<ul>{}</ul>", items.collect::<String>());
    }
    format!("<p>{}</p>", inline(block))
}

/// Bold and code; a mark that is not closed is shown as it is.
fn inline(text: &str) -> String {
    let text = paired(&escape(text), "`", "<code>", "</code>");
    paired(&text, "**", "<b>", "</b>")
}

fn paired(text: &str, mark: &str, open: &str, close: &str) -> String {
    let parts: Vec<&str> = text.split(mark).collect();
    let mut out = String::with_capacity(text.len() + 32);
    for (index, part) in parts.iter().enumerate() {
        match index {
            0 => {}
            index if index % 2 == 0 => out.push_str(close),
            index if index + 1 == parts.len() => out.push_str(mark),
            _ => out.push_str(open),
        }
        out.push_str(part);
    }
    out
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_becomes_html_and_nothing_in_it_becomes_markup() {
        let text = html("# slot-taken\n\n**409.** The slot `a<b` is taken.\n\n- one\n- two");
        assert_eq!(
            text,
            "<h1>slot-taken</h1><p><b>409.</b> The slot <code>a&lt;b</code> is taken.</p><ul><li>one</li><li>two</li></ul>"
        );
        assert_eq!(inline("a ** b"), "a ** b");
    }

    #[test]
    fn every_code_of_the_api_has_its_page() {
        let missing: Vec<_> =
            crate::problem::CODES.iter().filter(|code| Pages::get(&format!("{code}.md")).is_none()).collect();
        assert!(missing.is_empty(), "write docs/errors pages for {missing:?}");
    }
}
