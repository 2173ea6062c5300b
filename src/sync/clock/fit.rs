//! Offset and drift from time exchanges.

use super::envelope::{Edge, MAX_DRIFT, lower_edge};
use super::exchange::Round;
use super::number::{float, median, whole};

/// The lowest round trips decide where the offset is about: a quarter of them, but at least five.
const AT_LEAST: usize = 5;
/// A median absolute deviation times this is the standard deviation of a normal distribution.
const MAD_TO_SIGMA: f64 = 1.4826;
/// An exchange is out if it misses the fit by more than this many deviations ...
const OUTLIER_SIGMAS: f64 = 5.0;
/// ... and by more than this, microseconds (both numbers are Klipper's).
const OUTLIER: f64 = 500.0;

/// Device time to host time: `host = device - offset`, where at device time `device` the offset is
/// `offset` and grows by `drift` per unit of device time. Microseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Line {
    pub(super) device: i64,
    pub(super) offset: i64,
    pub(super) drift: f64,
}

impl Line {
    /// The line that an envelope of arrivals minus device times stands for.
    pub(super) fn from_arrivals(edge: Edge) -> Self {
        Self { device: edge.x, offset: edge.y.saturating_neg(), drift: -edge.slope }
    }

    pub(super) fn host(&self, device: i64) -> i64 {
        let since = device.saturating_sub(self.device);
        // Whole microseconds stay whole: only the small drift part goes through a float.
        device.saturating_sub(self.offset).saturating_sub(whole(self.drift * float(since)))
    }

    /// How far `offset` at `device` lies above the line, microseconds.
    fn excess(&self, device: i64, offset: i64) -> f64 {
        float(offset.saturating_sub(self.offset))
            - self.drift * float(device.saturating_sub(self.device))
    }
}

/// What a window of exchanges says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Fit {
    pub(super) line: Line,
    /// Robust deviation of the quickest exchanges from the line, microseconds.
    pub(super) residual: f64,
    /// What outliers are measured by, microseconds; see [`Quickest`].
    spread: f64,
    /// How wrong the drift may be, as a ratio: more so if the window is short or rough.
    drift_error: f64,
}

impl Fit {
    /// Whether `round` can be true if the fit is. A slow exchange says little and is never wrong;
    /// an outlier excludes the line altogether, by a wide margin.
    pub(super) fn agrees(&self, round: Round) -> bool {
        let away = float(round.device.saturating_sub(self.line.device)).abs();
        let margin = (OUTLIER_SIGMAS * self.spread).max(OUTLIER) + self.drift_error * away;
        self.line.excess(round.device, round.upper) >= -margin
            && self.line.excess(round.device, round.lower) <= margin
    }
}

/// A drift and how wrong it may be, both as ratios of device time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Drift {
    pub(super) value: f64,
    pub(super) error: f64,
}

impl Drift {
    /// Nothing is known but that it is a clock.
    pub(super) const UNKNOWN: Self = Self { value: 0.0, error: MAX_DRIFT };

    /// A measured one. 50 ppm allow for a crystal that warms up.
    pub(super) const fn measured(value: f64) -> Self {
        Self { value, error: 50e-6 }
    }
}

/// The offset line of known `drift` through `rounds`, oldest first.
///
/// 1. The quarter of the rounds with the lowest round trips gives a robust centre, the median of
///    their offsets, and a robust deviation.
/// 2. Rounds that exclude that centre are outliers and are left out.
/// 3. Each of the others proves that the offset lies between two bounds. The tightest upper and
///    the tightest lower bound need not come from the same round; the offset is halfway.
///
/// Why not an average in step 3: with delays of mean `m` on both ways the mean of n offsets is
/// wrong by about `m / sqrt(n)`, the middle between the tightest bounds by `m / n`; with
/// exponential delays no estimate does better, since there the likelihood is the same everywhere
/// between the bounds.
/// Step 1 is NTP's clock filter (RFC 5905, section 10) and `MAVLink`'s rule; step 3 is Marzullo and
/// Owicki's intersection (1983) on a line.
pub(super) fn fit(rounds: &[Round], drift: Drift) -> Option<Fit> {
    let newest = rounds.last()?;
    let line = Line { device: newest.device, offset: newest.middle(), drift: drift.value };
    let Quickest { centre, residual, spread } = quickest(rounds, line)?;
    let middle = Line { offset: line.offset.saturating_add(whole(centre)), ..line };
    let span = float(newest.device.saturating_sub(rounds.first()?.device)).max(1.0);
    let drift_error = (drift.error + OUTLIER_SIGMAS * spread / span).min(MAX_DRIFT);
    let robust = Fit { line: middle, residual, spread, drift_error };
    let agreeing = || rounds.iter().filter(|&&round| robust.agrees(round));
    let upper = agreeing()
        .map(|round| robust.line.excess(round.device, round.upper))
        .min_by(f64::total_cmp)?;
    let lower = agreeing()
        .map(|round| robust.line.excess(round.device, round.lower))
        .max_by(f64::total_cmp)?;
    let offset = robust.line.offset.saturating_add(whole(f64::midpoint(upper, lower)));
    Some(Fit { line: Line { offset, ..line }, ..robust })
}

/// What the rounds with the lowest round trips say; offsets above a line, microseconds.
struct Quickest {
    centre: f64,
    residual: f64,
    /// The residual, but no less than half the range of their round trips. An offset can be wrong
    /// by half of what its round trip is too long, and five that agree by chance prove nothing.
    spread: f64,
}

fn quickest(rounds: &[Round], line: Line) -> Option<Quickest> {
    let mut quickest: Vec<_> = rounds.iter().collect();
    quickest.sort_by_key(|round| round.round_trip());
    quickest.truncate((rounds.len() / 4).max(AT_LEAST));
    let (first, last) = (quickest.first()?, quickest.last()?);
    let range = float(last.round_trip().saturating_sub(first.round_trip()));
    let mut offsets: Vec<_> =
        quickest.iter().map(|round| line.excess(round.device, round.middle())).collect();
    let centre = median(&mut offsets)?;
    offsets.iter_mut().for_each(|offset| *offset = (*offset - centre).abs());
    let residual = MAD_TO_SIGMA * median(&mut offsets)?;
    Some(Quickest { centre, residual, spread: residual.max(range / 2.0) })
}

/// Drift from the upper bounds alone, whose lower envelope runs along the offset.
pub(super) fn drift_of_upper_bounds(rounds: &[Round]) -> Option<f64> {
    let points: Vec<_> = rounds.iter().map(|round| (round.device, round.upper)).collect();
    lower_edge(&points).map(|edge| edge.slope)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(device: i64, offset: i64, there: i64, back: i64) -> Round {
        Round { device, upper: offset + there, lower: offset - back }
    }

    #[test]
    fn bounds_of_different_rounds_meet() {
        // Neither round alone knows the offset to better than 2 ms; together they do.
        let rounds = [round(0, 70_000, 10, 4_000), round(1_000, 70_000, 4_000, 10)];
        let fit = fit(&rounds, Drift::measured(0.0)).unwrap();
        assert_eq!(fit.line.offset, 70_000);
        assert_eq!(fit.line.host(100_000), 30_000);
    }

    #[test]
    fn a_slow_round_changes_nothing_and_a_wrong_one_is_left_out() {
        let mut rounds: Vec<_> = (0..20).map(|i| round(i * 1_000_000, 5_000, 200, 200)).collect();
        rounds.push(round(20_000_000, 5_000, 90_000, 300));
        let slow = fit(&rounds, Drift::measured(0.0)).unwrap();
        assert_eq!(slow.line.offset, 5_000);
        assert!(slow.agrees(rounds[20]));
        rounds.push(round(21_000_000, 9_000, 100, 100));
        let wrong = fit(&rounds, Drift::measured(0.0)).unwrap();
        assert_eq!(wrong.line.offset, 5_000);
        assert!(!wrong.agrees(rounds[21]));
    }

    #[test]
    fn a_fast_device_clock_gains_on_the_host() {
        let line = Line { device: 1_000_000, offset: 0, drift: 200e-6 };
        assert_eq!(line.host(11_000_000), 10_998_000);
    }
}
