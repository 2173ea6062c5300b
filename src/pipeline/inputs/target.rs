//! Where the person is, in rows of a map.

use ndarray::Array2;

use crate::dsp::radar::ModelInput;

/// Share of a new frame in the profile that the target is looked for in: two seconds at 20 Hz.
const SHARE: f32 = 1.0 / 40.0;
/// A target that moves by more rows than this from one frame to the next is another one.
const JUMP: usize = 3;

/// Finds the row with the most slow motion and follows it.
pub(super) struct Target {
    first_row: usize,
    /// Smoothed energy of each row; unknown before the first frame.
    profile: Option<[f32; ModelInput::SIDE]>,
    row: Option<usize>,
}

/// Where the target is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) row: usize,
    /// True if it is another target than in the frame before.
    pub(super) has_jumped: bool,
}

impl Target {
    /// Rows before `first_row` are leakage.
    pub(super) const fn new(first_row: usize) -> Self {
        Self { first_row, profile: None, row: None }
    }

    /// Shapes: `slow[range 64, doppler 64]` in, magnitudes.
    pub(super) fn push(&mut self, slow: &Array2<f32>) -> Found {
        let energy = |row: usize| slow.row(row).iter().map(|x| x * x).sum::<f32>();
        let now = std::array::from_fn(energy);
        let profile = self.profile.get_or_insert(now);
        for (old, new) in profile.iter_mut().zip(now) {
            // What is not finite must not stay.
            *old = if new.is_finite() { *old + SHARE * (new - *old) } else { *old };
        }
        let rows = profile.iter().enumerate().skip(self.first_row);
        let row = rows.max_by(|a, b| a.1.total_cmp(b.1)).map_or(0, |(row, _)| row);
        let before = self.row.replace(row);
        Found { row, has_jumped: before.is_none_or(|before| before.abs_diff(row) > JUMP) }
    }

    /// Forgets where the target was.
    pub(super) fn restart(&mut self) {
        (self.profile, self.row) = (None, None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(row: usize, strength: f32) -> Array2<f32> {
        let mut map = Array2::from_elem((64, 64), 0.1);
        map[[0, 32]] = 100.0; // leakage
        map[[row, 30]] = strength;
        map
    }

    #[test]
    fn a_target_is_followed_and_a_new_one_is_a_jump() {
        let mut target = Target::new(2);
        assert_eq!(target.push(&at(10, 5.0)), Found { row: 10, has_jumped: true });
        assert_eq!(target.push(&at(10, 5.0)), Found { row: 10, has_jumped: false });
        let moved: Vec<Found> = (0..60).map(|_| target.push(&at(12, 5.0))).collect();
        assert_eq!(moved[59], Found { row: 12, has_jumped: false });
        assert!(moved.iter().all(|found| !found.has_jumped), "two rows are the same person");
        let other: Vec<Found> = (0..60).map(|_| target.push(&at(40, 5.0))).collect();
        assert_eq!(other.iter().filter(|found| found.has_jumped).count(), 1);
        assert_eq!(other[59].row, 40);
    }

    #[test]
    fn one_frame_of_a_passer_by_moves_nothing() {
        let mut target = Target::new(2);
        for _ in 0..40 {
            target.push(&at(10, 5.0));
        }
        assert_eq!(target.push(&at(40, 20.0)).row, 10);
    }
}
