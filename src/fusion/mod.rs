//! Decisions from evidence: who sits there, whether they breathe, and whether the expression stage
//! may speak.

mod expression;
mod identity;
mod liveness;

pub use expression::ExpressionStage;
pub use identity::{IdentityGate, Means};
pub use liveness::{Evidence, LivenessGate};
