//! Three nodes, three brokers, four partitions, and everything that can go wrong between them: under load, with a checker
//! over every answer. The tests share one cluster and run one after the other.
//!
//! `CARELOG_TORTURE=long` (make torture-cluster) does each as often and as long as the acceptance asks for.

#[path = "cluster/brokers.rs"]
mod brokers;
#[path = "cluster/comings_and_goings.rs"]
mod comings_and_goings;
#[path = "cluster/cut_off.rs"]
mod cut_off;
#[path = "cluster/disk.rs"]
mod disk;
#[path = "cluster/owner_killed.rs"]
mod owner_killed;
#[path = "cluster/stage.rs"]
mod stage;
#[path = "cluster/stores.rs"]
mod stores;
