//! The twin card.

pub mod radar;
