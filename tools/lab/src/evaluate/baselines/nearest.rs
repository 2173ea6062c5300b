//! Distance to the k-th nearest of the enrolled person's frames.

use super::matrix::{Matrix, distance2};

/// Which neighbour: the first alone is at the mercy of one odd frame.
pub(super) const NEIGHBOUR: usize = 5;

/// Distance of each of `rows` to its [`NEIGHBOUR`]-th nearest in `known`, or to the farthest there
/// is.
pub(super) fn distances(known: &Matrix, rows: &Matrix) -> Vec<f64> {
    let mut all = vec![0.0; known.count()];
    let mut distance = |row: &[f64]| {
        all.iter_mut().zip(known.rows()).for_each(|(d, other)| *d = distance2(row, other));
        let at = NEIGHBOUR.min(all.len()).checked_sub(1)?;
        let (_, nearest, _) = all.select_nth_unstable_by(at, f64::total_cmp);
        Some(nearest.sqrt())
    };
    rows.rows().map(|row| distance(row).unwrap_or(f64::INFINITY)).collect()
}
