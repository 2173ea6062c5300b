//! Whether anything has moved just now, however slowly: the echo of somebody who only breathes.

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
    first_bin: usize,
    range_step: Meters,
    least_snr_db: f32,
    newest: Option<Stamp<HostClock>>,
}

impl Recent {
    /// For a radar that is set to `chirp`; what is nearer than `first` is leakage.
    pub(super) fn plan(
        chirp: &ChirpConfig,
        first: Meters,
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
            first_bin: whole((first.0 / range_step.0).ceil()),
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
        let (bin, snr_db) = self.kernel.strongest(self.first_bin)?;
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
