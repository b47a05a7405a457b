//! The history checker, on histories made by hand and on a real server that is killed and stopped under load.

#[path = "history/by_hand.rs"]
mod by_hand;
#[path = "history/one_node.rs"]
mod one_node;
