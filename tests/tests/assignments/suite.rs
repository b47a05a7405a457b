//! What holds however partitions are assigned.

#[path = "cluster.rs"]
mod cluster;
#[path = "hospital.rs"]
mod hospital;
#[path = "moving.rs"]
mod moving;
#[path = "stale.rs"]
mod stale;

use cluster::{Cluster, LONG, PARTITIONS, QUIET};
use hospital::Hospitals;

/// Held for reading by tests of a sound program, and alone by those that plant a fault in all of it.
static SOUND: tokio::sync::RwLock<()> = tokio::sync::RwLock::const_new(());
