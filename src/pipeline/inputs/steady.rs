//! A mean over the last frames, of maps that are large.

use std::collections::VecDeque;

use ndarray::Array3;

/// The mean of the last `frames` maps, once there are `least`.
pub(super) struct Steady {
    frames: usize,
    least: usize,
    /// The maps that are in the sum, oldest first; memory is taken while planning.
    recent: VecDeque<Vec<f32>>,
    spare: Vec<Vec<f32>>,
    /// In 64 bits: magnitudes of 32 bits go in and out of it exactly for hours.
    sum: Vec<f64>,
}

impl Steady {
    /// For maps of `cells` numbers.
    pub(super) fn plan(frames: usize, least: usize, cells: usize) -> Self {
        let spare = (0..frames).map(|_| vec![0.0; cells]).collect();
        let recent = VecDeque::with_capacity(frames);
        Self { frames, least: least.min(frames), recent, spare, sum: vec![0.0; cells] }
    }

    /// Takes the next maps and writes the mean. False while there are too few; then `mean` is as
    /// it was.
    #[expect(clippy::cast_possible_truncation, reason = "maps are 32-bit floats")]
    pub(super) fn push(&mut self, maps: &Array3<f32>, mean: &mut Array3<f32>) -> bool {
        if self.recent.len() == self.frames
            && let Some(oldest) = self.recent.pop_front()
        {
            self.sum.iter_mut().zip(&oldest).for_each(|(sum, &x)| *sum -= f64::from(x));
            self.spare.push(oldest);
        }
        let Some(mut newest) = self.spare.pop() else { return false };
        newest
            .iter_mut()
            .zip(maps)
            .for_each(|(kept, &x)| *kept = if x.is_finite() { x } else { 0.0 });
        self.sum.iter_mut().zip(&newest).for_each(|(sum, &x)| *sum += f64::from(x));
        self.recent.push_back(newest);
        if self.recent.len() < self.least {
            return false;
        }
        #[expect(clippy::cast_precision_loss, reason = "at most a thousand")]
        let share = 1.0 / self.recent.len() as f64;
        mean.iter_mut()
            .zip(&self.sum)
            .for_each(|(mean, sum)| *mean = (share * sum).max(0.0) as f32);
        true
    }

    /// Forgets all maps.
    pub(super) fn restart(&mut self) {
        self.spare.extend(self.recent.drain(..));
        self.sum.fill(0.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_is_that_of_the_last_frames_and_comes_once_there_are_enough() {
        let mut steady = Steady::plan(8, 2, 1);
        let mut mean = Array3::zeros((1, 1, 1));
        let mut push = |steady: &mut Steady, x| {
            let told = steady.push(&Array3::from_elem((1, 1, 1), x), &mut mean);
            told.then_some(mean[[0, 0, 0]])
        };
        let values: Vec<_> = (0..9_u8).map(|n| push(&mut steady, f32::from(2 * n + 1))).collect();
        let means = [2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 10.0].map(Some);
        assert_eq!((values[0], &values[1..]), (None, &means[..]));
        steady.restart();
        assert_eq!(push(&mut steady, 8.0), None);
        assert_eq!(push(&mut steady, 4.0), Some(6.0));
    }

    #[test]
    fn a_number_that_is_not_finite_does_not_stay_in_the_sum() {
        let mut steady = Steady::plan(1, 50, 1);
        let mut mean = Array3::zeros((1, 1, 1));
        assert!(steady.push(&Array3::from_elem((1, 1, 1), f32::NAN), &mut mean));
        assert!(steady.push(&Array3::from_elem((1, 1, 1), 2.0), &mut mean));
        assert!((mean[[0, 0, 0]] - 2.0).abs() < 1e-6);
    }
}
