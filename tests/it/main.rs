//! Integration tests, one binary: each file is a subject.

#![expect(clippy::print_stdout, reason = "a skipped test says so")]
#![allow(dead_code, clippy::allow_attributes, reason = "not every subject needs each helper")]

mod support;
