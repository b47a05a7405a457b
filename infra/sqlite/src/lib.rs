//! carelog-sqlite
