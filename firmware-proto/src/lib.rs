//! The wire protocol between the sensor microcontroller and the daemon.
#![no_std]
#![forbid(unsafe_code)]
