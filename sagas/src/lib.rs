//! carelog-sagas
