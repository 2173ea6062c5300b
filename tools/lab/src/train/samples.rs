//! Samples in memory: inputs of many recordings, and which of them show what.

use anyhow::{Context as _, Result, ensure};
use candle_core::{Device, Tensor};
use half::f16;
use visaged::model::nn::ops::coarser_counts;
use visaged_twin::Random;

use crate::dataset::{Expression, Recording};
use crate::inputs::{EventSet, Inputs, RadarSet};
use crate::split::Member;

/// Seconds that an input looks back: eight radar frames, and a window of events. An input shows
/// what was shown in its middle.
pub(crate) const RADAR_SPAN: f64 = 0.4;
pub(crate) const EVENT_SPAN: f64 = 0.32;

/// Inputs of one kind, with the class of each.
pub(crate) struct Samples {
    /// Shape of one input.
    shape: Vec<usize>,
    sets: Vec<Set>,
    /// Number of the set and of the input in it.
    index: Vec<(usize, usize)>,
    /// Class of each, as the lesson counts them.
    pub(crate) classes: Vec<usize>,
}

/// The inputs of one recording.
enum Set {
    /// Radar maps, 0 to 1.
    Maps(Vec<f16>),
    /// Counts of events, 0 to 5.
    Voxels(Vec<u8>),
}

/// How an input is changed before it is learnt from.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Changes {
    /// Radar maps are moved by up to so many range bins, and voxels by so many pixels.
    pub(crate) shift: usize,
    /// Half of all inputs of the event camera are mirrored.
    pub(crate) mirror: bool,
    /// Voxels have half as many rows and columns.
    pub(crate) half: bool,
}

/// The pose in the middle of an input that ends at `end` seconds and looks back `span`.
pub(crate) fn shown(recording: &Recording, end: f64, span: f64) -> Option<Expression> {
    let middle = end - span / 2.0;
    let label = recording.labels.iter().find(|l| l.onset <= middle && middle < l.end)?;
    Some(label.expression)
}

impl Samples {
    /// What gate and experts see of `members`; `class` says which class an input has, or that it is
    /// left out.
    ///
    /// # Errors
    /// When inputs were not computed, or there is none.
    pub(crate) fn of_radar(
        members: &[&Member],
        class: impl Fn(&Recording, f64) -> Option<usize>,
    ) -> Result<Self> {
        let mut samples = Self::empty(&[2, 64, 64]);
        for member in members {
            let Inputs { radar, .. } = member.inputs()?;
            let Some(RadarSet { maps, time, .. }) = radar else { continue };
            samples.add(member, &time, &class, Set::Maps(maps.flatten_all()?.to_vec1()?));
        }
        samples.check()
    }

    /// What the authentication sees of `members`, where it sees something.
    ///
    /// # Errors
    /// When inputs were not computed, or there is none.
    pub(crate) fn of_faces(members: &[&Member]) -> Result<Self> {
        let mut samples = Self::empty(&[2, 64, 64]);
        for member in members {
            let Inputs { radar, .. } = member.inputs()?;
            let Some(RadarSet { faces, steady, .. }) = radar else { continue };
            let inputs = steady.iter().enumerate().filter(|(_, is_steady)| **is_steady > 0);
            samples.index.extend(inputs.map(|(input, _)| (samples.sets.len(), input)));
            samples.classes.resize(samples.index.len(), 0);
            samples.sets.push(Set::Maps(faces.flatten_all()?.to_vec1()?));
        }
        samples.check()
    }

    /// The same of event windows.
    ///
    /// # Errors
    /// When inputs were not computed, or there is none.
    pub(crate) fn of_events(
        members: &[&Member],
        class: impl Fn(&Recording, f64) -> Option<usize>,
    ) -> Result<Self> {
        let mut samples = Self::empty(&[2, 16, 112, 112]);
        for member in members {
            let Inputs { event, .. } = member.inputs()?;
            let Some(EventSet { voxels, time, .. }) = event else { continue };
            samples.add(member, &time, &class, Set::Voxels(voxels.flatten_all()?.to_vec1()?));
        }
        samples.check()
    }

    fn empty(shape: &[usize]) -> Self {
        Self { shape: shape.to_vec(), sets: vec![], index: vec![], classes: vec![] }
    }

    fn add(
        &mut self,
        member: &Member,
        time: &[f64],
        class: impl Fn(&Recording, f64) -> Option<usize>,
        set: Set,
    ) {
        for (input, &end) in time.iter().enumerate() {
            if let Some(class) = class(&member.recording, end) {
                self.index.push((self.sets.len(), input));
                self.classes.push(class);
            }
        }
        self.sets.push(set);
    }

    fn check(self) -> Result<Self> {
        ensure!(!self.index.is_empty(), "no recording of this part has such inputs");
        Ok(self)
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.index.len()
    }

    /// Shapes: `[sample, ..input]` out; halved voxels are `[sample, 2, 16, 56, 56]`.
    ///
    /// # Errors
    /// When candle fails.
    pub(crate) fn batch(
        &self,
        samples: &[usize],
        changes: Changes,
        random: &mut Random,
    ) -> Result<Tensor> {
        let size: usize = self.shape.iter().product();
        let side = *self.shape.last().context("an input has axes")?;
        let mut values = vec![0.0_f32; samples.len() * size];
        for (out, &sample) in values.chunks_exact_mut(size).zip(samples) {
            let (set, input) = self.index[sample];
            let from = input * size..(input + 1) * size;
            match &self.sets[set] {
                Set::Maps(maps) => {
                    let shift = drawn(changes.shift, random);
                    moved(maps[from].iter().map(|x| x.to_f32()), out, side, [shift, 0], false);
                }
                Set::Voxels(counts) => {
                    let shift = [drawn(changes.shift, random), drawn(changes.shift, random)];
                    let mirror = changes.mirror && random.chance(0.5);
                    let scaled = counts[from].iter().map(|&n| f32::from(n) / 5.0);
                    moved(scaled, out, side, shift, mirror);
                }
            }
        }
        let shape: Vec<usize> = std::iter::once(samples.len()).chain(self.shape.clone()).collect();
        let inputs = Tensor::from_vec(values, shape.as_slice(), &Device::Cpu)?;
        let &[clips, polarities, bins, rows, columns] = &shape[..] else { return Ok(inputs) };
        if !changes.half {
            return Ok(inputs);
        }
        let planes = inputs.reshape((clips * polarities * bins, rows, columns, 1))?;
        let shape = (clips, polarities, bins, rows / 2, columns / 2);
        Ok(coarser_counts(&planes, 1.0)?.reshape(shape)?)
    }

    /// Classes of these samples, `[sample]`.
    ///
    /// # Errors
    /// When candle fails.
    pub(crate) fn classes_of(&self, samples: &[usize]) -> Result<Vec<usize>> {
        Ok(samples.iter().map(|&sample| self.classes[sample]).collect())
    }
}

/// A whole number in `-most..=most`.
fn drawn(most: usize, random: &mut Random) -> isize {
    if most == 0 {
        return 0;
    }
    let steps = isize::try_from(most).unwrap_or(0);
    let choices = u64::try_from(2 * most + 1).unwrap_or(1);
    isize::try_from(random.bits() % choices).unwrap_or(0) - steps
}

/// Copies planes of `side` x `side`, moved by `[rows, columns]` and mirrored left to right; what
/// comes in from outside is 0.
fn moved(
    from: impl Iterator<Item = f32>,
    to: &mut [f32],
    side: usize,
    [down, right]: [isize; 2],
    mirror: bool,
) {
    for (n, value) in from.enumerate() {
        let (plane, row, column) = (n / (side * side), n / side % side, n % side);
        let column = if mirror { side - 1 - column } else { column };
        let (row, column) = (row.checked_add_signed(down), column.checked_add_signed(right));
        if let (Some(row), Some(column)) = (row, column)
            && row < side
            && column < side
        {
            to[(plane * side + row) * side + column] = value;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::float_cmp, reason = "numbers are copied")]
    fn a_moved_plane_keeps_what_stays_inside_and_is_zero_elsewhere() {
        let from = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0];
        let mut to = [0.0; 9];
        moved(from.into_iter(), &mut to, 3, [1, -1], false);
        assert_eq!(to, [0.0, 0.0, 0.0, 2.0, 3.0, 0.0, 5.0, 6.0, 0.0]);
        let mut to = [0.0; 9];
        moved(from.into_iter(), &mut to, 3, [0, 0], true);
        assert_eq!(to, [3.0, 2.0, 1.0, 6.0, 5.0, 4.0, 9.0, 8.0, 7.0]);
    }

    #[test]
    fn half_a_window_counts_what_four_pixels_counted_up_to_the_clip() {
        let counts = vec![0, 1, 2, 3, 1, 0, 2, 3, 0, 0, 0, 5, 0, 0, 0, 0];
        let samples = Samples {
            shape: vec![1, 1, 4, 4],
            sets: vec![Set::Voxels(counts)],
            index: vec![(0, 0)],
            classes: vec![0],
        };
        let batch = |half| {
            let changes = Changes { half, ..Changes::default() };
            samples.batch(&[0, 0], changes, &mut Random::stream(1, "half")).unwrap()
        };
        assert_eq!(batch(false).dims(), [2, 1, 1, 4, 4]);
        let halves = batch(true);
        assert_eq!(halves.dims(), [2, 1, 1, 2, 2]);
        for half in halves.flatten_from(1).unwrap().to_vec2::<f32>().unwrap() {
            for (found, expected) in half.iter().zip([0.4, 1.0, 0.0, 1.0]) {
                assert!((found - expected).abs() < 1e-6, "{half:?}");
            }
        }
    }

    #[test]
    fn shifts_are_drawn_on_both_sides_and_within_bounds() {
        let mut random = Random::stream(1, "shift");
        let drawn: Vec<isize> = (0..200).map(|_| drawn(2, &mut random)).collect();
        assert!((-2..=2).all(|shift| drawn.contains(&shift)));
        assert!(drawn.iter().all(|shift| (-2..=2).contains(shift)));
    }
}
