//! One question for the time and its answer: four stamps.

use super::number::saturate;
use crate::units::{HostClock, Micros, Stamp};

/// The four stamps of one time exchange with a device whose clock is `C`.
///
/// The host asks, the device notes when the question came and when its answer left, and the host
/// notes when that came. This is the exchange of NTP (RFC 5905, section 8) and, with one device
/// stamp for two, of `MAVLink`'s TIMESYNC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exchange<C: Copy> {
    /// The question left the host.
    pub host_sent: Stamp<HostClock>,
    /// The question reached the device.
    pub device_received: Stamp<C>,
    /// The answer left the device.
    pub device_sent: Stamp<C>,
    /// The answer reached the host.
    pub host_received: Stamp<HostClock>,
}

impl<C: Copy> Exchange<C> {
    /// What the device clock shows more than the host's, if both ways took the same time:
    ///
    /// ```text
    /// offset = ((device_received - host_sent) + (device_sent - host_received)) / 2
    /// ```
    ///
    /// It is wrong by half the difference of the two ways, at most by half the round trip.
    #[must_use]
    pub fn offset(&self) -> Micros {
        let there =
            i128::from(self.device_received.as_micros()) - i128::from(self.host_sent.as_micros());
        let back =
            i128::from(self.device_sent.as_micros()) - i128::from(self.host_received.as_micros());
        Micros(saturate((there + back).div_euclid(2)))
    }

    /// Time on the way, there and back, without the time in the device:
    ///
    /// ```text
    /// round trip = (host_received - host_sent) - (device_sent - device_received)
    /// ```
    #[must_use]
    pub fn round_trip(&self) -> Micros {
        let host = self.host_received - self.host_sent;
        let device = self.device_sent - self.device_received;
        Micros(host.0.saturating_sub(device.0))
    }

    /// Whether the stamps can be true: nothing arrived before it was sent.
    #[must_use]
    pub fn is_possible(&self) -> bool {
        self.host_received.as_micros() >= self.host_sent.as_micros()
            && self.device_sent.as_micros() >= self.device_received.as_micros()
            && self.round_trip() >= Micros(0)
    }

    /// The same, reduced to what the fit needs.
    pub(super) fn round(&self) -> Round {
        let sent = self.device_sent.as_micros();
        let received = self.device_received.as_micros();
        Round {
            device: saturate(i128::midpoint(i128::from(sent), i128::from(received))),
            upper: received.saturating_sub(self.host_sent.as_micros()),
            lower: sent.saturating_sub(self.host_received.as_micros()),
        }
    }
}

/// What an exchange proves: at device time `device` the offset lay from `lower` to `upper`.
///
/// No way takes less than no time, so `device_received - host_sent` is the offset and something
/// more, `device_sent - host_received` the offset and something less. All in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Round {
    pub(super) device: i64,
    pub(super) upper: i64,
    pub(super) lower: i64,
}

impl Round {
    pub(super) const fn round_trip(self) -> i64 {
        self.upper.saturating_sub(self.lower)
    }

    pub(super) fn middle(self) -> i64 {
        self.upper.midpoint(self.lower)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::RadarClock;

    fn exchange(stamps: [i64; 4]) -> Exchange<RadarClock> {
        Exchange {
            host_sent: Stamp::from_micros(stamps[0]),
            device_received: Stamp::from_micros(stamps[1]),
            device_sent: Stamp::from_micros(stamps[2]),
            host_received: Stamp::from_micros(stamps[3]),
        }
    }

    #[test]
    fn equal_ways_give_the_offset_and_the_time_in_the_device_does_not_count() {
        // 300 us there, 70 us in the device, 300 us back; the device is 5000 us ahead.
        let exchange = exchange([1_000, 6_300, 6_370, 1_670]);
        assert_eq!(exchange.offset(), Micros(5_000));
        assert_eq!(exchange.round_trip(), Micros(600));
        assert_eq!(exchange.round(), Round { device: 6_335, upper: 5_300, lower: 4_700 });
    }

    #[test]
    fn an_answer_before_its_question_is_not_possible() {
        assert!(exchange([0, 10, 10, 0]).is_possible());
        assert!(!exchange([5, 10, 10, 4]).is_possible());
        assert!(!exchange([0, 10, 9, 4]).is_possible());
        assert!(!exchange([0, 10, 20, 4]).is_possible());
    }

    #[test]
    fn stamps_at_the_ends_of_the_scale_saturate() {
        let exchange = exchange([i64::MIN, i64::MAX, i64::MAX, i64::MIN]);
        assert_eq!(exchange.offset(), Micros(i64::MAX));
        assert_eq!(exchange.round_trip(), Micros(0));
    }
}
