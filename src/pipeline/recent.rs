//! Whether anything has moved just now, however slowly: the echo of somebody who only breathes.

use std::ops::Range;

use crate::data::ChirpConfig;
use crate::dsp::radar::{Error, FrameShape, MeanSpectrum, RangeMotion};
use crate::units::{HostClock, Meters, Micros, Seconds, Stamp};

/// Span of a block. A chest that breathes moves by some tenths of a millimetre within it even where
/// it turns, and whoever leaves is out of it this much later.
const SPAN: Seconds = Seconds(0.4);
/// Frames of a block at least and at most.
const FRAMES: (usize, usize) = (3, 32);
/// Silence after which a block is begun anew.
const GAP: Micros = Micros::from_millis(500);

/// Looks for the strongest motion of the last 0.4 s.
pub(super) struct Recent {
    kernel: RangeMotion,
    bins: Range<usize>,
    range_step: Meters,
    least_snr_db: f32,
    newest: Option<Stamp<HostClock>>,
}

impl Recent {
    /// For a radar that is set to `chirp`. What is nearer than `first` is leakage, and who is farther
    /// than `farthest` is not meant, however much they move: a fan behind a person hides nobody.
    pub(super) fn plan(
        chirp: &ChirpConfig,
        [first, farthest]: [Meters; 2],
        least_snr_db: f32,
    ) -> Result<Self, Error> {
        let range_step = chirp.range_resolution();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "`as` saturates, and both are cut to what makes sense"
        )]
        let whole = |x: f64| x as usize;
        let frames = whole((SPAN.0 / chirp.frame_period.0).round()).clamp(FRAMES.0, FRAMES.1);
        Ok(Self {
            kernel: RangeMotion::plan(FrameShape::from(chirp), frames)?,
            bins: whole((first.0 / range_step.0).ceil())
                ..whole((farthest.0 / range_step.0).floor()).saturating_add(1),
            range_step,
            least_snr_db,
            newest: None,
        })
    }

    /// Takes in the whole frame of `now`, and tells how far away the strongest motion is, if any
    /// stands out.
    pub(super) fn run(&mut self, now: Stamp<HostClock>, spectrum: &MeanSpectrum) -> Option<Meters> {
        if self.newest.replace(now).is_some_and(|before| now - before > GAP) {
            self.kernel.restart();
        }
        self.kernel.push(spectrum);
        let (bin, snr_db) = self.kernel.strongest(self.bins.clone())?;
        #[expect(clippy::cast_precision_loss, reason = "bin numbers are far below 2^52")]
        let range = Meters(bin as f64 * self.range_step.0);
        (snr_db >= self.least_snr_db).then_some(range)
    }

    /// Forgets earlier frames.
    pub(super) const fn restart(&mut self) {
        self.kernel.restart();
        self.newest = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::testing;

    /// What a radar sees of echoes that are `(distance, amplitude)` in each frame, in receiver noise.
    fn seen(frames: u32, echoes: impl Fn(u32) -> Vec<(f64, f64)>) -> Vec<Option<Meters>> {
        let chirp =
            ChirpConfig { rx_antennas: vec![1], chirps: 4, samples: 128, ..ChirpConfig::food() };
        let mut spectrum = MeanSpectrum::plan(FrameShape::from(&chirp)).unwrap();
        let mut recent = Recent::plan(&chirp, [Meters(0.12), Meters(1.5)], 15.0).unwrap();
        let mut state = 1_u32;
        let mut noise = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            4.0 * (f64::from(state >> 8) / f64::from(1_u32 << 24) - 0.5)
        };
        let run = |number: u32| {
            spectrum.run(&testing::echoes(&chirp, &echoes(number), &mut noise));
            recent.run(Stamp::from_micros(50_000 * i64::from(number)), &spectrum)
        };
        (0..frames).map(run).collect()
    }

    /// A chest at 0.5 m that breathes 4 mm at a quarter of a hertz.
    fn chest(number: u32) -> (f64, f64) {
        let turn = std::f64::consts::TAU * 0.25 * 0.05 * f64::from(number);
        (0.5 + 2e-3 * turn.sin(), 200.0)
    }

    #[test]
    fn who_breathes_is_seen_at_any_time_and_gone_eight_frames_after_leaving() {
        let wall = (1.2, 400.0);
        let told =
            seen(200, |number| if number < 160 { vec![wall, chest(number)] } else { vec![wall] });
        assert!(told[..7].iter().all(Option::is_none), "a block is eight frames");
        for (number, range) in told.iter().enumerate().take(160).skip(7) {
            let range = range.unwrap_or_else(|| panic!("nobody in frame {number}"));
            assert!((range.0 - 0.5).abs() < 0.16, "frame {number}: {range}");
        }
        assert!(told[168..].iter().all(Option::is_none), "{:?}", &told[160..]);
    }

    #[test]
    fn what_moves_more_but_is_too_far_away_hides_nobody_and_is_nobody() {
        let fan = |number: u32| (2.5 + 0.02 * f64::from(number * number % 7), 900.0);
        let told = seen(60, |number| vec![chest(number), fan(number)]);
        assert!(told[8..].iter().flatten().count() > 45, "{told:?}");
        assert!(told.iter().flatten().all(|range| range.0 < 1.5));
    }
}
