//! Traces, logs and metrics: set up once by the program, before anything else.
//!
//! Logs go to standard error, as text or JSON, filtered by `CARELOG_LOG` (or `RUST_LOG`). Spans are exported over OTLP
//! when the standard variables ask for it (`OTEL_EXPORTER_OTLP_ENDPOINT`, `OTEL_TRACES_EXPORTER`, `OTEL_SDK_DISABLED`
//! and the rest, as the OpenTelemetry specification has them). Metrics are kept for Prometheus to fetch.

mod http_span;
mod otlp;

use std::io::IsTerminal;

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

pub use http_span::http_span;

/// How log lines look.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// For collectors.
    Json,
}

/// Why telemetry could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter cannot be read.
    #[error("the log filter {0:?} cannot be read; write it like info,carelog=debug")]
    Filter(String),
    /// The exporter could not be built.
    #[error("the OTLP exporter could not be set up; look at the OTEL_ variables")]
    Exporter(#[source] opentelemetry_otlp::ExporterBuildError),
    /// Metrics could not be installed.
    #[error("metrics could not be set up")]
    Metrics(#[source] BuildError),
    /// Something else logs already.
    #[error("logging was set up before")]
    Twice(#[source] tracing_subscriber::util::TryInitError),
}

/// Keeps telemetry going; flushes what is left when dropped.
pub struct Telemetry {
    provider: SdkTracerProvider,
    metrics: PrometheusHandle,
}

/// Upper bounds of duration histograms, in seconds.
const SECONDS: &[f64] = &[0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0];

/// Sets up logs, traces and metrics for this process.
///
/// # Errors
/// When a variable cannot be understood, or it was done before.
pub fn start(format: LogFormat, default_filter: &str) -> Result<Telemetry, TelemetryError> {
    let filter = std::env::var("CARELOG_LOG").or_else(|_| std::env::var("RUST_LOG"));
    let filter = filter.unwrap_or_else(|_| default_filter.to_owned());
    let filter = EnvFilter::try_new(&filter).map_err(|_| TelemetryError::Filter(filter))?;
    let provider = otlp::provider()?;
    let colours = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty());
    // Told of on the same stderr, a line that cannot be written to it (it is a file, and the disk is full) would be a panic.
    let text =
        tracing_subscriber::fmt::layer().with_writer(std::io::stderr).log_internal_errors(false).with_ansi(colours);
    let lines = match format {
        LogFormat::Text => text.with_target(false).boxed(),
        LogFormat::Json => text.json().flatten_event(true).boxed(),
    };
    tracing_subscriber::registry()
        .with(lines.with_filter(filter))
        .with(otlp::layer(&provider))
        .try_init()
        .map_err(TelemetryError::Twice)?;
    otlp::install_trace_context();
    let metrics = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("seconds".to_owned()), SECONDS)
        .and_then(PrometheusBuilder::install_recorder)
        .map_err(TelemetryError::Metrics)?;
    Ok(Telemetry { provider, metrics })
}

impl Telemetry {
    /// Hands out what `/metrics` shows, in Prometheus' text format.
    pub fn metrics(&self) -> impl Fn() -> String + Clone + Send + Sync + 'static {
        let handle = self.metrics.clone();
        move || {
            handle.run_upkeep();
            handle.render()
        }
    }
}

impl Drop for Telemetry {
    fn drop(&mut self) {
        // A collector that is gone must not keep the program from ending; the SDK bounds the wait by itself.
        let _ = self.provider.shutdown();
    }
}
