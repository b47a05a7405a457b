//! carelog-projections
