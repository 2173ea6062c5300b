//! Moving-target indication: what a new frame adds to a decaying memory of the old ones.

use super::means::sum_rows;

/// The filter of Infineon's Python Doppler example (Radar SDK 3.6.4, BSD-3), on time samples:
/// `y = x - h`, then `h = alpha x + (1 - alpha) h`, with `x` free of its whole-frame mean.
pub(super) struct Mti {
    alpha: f32,
    /// `[rx, chirp, sample, part]`.
    history: Vec<f32>,
    row_sums: Vec<[i32; 2]>,
    parts: usize,
}

impl Mti {
    /// Plans for `rx` antennas of `chirps` rows of `samples * parts` numbers.
    ///
    /// The memory starts at zero, so the first frame passes whole.
    pub(super) fn plan(
        alpha: f32,
        rx: usize,
        (chirps, samples, parts): (usize, usize, usize),
    ) -> Self {
        Self {
            alpha,
            history: vec![0.0; rx * chirps * samples * parts],
            row_sums: vec![[0; 2]; chirps],
            parts,
        }
    }

    /// Forgets all frames.
    pub(super) fn reset(&mut self) {
        self.history.fill(0.0);
    }

    /// Takes counts `[chirp, sample, part]` of receive antenna `rx` and gives what moves in them.
    pub(super) fn run(&mut self, rx: usize, counts: &[i16], moving: &mut [f32]) {
        let (base, rest) = self.frame_mean(counts);
        let history = &mut self.history[rx * counts.len()..(rx + 1) * counts.len()];
        let (alpha, keep) = (self.alpha, 1.0 - self.alpha);
        let step = |part: usize, count: i16, history: &mut f32, moving: &mut f32| {
            let x = (f32::from(count) - base[part]) - rest[part];
            *moving = x - *history;
            *history = alpha * x + keep * *history;
        };
        // Two loops, because the compiler vectorises each but not one with a part to look up.
        if self.parts == 1 {
            for ((&count, history), moving) in counts.iter().zip(history).zip(moving) {
                step(0, count, history, moving);
            }
        } else {
            let history = history.as_chunks_mut::<2>().0.iter_mut();
            let moving = moving.as_chunks_mut::<2>().0;
            for ((counts, history), moving) in
                counts.as_chunks::<2>().0.iter().zip(history).zip(moving)
            {
                step(0, counts[0], &mut history[0], &mut moving[0]);
                step(1, counts[1], &mut history[1], &mut moving[1]);
            }
        }
    }

    /// Mean over all chirps and samples, as a whole number and a rest, for each part.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "at most 2^28 counts of 16 bits, whose sum is below 2^52"
    )]
    fn frame_mean(&mut self, counts: &[i16]) -> ([f32; 2], [f32; 2]) {
        sum_rows(counts, self.parts, &mut self.row_sums);
        let samples = (counts.len() / self.parts) as f64;
        let mean = [0, 1].map(|part| {
            self.row_sums.iter().map(|sums| f64::from(sums[part])).sum::<f64>() / samples
        });
        (mean.map(|m| m.trunc() as f32), mean.map(|m| m.fract() as f32))
    }
}
