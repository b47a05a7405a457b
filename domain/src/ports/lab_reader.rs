//! Reading values out of a file that came from outside.

use bytes::Bytes;

use super::{BoxFuture, Failure};
use crate::laboratory::{Extraction, FailureReason};

/// Reads lab reports, apart from this process and within limits on memory, time, pages and output.
pub trait LabReader: Send + Sync {
    /// What stands in the PDF, or why nothing could be read. The inner error is the file's fault, the outer ours.
    fn read(&self, pdf: Bytes) -> BoxFuture<'_, Result<Result<Extraction, FailureReason>, Failure>>;
}
