//! Moving-target indication: what a new frame adds to a decaying memory of the old ones.

/// The filter of Infineon's Python Doppler example (Radar SDK 3.6.4, BSD-3), on time samples:
/// `y = x - h`, then `h = alpha x + (1 - alpha) h`, with `x` free of its whole-frame mean.
pub(super) struct Mti {
    alpha: f32,
    history: Vec<f32>,
    parts: usize,
}

impl Mti {
    /// Plans for frames of `numbers` counts, `parts` of them a sample. The memory starts at zero, so the first frame
    /// passes whole.
    pub(super) fn plan(alpha: f32, numbers: usize, parts: usize) -> Self {
        Self { alpha, history: vec![0.0; numbers], parts }
    }

    /// Forgets all frames.
    pub(super) fn reset(&mut self) {
        self.history.fill(0.0);
    }

    /// Takes counts `[chirp, sample, part]` of receive antenna `rx` and gives what moves in them.
    pub(super) fn run(&mut self, rx: usize, counts: &[i16], moving: &mut [f32]) {
        let history = &mut self.history[rx * counts.len()..(rx + 1) * counts.len()];
        let (base, rest) = frame_mean(counts, self.parts);
        let keep = 1.0 - self.alpha;
        let numbers = counts.chunks_exact(self.parts).zip(history.chunks_exact_mut(self.parts));
        for ((counts, history), moving) in numbers.zip(moving.chunks_exact_mut(self.parts)) {
            for part in 0..self.parts {
                let x = (f32::from(counts[part]) - base[part]) - rest[part];
                moving[part] = x - history[part];
                history[part] = self.alpha * x + keep * history[part];
            }
        }
    }
}

/// Mean over all chirps and samples, as a whole number and a rest, for each part.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "at most 2^28 counts of 16 bits, whose sum is below 2^52"
)]
fn frame_mean(counts: &[i16], parts: usize) -> ([f32; 2], [f32; 2]) {
    let mut sums = [0_i64; 2];
    for sample in counts.chunks_exact(parts) {
        for (sum, &x) in sums.iter_mut().zip(sample) {
            *sum += i64::from(x);
        }
    }
    let mean = sums.map(|sum| sum as f64 / (counts.len() / parts) as f64);
    (mean.map(|m| m.trunc() as f32), mean.map(|m| m.fract() as f32))
}
