//! Numbers that know what they measure.

use core::fmt;
use core::marker::PhantomData;
use core::ops::{Add, Sub};

use serde::{Deserialize, Serialize};

/// The speed of light in vacuum, metres per second (exact by definition).
pub const SPEED_OF_LIGHT: f64 = 299_792_458.0;

macro_rules! quantity {
    ($(#[$doc:meta])* $name:ident, $unit:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub f64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)?;
                f.write_str(concat!(" ", $unit))
            }
        }
    };
}

quantity!(
    /// A frequency in hertz.
    Hertz,
    "Hz"
);
quantity!(
    /// A distance in metres.
    Meters,
    "m"
);
quantity!(
    /// A speed in metres per second; negative towards the sensor.
    MetersPerSecond,
    "m/s"
);
quantity!(
    /// A span in seconds, for configuration values that devices state as floats.
    Seconds,
    "s"
);

impl Seconds {
    /// The same span, rounded to whole microseconds.
    #[must_use]
    pub fn to_micros(self) -> Micros {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "`as` saturates, which is what we want"
        )]
        Micros((self.0 * 1e6).round() as i64)
    }
}

/// A signed span in microseconds.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Micros(pub i64);

impl Micros {
    /// The span in seconds.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "exact up to 285 years")]
    pub fn as_seconds(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// A span of `milliseconds`.
    #[must_use]
    pub const fn from_millis(milliseconds: i64) -> Self {
        Self(milliseconds.saturating_mul(1000))
    }
}

/// A radar's own clock; its zero is arbitrary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RadarClock {}
/// An event camera's own clock; its zero is arbitrary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum EventClock {}
/// The clock of a device of either kind, where it does not matter which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DeviceClock {}
/// The time line that all sensors are mapped to: monotonic host time live, recorded time in replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum HostClock {}
/// The host's clock since it was switched on (`CLOCK_BOOTTIME`): it runs on while the machine
/// sleeps, and nobody can set it. In a replay it is the recorded time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum BootClock {}

/// An instant on clock `C`, in microseconds.
///
/// Instants of two clocks have no difference, and the compiler says so:
///
/// ```compile_fail
/// use visaged::units::{HostClock, RadarClock, Stamp};
/// let skew = Stamp::<RadarClock>::from_micros(10) - Stamp::<HostClock>::from_micros(4);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp<C>(i64, PhantomData<C>);

impl<C> Stamp<C> {
    /// An instant `micros` after the clock's zero.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros, PhantomData)
    }

    /// Microseconds after the clock's zero.
    #[must_use]
    pub const fn as_micros(self) -> i64 {
        self.0
    }
}

impl<C> Sub for Stamp<C> {
    type Output = Micros;

    /// Saturates: a clock that ran for 292 000 years is not our problem.
    fn sub(self, earlier: Self) -> Micros {
        Micros(self.0.saturating_sub(earlier.0))
    }
}

impl<C> Add<Micros> for Stamp<C> {
    type Output = Self;

    /// Saturates, like the difference.
    fn add(self, span: Micros) -> Self {
        Self::from_micros(self.0.saturating_add(span.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_minus_an_earlier_stamp_of_the_same_clock_is_the_span_between() {
        let early = Stamp::<RadarClock>::from_micros(1_000);
        let late = Stamp::<RadarClock>::from_micros(1_250);
        assert_eq!(late - early, Micros(250));
        assert_eq!(early + Micros(250), late);
    }

    #[test]
    fn a_frame_period_printed_from_an_f32_rounds_to_the_nearest_microsecond() {
        assert_eq!(Seconds(0.077_268_846_333_026_89).to_micros(), Micros(77_269));
    }
}
