//! AEDAT 4.
