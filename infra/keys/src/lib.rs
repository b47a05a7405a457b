//! carelog-keys
