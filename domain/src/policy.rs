//! The one place that answers "may they?". Deny by default: what no line below allows is refused.

use crate::kernel::actor::Reach;
use crate::kernel::{Actor, HospitalId, Role};
use crate::rejection::rejections;

/// What can be permitted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Permission {
    /// Add hospitals, set prices and policies.
    ManageHospitals,
    /// Add practitioners and roles, set schedules and leave, open days.
    ManagePractitioners,
    /// Register and correct patients.
    RegisterPatients,
    /// Book, move, cancel, take in.
    Schedule,
    /// Book into a full slot.
    Overbook,
    /// End visits, acknowledge critical values.
    Treat,
    /// Mark records as entered in error.
    CorrectRecords,
    /// Upload lab reports.
    HandInResults,
    /// Make lab reports final, amend, correct and append to them.
    ConfirmResults,
    /// Record, resolve and allocate payments.
    TakePayments,
    /// Credit notes and refunds.
    CreditInvoices,
    /// Read identity and appointments of patients.
    ReadPatients,
    /// Read clinical facts.
    ReadClinical,
    /// Read invoices and balances.
    ReadBilling,
    /// Read the history of events.
    ReadHistory,
    /// Read public topics, which name nobody.
    ReadTopics,
    /// Give commands an occurred-at.
    Import,
    /// Retry, skip, rebuild.
    Operate,
    /// Steps of processes.
    RunProcesses,
}

rejections! {
    /// Why somebody may not.
    pub enum PolicyRejection {
        NotPermitted = Forbidden "not-permitted": "your roles do not allow this";
        OutsideReach = Forbidden "outside-reach" at "hospital": "you do not act for this hospital";
        OccurredAtNotPermitted = Forbidden "occurred-at-not-permitted" at "occurredAt":
            "only an import may say when something occurred; leave it out";
    }
}

/// May this actor do that (at that hospital)?
///
/// # Errors
/// Why not.
pub fn permits(actor: &Actor, permission: Permission, hospital: Option<HospitalId>) -> Result<(), PolicyRejection> {
    if !actor.roles.iter().any(|&role| allows(role, permission)) {
        return Err(PolicyRejection::NotPermitted);
    }
    match (&actor.reach, hospital) {
        (Reach::Chain, _) | (_, None) => Ok(()),
        (Reach::Hospitals(own), Some(hospital)) if own.contains(&hospital) => Ok(()),
        (Reach::Hospitals(_), Some(_)) => Err(PolicyRejection::OutsideReach),
    }
}

/// May this actor say when something occurred? Importers and Carelog's own processes may.
///
/// # Errors
/// When they may not.
pub fn permits_occurred_at(actor: &Actor) -> Result<(), PolicyRejection> {
    let allowed = permits(actor, Permission::Import, None).or_else(|_| permits(actor, Permission::RunProcesses, None));
    allowed.map_err(|_| PolicyRejection::OccurredAtNotPermitted)
}

const fn allows(role: Role, permission: Permission) -> bool {
    use Permission as P;
    match role {
        Role::System => true,
        Role::Administrator => {
            matches!(
                permission,
                P::ManageHospitals | P::ManagePractitioners | P::Operate | P::ReadHistory | P::CorrectRecords
            )
        }
        Role::FrontDesk => {
            matches!(permission, P::RegisterPatients | P::Schedule | P::ReadPatients | P::HandInResults)
        }
        Role::Practitioner => matches!(
            permission,
            P::Schedule
                | P::Overbook
                | P::Treat
                | P::ReadPatients
                | P::ReadClinical
                | P::HandInResults
                | P::ConfirmResults
        ),
        Role::Laboratory => {
            matches!(permission, P::HandInResults | P::ConfirmResults | P::ReadPatients | P::ReadClinical)
        }
        Role::Billing => {
            matches!(permission, P::TakePayments | P::CreditInvoices | P::ReadPatients | P::ReadBilling)
        }
        Role::Auditor => {
            matches!(permission, P::ReadHistory | P::ReadPatients | P::ReadClinical | P::ReadBilling)
        }
        Role::Analyst => matches!(permission, P::ReadTopics),
        Role::Importer => matches!(
            permission,
            P::Import | P::ManageHospitals | P::ManagePractitioners | P::RegisterPatients | P::Schedule | P::Treat
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn front_desk_of(reach: Reach) -> Actor {
        Actor { roles: vec![Role::FrontDesk], reach, ..Actor::system("test") }
    }

    #[test]
    fn what_no_line_allows_is_refused() {
        let desk = front_desk_of(Reach::Chain);
        assert_eq!(permits(&desk, Permission::Schedule, None), Ok(()));
        assert_eq!(permits(&desk, Permission::CreditInvoices, None), Err(PolicyRejection::NotPermitted));
        assert_eq!(permits_occurred_at(&desk), Err(PolicyRejection::OccurredAtNotPermitted));
        let nobody = Actor { roles: vec![], ..desk };
        assert_eq!(permits(&nobody, Permission::Schedule, None), Err(PolicyRejection::NotPermitted));
    }

    #[test]
    fn an_analyst_reads_topics_and_nothing_else() {
        let analyst = Actor { roles: vec![Role::Analyst], ..front_desk_of(Reach::Chain) };
        assert_eq!(permits(&analyst, Permission::ReadTopics, None), Ok(()));
        for other in [Permission::ReadHistory, Permission::ReadPatients, Permission::ReadBilling, Permission::Schedule]
        {
            assert_eq!(permits(&analyst, other, None), Err(PolicyRejection::NotPermitted), "{other:?}");
        }
        let desk = front_desk_of(Reach::Chain);
        assert_eq!(permits(&desk, Permission::ReadTopics, None), Err(PolicyRejection::NotPermitted));
    }

    #[test]
    fn nobody_acts_outside_their_hospitals() {
        let here = HospitalId(uuid::Uuid::from_u128(1));
        let there = HospitalId(uuid::Uuid::from_u128(2));
        let desk = front_desk_of(Reach::Hospitals(vec![here]));
        assert_eq!(permits(&desk, Permission::Schedule, Some(here)), Ok(()));
        assert_eq!(permits(&desk, Permission::Schedule, Some(there)), Err(PolicyRejection::OutsideReach));
    }
}
