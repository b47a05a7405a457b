//! Where a store is, as a setting says it: a scheme that names the adapter, and what only that adapter reads.

use std::fmt;

use anyhow::ensure;
use serde::{Deserialize, Serialize};

/// An address that may hold a password, which is never shown.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Address(String);

impl Address {
    /// The whole address, for the adapter alone.
    pub(crate) fn whole(&self) -> &str {
        &self.0
    }

    /// What stands before `://`; empty without it.
    pub(super) fn scheme(&self) -> &str {
        self.0.split_once("://").map_or("", |(scheme, _)| scheme)
    }

    /// What stands after `://`; empty without it.
    pub(super) fn place(&self) -> &str {
        self.0.split_once("://").map_or("", |(_, place)| place)
    }

    /// Refuses another scheme, and an address without a place, by the setting's name and with what would do.
    pub(super) fn must_be(&self, setting: &str, schemes: &[&str], expected: &str) -> anyhow::Result<()> {
        let scheme = self.scheme();
        let known = schemes.contains(&scheme);
        ensure!(known || scheme.is_empty(), "{setting}: {scheme}:// is no home of it; expected {expected}");
        ensure!(known && !self.place().is_empty(), "{setting}: expected {expected}");
        Ok(())
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}://...", self.scheme())
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{self}")
    }
}

#[cfg(test)]
impl Address {
    pub(super) fn of(text: &str) -> Address {
        Address(text.to_owned())
    }
}
