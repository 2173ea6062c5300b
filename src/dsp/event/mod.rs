//! Event-camera kernels.
