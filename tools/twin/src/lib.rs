//! A simulated face in front of a simulated radar and a simulated event camera.
//!
//! ```text
//! person --+                       +-- radar:  moving scatterers -> beat signal -> 12-bit samples
//!          +-- motion: poses at 1 kHz
//! setting -+                       +-- event:  luminance field -> pixels -> events
//! ```
//!
//! One table of poses drives both sensors, so what one sees the other sees at the same instant.
//! Everything follows from a seed; `README.md` has the equations, the priors and what is missing.

pub mod card;
pub mod event;
pub mod motion;
mod number;
pub mod person;
pub mod radar;
mod random;
pub mod session;
pub mod setting;

pub use random::Random;
