//! carelog-telemetry
