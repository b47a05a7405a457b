//! What a Merkle leaf is made of, written once more from the drawing in docs/log-format.md. Nothing of the frame's codec
//! is used here, so that a byte it puts in the wrong place gives another root than the model's.

use carelog_domain::kernel::{PurposeOfUse, Role};
use carelog_domain::ports::{AppendError, Batch, Failure, Stored};
use sha2::{Digest, Sha256};

/// The most bytes of a frame.
const BYTES_MAX: usize = 65_535;

/// The leaf hash of RFC 6962, section 2.1, over an event's frame.
pub(super) fn leaf(stored: &Stored, batch: &Batch) -> Result<[u8; 32], AppendError> {
    let bytes = frame(stored, batch).map_err(|what| AppendError::Failed(Failure::lasting("model", what)))?;
    if bytes.len() > BYTES_MAX {
        return Err(AppendError::TooLarge { bytes: bytes.len(), bytes_max: BYTES_MAX });
    }
    Ok(Sha256::digest([&[0][..], &bytes].concat()).into())
}

fn frame(stored: &Stored, batch: &Batch) -> Result<Vec<u8>, String> {
    let context = &stored.context;
    let fingerprint = (context.index == 0).then_some(batch.fingerprint.0);
    let flags = u8::from(fingerprint.is_some())
        + 2 * u8::from(context.hospital.is_some())
        + 4 * u8::from(context.causation.is_some())
        + 8 * u8::from(context.traceparent.is_some())
        + 16 * u8::from(context.occurred_assumed);
    let mut after: Vec<u8> = vec![1, flags, role(context.actor.role), purpose(context.actor.purpose)];
    for number in [context.position.partition.0, batch.slot.number(), context.index, context.batch_length] {
        after.extend(number.to_le_bytes());
    }
    after.extend(context.revision.0.to_le_bytes());
    after.extend(context.position.offset.to_le_bytes());
    after.extend(context.version.0.to_le_bytes());
    after.extend(context.occurred_at.micros().to_le_bytes());
    after.extend(context.recorded_at.micros().to_le_bytes());
    for id in [context.id.0, context.command.0, context.correlation.0] {
        after.extend(id.into_bytes());
    }
    after.extend(fingerprint.iter().flatten());
    after.extend(context.hospital.iter().flat_map(|id| id.0.into_bytes()));
    after.extend(context.causation.iter().flat_map(|id| id.0.into_bytes()));
    let texts = [context.stream.as_str(), &stored.event_type, &context.actor.user];
    for text in texts.into_iter().chain(context.traceparent.as_deref()) {
        after.extend(short(text)?);
    }
    after.push(u8::try_from(context.tags.len()).map_err(|_| "more than 255 tags".to_owned())?);
    for tag in &context.tags {
        after.extend(short(tag.as_str())?);
    }
    if stored.data.is_empty() || stored.data.contains(&0) {
        return Err("the data is empty or holds a NUL byte".to_owned());
    }
    after.extend(&stored.data);
    Ok([&crc32c(&after).to_le_bytes()[..], &after].concat())
}

fn short(text: &str) -> Result<Vec<u8>, String> {
    let length = u8::try_from(text.len()).map_err(|_| "a text of more than 255 bytes".to_owned())?;
    if text.contains('\0') {
        return Err("a text holds a NUL byte".to_owned());
    }
    Ok([&[length][..], text.as_bytes()].concat())
}

/// The numbers of docs/log-format.md.
fn role(role: Role) -> u8 {
    let order = [
        Role::Administrator,
        Role::FrontDesk,
        Role::Practitioner,
        Role::Laboratory,
        Role::Billing,
        Role::Auditor,
        Role::Importer,
        Role::System,
        Role::Analyst,
    ];
    place(&order, role)
}

fn purpose(purpose: PurposeOfUse) -> u8 {
    place(&[PurposeOfUse::Treatment, PurposeOfUse::Payment, PurposeOfUse::Operations, PurposeOfUse::Audit], purpose)
}

fn place<T: PartialEq>(order: &[T], wanted: T) -> u8 {
    (1..).zip(order).find(|(_, each)| **each == wanted).expect("every word has its number").0
}

/// CRC-32C (RFC 3720, appendix B.4), bit by bit.
fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ if crc & 1 == 1 { 0x82F6_3B78 } else { 0 })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_the_standard() {
        assert_eq!(crc32c(b"123456789"), 0xE306_9283);
        assert_eq!(crc32c(&[0; 32]), 0x8A91_36AA, "RFC 3720, appendix B.4");
    }
}
