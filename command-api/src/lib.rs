//! carelog-command-api
