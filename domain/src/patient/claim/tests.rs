//! Tests to come with the next commit.
