//! carelog-query-api
