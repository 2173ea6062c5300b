//! Breathing in one radar's frames, and what it says about liveness.

use crate::data::message::{Liveness, Respiration as Summary};
use crate::data::{ChirpConfig, RadarFrame};
use crate::dsp::radar::{
    Breath, Error, FrameShape, MeanSpectrum, NoBreath, Respiration, RespirationConfig,
};
use crate::fusion::{LivenessGate, Look};
use crate::units::{HostClock, Meters, Stamp};

/// Lost frames in a row that are bridged; a longer gap starts the window again.
const BRIDGED: u64 = 4;

/// The respiration kernel of one radar with what it said last.
pub(super) struct Vital {
    kernel: Respiration,
    /// Used only if the micro-Doppler kernel does not compute the same.
    own_spectrum: MeanSpectrum,
    gate: LivenessGate,
    newest: Option<Breath>,
    /// Number of the frame that should come next.
    expected: Option<u64>,
}

impl Vital {
    pub(super) fn plan(config: &RespirationConfig, chirp: &ChirpConfig) -> Result<Self, Error> {
        Ok(Self {
            kernel: Respiration::plan(chirp, config)?,
            own_spectrum: MeanSpectrum::plan(FrameShape::from(chirp))?,
            gate: LivenessGate::default(),
            newest: None,
            expected: None,
        })
    }

    /// Takes in a frame, with its mean spectrum where somebody has computed it already.
    pub(super) fn run(
        &mut self,
        now: Stamp<HostClock>,
        frame: &RadarFrame,
        spectrum: Option<&MeanSpectrum>,
    ) {
        let mut due = self.bridge(frame.number);
        // Zeros in place of lost samples would be the largest motion of all.
        due |= if frame.has_holes {
            self.kernel.push_lost()
        } else if let Some(spectrum) = spectrum {
            self.kernel.push(spectrum)
        } else {
            self.own_spectrum.run(&frame.samples);
            self.kernel.push(&self.own_spectrum)
        };
        if due {
            let found = self.kernel.run();
            self.newest = found.ok();
            self.gate.push(now, evidence(&found));
        }
    }

    /// Stands in for the frames that are missing before `number`. True if an answer is due.
    fn bridge(&mut self, number: u64) -> bool {
        let expected = self.expected.replace(number.saturating_add(1)).unwrap_or(number);
        match number.checked_sub(expected) {
            Some(missing @ 0..=BRIDGED) => {
                (0..missing).fold(false, |due, _| self.kernel.push_lost() | due)
            }
            // A long gap, or numbers that start again.
            Some(_) | None => {
                self.kernel.reset();
                false
            }
        }
    }

    /// The mean spectrum of the newest whole frame, where nobody else has computed it.
    pub(super) const fn spectrum(&self) -> &MeanSpectrum {
        &self.own_spectrum
    }

    /// The breath that was seen last.
    pub(super) fn newest(&self) -> Option<Summary> {
        self.newest.map(summary)
    }

    /// How the chest of that breath moved, oldest first; empty while none is seen.
    pub(super) fn trace(&self) -> Vec<Meters> {
        self.newest.map(|breath| self.kernel.trace(&breath)).unwrap_or_default()
    }

    pub(super) fn liveness(&self, now: Stamp<HostClock>) -> Liveness {
        self.gate.state(now)
    }

    /// Forgets earlier frames: the recording starts again.
    pub(super) fn restart(&mut self) {
        self.kernel.reset();
        self.gate.reset();
        self.newest = None;
        self.expected = None;
    }
}

/// Who moves a lot may breathe all the same: that is no evidence against it. A lease that
/// `require-liveness` guards wants evidence for it.
const fn evidence(found: &Result<Breath, NoBreath>) -> Look {
    match found {
        Ok(_) => Look::Breath,
        Err(
            NoBreath::TooFewFrames
            | NoBreath::FrameRate
            | NoBreath::Fading
            | NoBreath::TooLarge
            | NoBreath::Hidden,
        ) => Look::TooLittle,
        Err(NoBreath::NoMotion | NoBreath::Stopped | NoBreath::OutOfBand | NoBreath::Weak) => {
            Look::NoBreath
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "f32 resolves micrometres within 16 m")]
fn summary(breath: Breath) -> Summary {
    Summary {
        rate_per_min: breath.rate_per_min as f32,
        displacement_mm: (breath.displacement.0 * 1e3) as f32,
        range_m: breath.range.0 as f32,
        snr_db: breath.snr_db as f32,
    }
}
