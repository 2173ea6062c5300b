//! What training and evaluation need and the daemon does not.

#![forbid(unsafe_code)]

pub mod comparison;
