//! carelog-schemas
