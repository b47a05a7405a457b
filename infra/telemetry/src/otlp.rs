//! Spans as OpenTelemetry has them, and the W3C trace context that events carry.

use std::collections::HashMap;

use carelog_schemas::trace_context::{self, TraceContext};
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{TraceContextExt, TracerProvider};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::Subscriber;
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::registry::LookupSpan;

use crate::TelemetryError;

/// A provider that exports when the standard variables ask for it, and gives every span an identity in any case.
pub(crate) fn provider() -> Result<SdkTracerProvider, TelemetryError> {
    let named = std::env::var_os("OTEL_SERVICE_NAME").is_some();
    let mut resource = Resource::builder();
    if !named {
        resource = resource.with_service_name("carelog");
    }
    let builder = SdkTracerProvider::builder().with_resource(resource.build());
    if !wanted() {
        return Ok(builder.build()); // Sampled all the same: the next process on the way of a trace may export.
    }
    let exporter = opentelemetry_otlp::SpanExporter::builder().with_http().build();
    Ok(builder.with_batch_exporter(exporter.map_err(TelemetryError::Exporter)?).build())
}

fn wanted() -> bool {
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    if set("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        return false;
    }
    match set("OTEL_TRACES_EXPORTER").as_deref() {
        Some("none") => false,
        Some("otlp") => true,
        _ => set("OTEL_EXPORTER_OTLP_ENDPOINT").or_else(|| set("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")).is_some(),
    }
}

/// The layer that turns our spans, and nobody else's, into OpenTelemetry's. Every command pays for what a span carries, so
/// nothing that tells a reader of traces little: the line and thread it ran on, how long it waited to run.
pub(crate) fn layer<S>(provider: &SdkTracerProvider) -> impl Layer<S> + use<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    tracing_opentelemetry::layer()
        .with_tracer(provider.tracer("carelog"))
        .with_context_activation(false) // Whoever needs the context asks the span for it.
        .with_tracked_inactivity(false)
        .with_threads(false)
        .with_location(false)
        .with_filter(Targets::new().with_target("carelog", LevelFilter::INFO))
}

/// Lets the middle crates read and continue traces without knowing who traces.
pub(crate) fn install_trace_context() {
    trace_context::install(Box::new(OpenTelemetryContext));
}

struct OpenTelemetryContext;

impl TraceContext for OpenTelemetryContext {
    fn current(&self) -> Option<String> {
        let context = tracing::Span::current().context();
        if !context.span().span_context().is_valid() {
            return None;
        }
        let mut carrier = HashMap::new();
        TraceContextPropagator::new().inject_context(&context, &mut carrier);
        carrier.remove("traceparent")
    }

    fn adopt(&self, span: &tracing::Span, traceparent: &str) {
        let carrier = HashMap::from([("traceparent".to_owned(), traceparent.to_owned())]);
        // A span that is switched off has no place in a trace; nothing is lost then.
        let _ = span.set_parent(TraceContextPropagator::new().extract(&carrier));
    }
}
