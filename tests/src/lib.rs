//! carelog-tests
