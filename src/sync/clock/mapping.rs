//! Device time to host time, never backwards.

use super::fit::Line;
use super::number::{float, whole};

/// A lag is worked off at the lag per second, so that a large one is soon small ...
const TIME_CONSTANT: f64 = 1e6;
/// ... but not so fast that time nearly stops ...
const FASTEST: f64 = 0.5;
/// ... nor so slowly that the rest never goes: 1 ms is gone after 100 ms.
const SLOWEST: f64 = 0.01;

/// Follows a line that is corrected now and then, without a jump.
///
/// When the line changes, the mapped time keeps its value; the difference (the lag) is then worked
/// off as device time goes on, by at least 1 % and at most 50 % of it:
///
/// ```text
/// mapped = line(device) + lag,   d lag / d device = -sign(lag) * clamp(|lag| / 1 s, 1 %, 50 %)
/// ```
///
/// So mapped time always runs forward (at half speed at worst), and the lag reaches zero: 1 ms
/// after 0.1 s, 100 ms after 3.3 s, 10 s after 24 s. A device stamp before the newest one gets the
/// newest one's host time.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Mapping {
    newest: Option<Newest>,
}

#[derive(Debug, Clone, Copy)]
struct Newest {
    device: i64,
    host: i64,
    lag: f64,
}

impl Mapping {
    /// The line changes from `old` to `new`.
    pub(super) fn correct(&mut self, old: Line, new: Line) {
        if let Some(newest) = &mut self.newest {
            let change = old.host(newest.device).saturating_sub(new.host(newest.device));
            newest.lag += float(change);
        }
    }

    /// The host time of `device` on `line`.
    pub(super) fn map(&mut self, line: Line, device: i64) -> i64 {
        let target = line.host(device);
        let Some(last) = self.newest else {
            self.newest = Some(Newest { device, host: target, lag: 0.0 });
            return target;
        };
        let since = device.saturating_sub(last.device);
        if since < 0 {
            return last.host;
        }
        let rate = (last.lag.abs() / TIME_CONSTANT).clamp(SLOWEST, FASTEST);
        let lag = last.lag.signum() * (last.lag.abs() - rate * float(since)).max(0.0);
        // The rule above runs forward by itself; rounding, and clocks at the ends of the scale,
        // are what the floor is for.
        let host = target.saturating_add(whole(lag)).max(last.host);
        self.newest = Some(Newest { device, host, lag });
        host
    }

    /// What the newest mapped stamp is ahead of the line, microseconds.
    #[cfg(test)]
    pub(super) fn lag(&self) -> f64 {
        self.newest.map_or(0.0, |newest| newest.lag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seconds of 1 kHz stamps until a correction by `micros` is gone; also checks the direction.
    fn seconds_to_converge(micros: i64) -> f64 {
        let old = Line { device: 0, offset: 0, drift: 0.0 };
        let new = Line { offset: micros, ..old };
        let mut mapping = Mapping::default();
        let mut last = mapping.map(old, 0);
        mapping.correct(old, new);
        for step in 1..100_000 {
            let host = mapping.map(new, step * 1_000);
            assert!(host > last, "{host} after {last}");
            last = host;
            if mapping.lag() == 0.0 {
                return float(step) / 1e3;
            }
        }
        f64::INFINITY
    }

    #[test]
    fn corrections_of_either_sign_are_worked_off_in_the_stated_time() {
        // Differs from the continuous rule by at most a step or two of 1 ms per stage.
        for sign in [-1, 1] {
            assert!((seconds_to_converge(sign * 1_000) - 0.1).abs() < 0.01);
            assert!((seconds_to_converge(sign * 100_000) - 3.3).abs() < 0.05);
            assert!((seconds_to_converge(sign * 10_000_000) - 24.0).abs() < 0.5);
        }
    }

    #[test]
    fn stamps_one_microsecond_apart_converge_too() {
        let old = Line { device: 0, offset: 0, drift: 0.0 };
        let new = Line { offset: 30, ..old };
        let mut mapping = Mapping::default();
        mapping.map(old, 0);
        mapping.correct(old, new);
        for t in 1..=3_100 {
            mapping.map(new, t);
        }
        assert_eq!(mapping.map(new, 3_101), 3_071);
    }
}
