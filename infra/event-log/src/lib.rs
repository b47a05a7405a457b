//! carelog-event-log
