//! Another version of the program, as tests plant it: some of its read models have another layout. Without the cargo
//! feature `faults` there is none to plant, so a release cannot have it.

/// The variable that names these read models, with commas between them.
#[cfg(feature = "faults")]
pub const OTHER_LAYOUTS: &str = "CARELOG_FAULT_OTHER_LAYOUTS";

#[cfg(feature = "faults")]
static OTHERS: std::sync::LazyLock<String> =
    std::sync::LazyLock::new(|| std::env::var(OTHER_LAYOUTS).unwrap_or_default());

/// By how much the revision of a read model is raised.
#[cfg(feature = "faults")]
pub(crate) fn raised(model: &str) -> u32 {
    u32::from(OTHERS.split(',').any(|other| other == model))
}

#[cfg(not(feature = "faults"))]
pub(crate) fn raised(_model: &str) -> u32 {
    0
}
