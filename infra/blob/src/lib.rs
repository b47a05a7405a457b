//! carelog-blob
