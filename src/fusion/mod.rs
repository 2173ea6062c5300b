//! Decisions from evidence: who sits there, and whether the expression stage may speak.

mod expression;
mod identity;

pub use expression::ExpressionStage;
pub use identity::{IdentityGate, Means};
