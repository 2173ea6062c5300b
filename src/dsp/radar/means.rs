//! Means of raw counts, exact, and in a form that `f32` can subtract without losing digits.

/// What to take off each number before it is windowed.
///
/// An ADC count of 2000.37 in `f32` is off by 6e-5, as much as a resting face moves it. So a mean
/// is kept as a whole number near it, which subtracts from a count without rounding, and a small
/// rest. Number `i` of chirp `c` becomes `(x - base[i]) - (rest[i] + chirp[c][i % parts])`.
pub(super) struct Means {
    /// Whole part, `[sample, part]`.
    pub(super) base: Vec<f32>,
    /// Rest of the mean over chirps, `[sample, part]`.
    pub(super) rest: Vec<f32>,
    /// Mean over the samples of a chirp of what base and rest leave, `[chirp][part]`.
    pub(super) chirp: Vec<[f32; 2]>,
    column_sums: Vec<i32>,
    row_sums: Vec<[i32; 2]>,
    parts: usize,
    per_chirp: bool,
    over_chirps: bool,
}

impl Means {
    /// Plans for `chirps` rows of `samples * parts` numbers.
    ///
    /// `per_chirp`: take the mean over samples off each chirp. `over_chirps`: take the mean over
    /// chirps off each sample.
    pub(super) fn plan(
        (chirps, samples, parts): (usize, usize, usize),
        per_chirp: bool,
        over_chirps: bool,
    ) -> Self {
        Self {
            base: vec![0.0; samples * parts],
            rest: vec![0.0; samples * parts],
            chirp: vec![[0.0; 2]; chirps],
            column_sums: vec![0; samples * parts],
            row_sums: vec![[0; 2]; chirps],
            parts,
            per_chirp,
            over_chirps,
        }
    }

    /// Measures counts `[chirp, sample, part]`.
    pub(super) fn measure(&mut self, counts: &[i16]) {
        match (self.per_chirp, self.over_chirps) {
            (true, true) if self.parts == 1 => {
                sum_both(counts, &mut self.column_sums, &mut self.row_sums);
            }
            (per_chirp, over_chirps) => {
                if over_chirps {
                    sum_columns(counts, &mut self.column_sums);
                }
                if per_chirp {
                    sum_rows(counts, self.parts, &mut self.row_sums);
                }
            }
        }
        if self.over_chirps {
            split_columns(&self.column_sums, self.chirp.len(), &mut self.base, &mut self.rest);
        } else if self.per_chirp {
            self.base_from_grand_mean();
        }
        if self.per_chirp {
            self.remember_rows();
        }
    }

    /// Measures numbers `[chirp, sample, part]` that have already lost their large mean.
    #[expect(clippy::cast_possible_truncation, reason = "a mean of f32 fits f32")]
    pub(super) fn measure_moving(&mut self, moving: &[f32]) {
        if !self.per_chirp {
            return;
        }
        let samples = count(self.base.len() / self.parts);
        for (row, mean) in moving.chunks_exact(self.base.len()).zip(&mut self.chirp) {
            *mean = sum_parts(row, self.parts).map(|sum| (sum / samples) as f32);
        }
    }

    /// One whole number near all counts, for when samples keep their own means.
    #[expect(clippy::cast_possible_truncation, reason = "the mean of 16-bit counts")]
    fn base_from_grand_mean(&mut self) {
        let counts = count(self.row_sums.len() * (self.base.len() / self.parts));
        for part in 0..self.parts {
            let sum: i64 = self.row_sums.iter().map(|sums| i64::from(sums[part])).sum();
            let mean = (whole(sum) / counts) as i16;
            self.base.iter_mut().skip(part).step_by(self.parts).for_each(|b| *b = mean.into());
        }
    }

    /// What each row's mean is after base and rest are gone.
    #[expect(clippy::cast_possible_truncation, reason = "less than a 16-bit count")]
    fn remember_rows(&mut self) {
        let samples = count(self.base.len() / self.parts);
        let (base, rest) = (sum_parts(&self.base, self.parts), sum_parts(&self.rest, self.parts));
        for (mean, sums) in self.chirp.iter_mut().zip(&self.row_sums) {
            for part in 0..self.parts {
                let left = f64::from(sums[part]) - base[part] - rest[part];
                mean[part] = (left / samples) as f32;
            }
        }
    }
}

/// Sums over chirps of counts `[chirp, number]`; cannot overflow below 2^16 chirps.
pub(super) fn sum_columns(counts: &[i16], sums: &mut [i32]) {
    sums.fill(0);
    for row in counts.chunks_exact(sums.len()) {
        for (sum, &x) in sums.iter_mut().zip(row) {
            *sum += i32::from(x);
        }
    }
}

/// Splits `sums / rows` into a whole number and a small rest.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    reason = "the base is any 16-bit number near the mean, and the rest then is small and exact"
)]
fn split_columns(sums: &[i32], rows: usize, base: &mut [f32], rest: &mut [f32]) {
    let (rows, per_row) = (rows as i32, 1.0 / rows as f32);
    for ((&sum, base), rest) in sums.iter().zip(base).zip(rest) {
        let near = (sum as f32 * per_row) as i32;
        *base = near as f32;
        *rest = sum.wrapping_sub(near.wrapping_mul(rows)) as f32 / rows as f32;
    }
}

/// Sums of numbers `[sample, part]`, one for each part.
///
/// Eight running sums keep the adder busy; eight is even, so a lane holds one part only.
pub(super) fn sum_parts(numbers: &[f32], parts: usize) -> [f64; 2] {
    let mut lanes = [0.0; 8];
    let (blocks, rest) = numbers.as_chunks::<8>();
    for block in blocks {
        for (lane, &x) in lanes.iter_mut().zip(block) {
            *lane += f64::from(x);
        }
    }
    for (lane, &x) in lanes.iter_mut().zip(rest) {
        *lane += f64::from(x);
    }
    let mut sums = [0.0; 2];
    for (i, lane) in lanes.iter().enumerate() {
        sums[i % parts] += lane;
    }
    sums
}

/// Both sums of real counts in one pass over memory, which is what they cost.
fn sum_both(counts: &[i16], column_sums: &mut [i32], row_sums: &mut [[i32; 2]]) {
    column_sums.fill(0);
    for (row, row_sum) in counts.chunks_exact(column_sums.len()).zip(row_sums) {
        let mut total = 0;
        for (sum, &x) in column_sums.iter_mut().zip(row) {
            *sum += i32::from(x);
            total += i32::from(x);
        }
        row_sum[0] = total;
    }
}

/// Sums over samples of counts `[chirp, sample, part]`.
pub(super) fn sum_rows(counts: &[i16], parts: usize, sums: &mut [[i32; 2]]) {
    let width = counts.len() / sums.len();
    for (row, sums) in counts.chunks_exact(width).zip(sums) {
        *sums = if parts == 1 { [sum(row), 0] } else { sum_pairs(row) };
    }
}

fn sum(row: &[i16]) -> i32 {
    row.iter().map(|&x| i32::from(x)).sum()
}

fn sum_pairs(row: &[i16]) -> [i32; 2] {
    let pairs = row.as_chunks::<2>().0.iter();
    pairs.fold([0, 0], |[i, q], pair| [i + i32::from(pair[0]), q + i32::from(pair[1])])
}

#[expect(clippy::cast_precision_loss, reason = "sizes are far below 2^52")]
fn count(n: usize) -> f64 {
    n as f64
}

#[expect(clippy::cast_precision_loss, reason = "a sum of 2^28 counts of 16 bits is below 2^52")]
fn whole(n: i64) -> f64 {
    n as f64
}
