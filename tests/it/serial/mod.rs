//! Live sensors on serial ports: the protocol byte by byte, and over real pseudo-terminals.

mod board;
mod camera;
mod port;
mod radar;
