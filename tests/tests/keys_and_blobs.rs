//! Keys and blobs: the contracts of their ports on every adapter, and what only one of them promises.

#[path = "keys_and_blobs/files.rs"]
mod files;
#[path = "keys_and_blobs/postgres_keys.rs"]
mod postgres_keys;
#[path = "keys_and_blobs/s3.rs"]
mod s3;
#[path = "keys_and_blobs/troubled_line.rs"]
mod troubled_line;
