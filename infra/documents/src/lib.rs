//! carelog-documents
