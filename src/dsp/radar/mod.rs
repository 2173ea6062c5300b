//! Radar kernels.
