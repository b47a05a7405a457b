//! carelog-auth
