//! `clinic.toml`: the hospital, its practitioners, and the hash of every file that belongs to the import.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, ensure};
use serde::Deserialize;
use sha2::{Digest, Sha256};

/// A checked clinic.toml.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manifest {
    /// Names the import for ever; keys derive from it.
    #[serde(rename = "manifest")]
    pub(crate) name: String,
    /// The generator's today: what is before is past.
    pub(crate) ref_date: toml::value::Date,
    /// Versions of what made the files.
    #[serde(rename = "versions")]
    _versions: BTreeMap<String, String>,
    pub(crate) hospital: Hospital,
    #[serde(rename = "practitioner")]
    pub(crate) practitioners: Vec<Practitioner>,
    /// SHA-256 of clinic.toml itself, in hex; filled in after reading.
    #[serde(skip)]
    pub(crate) digest: String,
}

/// The hospital to register.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Hospital {
    pub(crate) name: String,
    pub(crate) zone: String,
    pub(crate) currency: String,
    pub(crate) grace_minutes: u32,
}

/// A practitioner, and the folder with their year.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Practitioner {
    pub(crate) folder: String,
    pub(crate) name: String,
    pub(crate) specialty: String,
    #[serde(rename = "seed")]
    _seed: u32,
    pub(crate) weekdays: Vec<String>,
    pub(crate) start: String,
    pub(crate) end: String,
    pub(crate) slot_minutes: u16,
    pub(crate) service: Service,
    sha256: BTreeMap<String, String>,
}

/// What a visit is and costs.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Service {
    pub(crate) code: String,
    pub(crate) display: String,
    pub(crate) price: String,
    pub(crate) tax_category: String,
    pub(crate) tax_basis_points: u32,
}

impl Manifest {
    /// Reads clinic.toml and checks that every file has the hash it had when the folder was made.
    pub(crate) fn read(folder: &Path) -> anyhow::Result<Manifest> {
        let path = folder.join("clinic.toml");
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("{} cannot be read; `make data` makes such a folder", path.display()))?;
        let mut manifest: Manifest =
            toml::from_str(&text).with_context(|| format!("{} is not a clinic.toml", path.display()))?;
        ensure!(!manifest.practitioners.is_empty(), "{} names no practitioner", path.display());
        manifest.digest = hex::encode(Sha256::digest(text.as_bytes()));
        for practitioner in &manifest.practitioners {
            for (name, expected) in &practitioner.sha256 {
                let path = folder.join(&practitioner.folder).join(name);
                let bytes = std::fs::read(&path).with_context(|| format!("{} cannot be read", path.display()))?;
                let found = hex::encode(Sha256::digest(&bytes));
                ensure!(
                    found == *expected,
                    "{} has changed since clinic.toml was written (sha256 {found}, not {expected}); make the folder \
                     again under another manifest name",
                    path.display()
                );
            }
        }
        Ok(manifest)
    }

    /// The system of a folder's patient numbers: they collide between folders.
    pub(crate) fn identifier_system(&self, practitioner: &Practitioner) -> String {
        format!("urn:carelog:import:{}:{}", self.name, practitioner.folder)
    }
}
