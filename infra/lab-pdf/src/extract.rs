//! The whole way from bytes to values.

use crate::layout::lay_out;
use crate::{Extraction, FailureReason, Limits, pdf, report};

/// Reads a lab report. Pure: no files, no clock; its memory and time are bounded by what runs it.
///
/// # Errors
/// Why nothing could be read from the file.
pub fn extract(bytes: &[u8], limits: &Limits) -> Result<Extraction, FailureReason> {
    let file = pdf::read(bytes, limits)?;
    let pages: Vec<_> = (1..).zip(&file.pages).map(|(number, page)| lay_out(page, number)).collect();
    if pages.iter().all(|page| page.lines.is_empty()) {
        return Err(FailureReason::NoText);
    }
    let read = report::read(&pages);
    if read.observations.is_empty() {
        return Err(FailureReason::NoTable);
    }
    Ok(Extraction {
        header: read.header,
        observations: read.observations,
        unparsed: read.unparsed,
        pages: u32::try_from(file.pages.len()).unwrap_or(u32::MAX),
        producer: file.producer,
    })
}
