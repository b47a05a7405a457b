//! The claim on an identifier, or on an uploaded file: the rules of one stream `identifier:<keyed hash>`.
//!
//! ```text
//! free -> claimed (lapses at `until`) -> confirmed -> free
//! ```
//!
//! The same owner again is no event. A claim that lapsed can be taken by anybody; until somebody does, its owner can
//! still confirm it: nobody else has it, and a process that was killed for a while must be able to end well.

use uuid::Uuid;

use super::PatientRejection;
use super::commands::{ClaimIdentifier, ConfirmClaim, ReleaseClaim};
use super::events::{ClaimConfirmed, ClaimReleased, IdentifierClaimed};
use crate::event::ClaimEvent;
use crate::kernel::{Decide, Evolve, StreamName, Times, Timestamp};
use crate::streams;

/// How long an unconfirmed claim stands.
pub const CLAIM_MINUTES: i64 = 60;

/// Who has an identifier.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum IdentifierClaim {
    /// Nobody.
    #[default]
    Free,
    /// Somebody wants it; it lapses.
    Claimed {
        /// Who.
        owner: Uuid,
        /// When it lapses.
        until: Timestamp,
    },
    /// Somebody has it for good.
    Confirmed {
        /// Who.
        owner: Uuid,
    },
}

/// What can be asked of one claim.
#[derive(Clone, PartialEq, Debug)]
pub enum ClaimCommand {
    /// Claims it.
    Claim(ClaimIdentifier),
    /// For good.
    Confirm(ConfirmClaim),
    /// Gives it up.
    Release(ReleaseClaim),
}

impl IdentifierClaim {
    /// Who has it at `now`; a lapsed claim is nobody's.
    pub fn owner(&self, now: Timestamp) -> Option<Uuid> {
        match self {
            IdentifierClaim::Claimed { owner, until } if *until > now => Some(*owner),
            IdentifierClaim::Confirmed { owner } => Some(*owner),
            IdentifierClaim::Free | IdentifierClaim::Claimed { .. } => None,
        }
    }
}

/// The stream of the claim with this keyed hash, written in hexadecimal.
///
/// # Errors
/// When it is not 64 hexadecimal digits.
pub fn claim_stream(keyed_hash: &str) -> Result<StreamName, PatientRejection> {
    let mut bytes = [0u8; 32];
    hex::decode_to_slice(keyed_hash, &mut bytes).map_err(|_| PatientRejection::KeyedHashInvalid)?;
    Ok(streams::identifier(&bytes))
}

impl Evolve for IdentifierClaim {
    type Event = ClaimEvent;

    fn evolve(&mut self, event: &ClaimEvent) {
        *self = match event {
            ClaimEvent::IdentifierClaimed(e) => IdentifierClaim::Claimed { owner: e.owner, until: e.until },
            ClaimEvent::ClaimConfirmed(e) => IdentifierClaim::Confirmed { owner: e.owner },
            ClaimEvent::ClaimReleased(_) => IdentifierClaim::Free,
        };
    }
}

impl Decide for IdentifierClaim {
    type Command = ClaimCommand;
    type Rejection = PatientRejection;

    fn decide(&self, command: &ClaimCommand, times: &Times) -> Result<Vec<ClaimEvent>, PatientRejection> {
        let now = times.occurred_at;
        match command {
            ClaimCommand::Claim(ClaimIdentifier { owner, process, .. }) => match self.owner(now) {
                Some(other) if other != *owner => Err(PatientRejection::IdentifierTaken),
                Some(_) => Ok(vec![]),
                None => {
                    let until = now.plus_minutes(CLAIM_MINUTES);
                    Ok(vec![IdentifierClaimed { owner: *owner, process: *process, until }.into()])
                }
            },
            ClaimCommand::Confirm(ConfirmClaim { owner, .. }) => match self {
                IdentifierClaim::Claimed { owner: by, .. } if by == owner => {
                    Ok(vec![ClaimConfirmed { owner: *owner }.into()])
                }
                IdentifierClaim::Confirmed { owner: by } if by == owner => Ok(vec![]),
                _ => Err(PatientRejection::ClaimLost),
            },
            ClaimCommand::Release(ReleaseClaim { owner, .. }) => match self {
                IdentifierClaim::Claimed { owner: by, .. } | IdentifierClaim::Confirmed { owner: by }
                    if by == owner =>
                {
                    Ok(vec![ClaimReleased { owner: *owner }.into()])
                }
                _ => Ok(vec![]), // Not theirs, or no longer.
            },
        }
    }
}

#[cfg(test)]
mod tests;
