//! Live devices over the loopback interface.

use std::net::{IpAddr, Ipv4Addr};

use visaged::sensor::{Notice, Reading, Sensor};

/// Address `number` of this process, so that fixed ports never meet those of another test run.
pub fn address(number: u8) -> IpAddr {
    let [.., high, low] = std::process::id().to_be_bytes();
    // 127.0 is everybody's.
    Ipv4Addr::new(127, high | 1, low, number).into()
}

/// The next reading other than silence, or `None` after so many waits.
pub fn next(sensor: &mut dyn Sensor, waits: usize) -> Option<Reading> {
    let silence = Reading::Notice(Notice::Idle);
    (0..waits).find_map(|_| sensor.read().unwrap().filter(|reading| *reading != silence))
}
