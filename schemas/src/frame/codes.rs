//! The numbers that stand for roles and purposes in a frame (format): never reused, only added to.

use carelog_domain::kernel::{PurposeOfUse, Role};

pub(super) const fn role_code(role: Role) -> u8 {
    match role {
        Role::Administrator => 1,
        Role::FrontDesk => 2,
        Role::Practitioner => 3,
        Role::Laboratory => 4,
        Role::Billing => 5,
        Role::Auditor => 6,
        Role::Importer => 7,
        Role::System => 8,
        Role::Analyst => 9,
    }
}

pub(super) const fn role(code: u8) -> Option<Role> {
    Some(match code {
        1 => Role::Administrator,
        2 => Role::FrontDesk,
        3 => Role::Practitioner,
        4 => Role::Laboratory,
        5 => Role::Billing,
        6 => Role::Auditor,
        7 => Role::Importer,
        8 => Role::System,
        9 => Role::Analyst,
        _ => return None,
    })
}

pub(super) const fn purpose_code(purpose: PurposeOfUse) -> u8 {
    match purpose {
        PurposeOfUse::Treatment => 1,
        PurposeOfUse::Payment => 2,
        PurposeOfUse::Operations => 3,
        PurposeOfUse::Audit => 4,
    }
}

pub(super) const fn purpose(code: u8) -> Option<PurposeOfUse> {
    Some(match code {
        1 => PurposeOfUse::Treatment,
        2 => PurposeOfUse::Payment,
        3 => PurposeOfUse::Operations,
        4 => PurposeOfUse::Audit,
        _ => return None,
    })
}
