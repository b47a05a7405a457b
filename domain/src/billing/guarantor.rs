//! Who answers for an account: the patient, unless somebody else is named (FHIR Account.guarantor). Invoices issued from
//! then on are theirs to pay (FHIR Invoice.recipient); what was issued and paid before stays what it was.

use super::commands::NameGuarantor;
use super::events::GuarantorNamed;
use super::{Account, BillingRejection, Decision};
use crate::kernel::Billing;
use crate::kernel::reason::check_reason;
use crate::streams;

/// Longest name of a guarantor, in bytes: a person's, or an employer's with its department.
const NAME_BYTES_MAX: usize = 300;

/// Names who answers for an account (its stream leads); no event when they do already. Needs the account with its personal
/// values open: names are compared.
///
/// # Errors
/// When there is no such account, or a name or reason that makes no sense.
pub fn name_guarantor(command: &NameGuarantor, account: &Account) -> Decision {
    let holder = account.known()?;
    command.guarantor.as_ref().map_or(Ok(()), check_name)?;
    command.reason.as_ref().map_or(Ok(()), check_reason)?;
    if account.guarantor() == command.guarantor.as_ref() {
        return Ok(vec![]);
    }
    let named = GuarantorNamed {
        account: holder.account,
        hospital: holder.hospital,
        patient: holder.patient,
        guarantor: command.guarantor.clone(),
        reason: command.reason.clone(),
    };
    Ok(vec![(streams::account(holder.account), named.into())])
}

fn check_name(name: &Billing<String>) -> Result<(), BillingRejection> {
    let name = name.open().map_or("", String::as_str);
    if name.trim().is_empty() {
        return Err(BillingRejection::NameMissing);
    }
    if name.len() > NAME_BYTES_MAX { Err(BillingRejection::NameTooLong) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
