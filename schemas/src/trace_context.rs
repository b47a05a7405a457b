//! The W3C trace context that is stored with an event and taken up by whoever reacts to it.
//!
//! The crates in the middle know `tracing` spans only; the program installs what connects them to the tracing vendor.
//! Without it there is no current context and adopting one does nothing.

use std::sync::OnceLock;

/// What connects spans to W3C trace contexts.
pub trait TraceContext: Send + Sync {
    /// The `traceparent` of the current span.
    fn current(&self) -> Option<String>;

    /// Makes the span a part of the trace that `traceparent` names.
    fn adopt(&self, span: &tracing::Span, traceparent: &str);
}

static INSTALLED: OnceLock<Box<dyn TraceContext>> = OnceLock::new();

/// Connects spans to a vendor, once for the process; a second call is ignored.
pub fn install(connection: Box<dyn TraceContext>) {
    let _ = INSTALLED.set(connection);
}

/// The `traceparent` of the current span, if it is part of a trace.
pub fn current() -> Option<String> {
    INSTALLED.get()?.current()
}

/// Makes the span a part of the trace that `traceparent` names.
pub fn adopt(span: &tracing::Span, traceparent: &str) {
    if let Some(installed) = INSTALLED.get() {
        installed.adopt(span, traceparent);
    }
}
