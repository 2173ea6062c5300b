//! Tells from the samples whether I and Q were swapped.
//!
//! Echoes arrive later than the chirp leaves, so their beat notes have positive frequencies:
//! a complex range spectrum has its energy in the positive half, and swapping I with Q mirrors it.
//!
//! The cheap time-domain stand-in, the sign of `sum Im(conj(x[n]) x[n+1])`, weighs each
//! frequency with its sine and so ignores the near targets that dominate real scenes; on two of
//! our recordings with known order it is wrong. Hence the spectrum itself, of a few chirps, by the
//! definition of the DFT: this runs once per recording.

use core::f64::consts::TAU;

use ndarray::{Array3, ArrayView1};

/// Multiplications spent on one recording: some ten milliseconds.
const BUDGET: usize = 1 << 22;
/// Samples of a chirp looked at.
const LONGEST: usize = 2048;
/// Chirps looked at, if the budget allows.
const CHIRPS: usize = 16;

/// Energy at positive frequencies over energy at negative ones, over some chirps of a frame.
///
/// Shapes: `samples[antenna, chirp, sample]`, each `[I, Q]`. The bin at zero (leakage, offset) and
/// the one at half the sample rate count for neither. `None` without energy in either half.
#[must_use]
pub fn positive_to_negative(samples: &Array3<[i16; 2]>) -> Option<f64> {
    let (_, _, length) = samples.dim();
    if length < 3 {
        return None;
    }
    let length = length.min(LONGEST);
    let affordable = (BUDGET / length.saturating_mul(length)).clamp(1, CHIRPS);
    let turns = turns(length);
    // Chirps spread over the frame, so that all antennas and the whole frame have a say.
    let chirps = samples.rows();
    let step = chirps.into_iter().len().div_ceil(affordable).max(1);
    let (mut positive, mut negative) = (0.0, 0.0);
    for chirp in samples.rows().into_iter().step_by(step) {
        for bin in 1..length.div_ceil(2) {
            positive += power(&chirp, bin, &turns);
            negative += power(&chirp, length - bin, &turns);
        }
    }
    if negative > 0.0 {
        return Some(positive / negative);
    }
    (positive > 0.0).then_some(f64::INFINITY)
}

/// `exp(-2 pi i n / length)` for each `n`.
#[expect(clippy::cast_precision_loss, reason = "indices are far below 2^52")]
fn turns(length: usize) -> Vec<[f64; 2]> {
    let angle = |n: usize| -TAU * n as f64 / length as f64;
    (0..length).map(|n| [angle(n).cos(), angle(n).sin()]).collect()
}

/// Squared magnitude of one DFT bin.
fn power(chirp: &ArrayView1<'_, [i16; 2]>, bin: usize, turns: &[[f64; 2]]) -> f64 {
    let (mut re, mut im, mut at) = (0.0, 0.0, 0);
    for &[i, q] in chirp.iter().take(turns.len()) {
        let ([cos, sin], i, q) = (turns[at], f64::from(i), f64::from(q));
        re += i * cos - q * sin;
        im += i * sin + q * cos;
        at += bin;
        if at >= turns.len() {
            at -= turns.len();
        }
    }
    re * re + im * im
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A beat note at `cycles` per chirp of 64 samples.
    fn note(cycles: f64) -> Array3<[i16; 2]> {
        Array3::from_shape_fn((1, 2, 64), |(_, _, n)| {
            let angle = TAU * cycles * f64::from(u16::try_from(n).unwrap()) / 64.0;
            [angle.cos(), angle.sin()].map(|part| {
                #[expect(clippy::cast_possible_truncation, reason = "at most 1000")]
                let rounded = (part * 1000.0).round() as i16;
                rounded
            })
        })
    }

    #[test]
    fn a_beat_note_at_a_positive_frequency_lies_in_the_positive_half() {
        assert!(positive_to_negative(&note(5.0)).unwrap() > 1000.0);
    }

    #[test]
    fn swapping_i_and_q_moves_it_to_the_negative_half() {
        let swapped = note(5.0).mapv(|[i, q]| [q, i]);
        assert!(positive_to_negative(&swapped).unwrap() < 1e-3);
    }

    #[test]
    fn silence_has_no_order() {
        assert_eq!(positive_to_negative(&Array3::from_elem((1, 2, 64), [0, 0])), None);
        assert_eq!(positive_to_negative(&Array3::from_elem((1, 2, 2), [1, 2])), None);
        assert_eq!(positive_to_negative(&Array3::from_elem((1, 0, 64), [1, 2])), None);
    }
}
