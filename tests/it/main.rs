//! Integration tests, one binary: each file is a subject.

#![allow(dead_code, clippy::allow_attributes, reason = "not every subject needs each helper")]

mod dsp_radar;
mod npy;
mod support;
