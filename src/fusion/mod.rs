//! Decisions from evidence: who sits there, whether they are alive, and what their face shows.
//!
//! ```text
//!   radar frame ── echo ──> presence ─┐
//!              ├── score ─> evidence ─┴─> identity gate ──> lease ──> identity
//!              │                            │      ^          │
//!              │                            v      │          v
//!              │                         lockout   │      expression stage ──> expression
//!              ├── breath ──> liveness ────────────┤        ^       ^     └──> interval
//!              └── motion ──> agreement ───────────┘        │       │
//!   event camera ─ rate ──────────^                         │       │
//!   networks ──── gate, experts ────────────────────────────┘       │
//!            ──── event network ────────────────────────────────────┘
//! ```
//!
//! Every part is a plain struct without a clock: instants are handed in, so a replay decides as the
//! live daemon did. Each file draws its states; each is held to a model of its rules in its tests.

mod agreement;
mod belief;
mod config;
mod evidence;
mod expression;
mod follower;
mod identity;
mod interval;
mod lease;
mod liveness;
mod lockout;
mod presence;
mod ratio;
#[cfg(test)]
mod testing;

pub use agreement::Agreement;
pub use belief::{Refused, believe};
pub use config::{Config, ExpressionConfig, Routing};
pub use evidence::{Evidence, Outcome, Verdict};
pub use expression::{ExpressionStage, Said};
pub use follower::Follower;
pub use identity::{IdentityGate, Means, Observation};
pub use lease::Lease;
pub use liveness::{LivenessGate, Look, alive};
pub use lockout::{Lock, Lockout};
pub use presence::Presence;

use crate::units::{BootClock, HostClock, Stamp};

/// One instant on the two clocks that decisions go by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// On the time line of sensors and messages: leases, windows, silences.
    pub host: Stamp<HostClock>,
    /// On the clock that nobody can set: lockouts.
    pub boot: Stamp<BootClock>,
}
