//! Signal-processing kernels: plan once, run without allocating, no clock, no log.

pub mod event;
pub mod radar;
