//! The daemon and its live sensors against virtual devices, over real ptys and sockets.
//!
//! Nothing here waits for a time to pass: each test waits for what it has to see, and fails when it
//! does not come. What takes longer than a test may take is driven by a board whose time flies.

mod clocks;
mod corruption;
mod daemon;
mod dca1000;
mod enroll;
mod hang;
mod health;
mod replug;
mod rig;
mod scene;
