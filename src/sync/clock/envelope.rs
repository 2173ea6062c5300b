//! The line under a cloud of delays: what arrivals alone say about a clock.

use std::collections::VecDeque;

use super::number::{count, float, median, whole};

/// How far back points count.
pub(super) const WINDOW: i64 = 60_000_000;
/// Of the points in one such span only the lowest is kept: bounded memory at any rate.
const BUCKET: i64 = 100_000;
/// A point this far below the line is not a lucky one: a stamp is wrong, or the clock has stepped.
const STEP: f64 = 20_000.0;
/// So many such points in a row are believed, and the points before them are not.
pub(super) const NEW_TRUTH: u32 = 5;
/// Below this span a slope says more about delays than about clocks.
pub(super) const MIN_SPAN: i64 = 3_000_000;
/// The worst oscillator believed, 2 %: the RC oscillator of a cheap controller.
pub(super) const MAX_DRIFT: f64 = 0.02;

/// A line `y + slope * (x - self.x)`; x and y in microseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Edge {
    pub(super) x: i64,
    pub(super) y: i64,
    pub(super) slope: f64,
}

impl Edge {
    /// How far the point lies above the line.
    fn excess(&self, x: i64, y: i64) -> f64 {
        float(y.saturating_sub(self.y)) - self.slope * float(x.saturating_sub(self.x))
    }
}

/// The lower envelope of points `(x, y)` in a sliding window.
///
/// With x the device time of a message and y its arrival minus x, every point is
///
/// ```text
/// y = -offset(x) + minimum latency + delay,   delay >= 0
/// ```
///
/// so the points fill the space above a line whose slope is minus the drift. The lower convex hull
/// of the points touches it where the delay was almost zero, and the hull's edge over the mean x
/// is the line under all points with the smallest sum of distances to them: for delays with an
/// exponential tail, the most likely one.
/// Source: Moon, Skelly and Towsley, "Estimation and removal of clock skew from network delay
/// measurements", INFOCOM 1999; the hull by Andrew's monotone chain, 1979.
///
/// What remains: the minimum latency cannot be told from the offset. The line puts every event
/// that much too late.
#[derive(Debug, Clone, Default)]
pub(super) struct Envelope {
    lowest: VecDeque<Lowest>,
    edge: Option<Edge>,
    suspects: u32,
}

/// The lowest point of a bucket.
#[derive(Debug, Clone, Copy)]
struct Lowest {
    x: i64,
    y: i64,
    points: usize,
}

impl Envelope {
    /// Takes a point; true if the line may have changed.
    pub(super) fn push(&mut self, x: i64, y: i64) -> bool {
        if self.is_suspect(x, y) {
            self.suspects += 1;
            if self.suspects < NEW_TRUTH {
                return false;
            }
            self.lowest.clear();
            self.edge = None;
        }
        self.suspects = 0;
        let bucket = x.div_euclid(BUCKET);
        match self.lowest.back_mut() {
            // The message was overtaken: it says nothing that later ones do not.
            Some(last) if bucket < last.x.div_euclid(BUCKET) => return false,
            Some(last) if bucket == last.x.div_euclid(BUCKET) => {
                last.points = last.points.saturating_add(1);
                if y < last.y {
                    (last.x, last.y) = (x, y);
                }
                return false;
            }
            _ => self.lowest.push_back(Lowest { x, y, points: 1 }),
        }
        while self.lowest.front().is_some_and(|first| x.saturating_sub(first.x) > WINDOW) {
            self.lowest.pop_front();
        }
        let points: Vec<_> = self.lowest.iter().map(|point| (point.x, point.y)).collect();
        self.edge = lower_edge(&points);
        true
    }

    /// The line; its slope is `None` while the window is too short.
    pub(super) fn edge(&self) -> Option<(Edge, Option<f64>)> {
        let (first, last) = (self.lowest.front()?, self.lowest.back()?);
        let edge = self.edge?;
        let long = last.x.saturating_sub(first.x) >= MIN_SPAN;
        Some((edge, long.then_some(edge.slope)))
    }

    /// The line of a known `slope` under all points.
    pub(super) fn under(&self, slope: f64) -> Option<Edge> {
        let &Lowest { x, y, .. } = self.lowest.back()?;
        let line = Edge { x, y, slope };
        let touching = self
            .lowest
            .iter()
            .min_by(|a, b| line.excess(a.x, a.y).total_cmp(&line.excess(b.x, b.y)))?;
        Some(Edge { x: touching.x, y: touching.y, slope })
    }

    /// Points in the window, those not kept included.
    pub(super) fn points(&self) -> usize {
        self.lowest.iter().fold(0, |sum, point| sum.saturating_add(point.points))
    }

    /// The median height of the kept points above the line of `slope` under all, microseconds.
    pub(super) fn roughness(&self, slope: f64) -> Option<f64> {
        let under = self.under(slope)?;
        let mut excess: Vec<_> =
            self.lowest.iter().map(|point| under.excess(point.x, point.y)).collect();
        median(&mut excess)
    }

    /// Far below the line, or long before the newest point: a wrong stamp or a clock that stepped.
    fn is_suspect(&self, x: i64, y: i64) -> bool {
        let (Some(first), Some(last)) = (self.lowest.front(), self.lowest.back()) else {
            return false;
        };
        // The slope of a short window is uncertain, and so is the line far away from it.
        let span = float(last.x.saturating_sub(first.x));
        let low = self.edge.is_some_and(|edge| {
            let away = float(x.saturating_sub(edge.x)).abs();
            edge.excess(x, y) * span < -STEP * (span + away)
        });
        low || last.x.saturating_sub(x) > 10 * BUCKET
    }
}

/// The edge of the lower convex hull of `points`, ascending in x, over the mean of their x.
///
/// A single point, or one time for all, gives a level line.
pub(super) fn lower_edge(points: &[(i64, i64)]) -> Option<Edge> {
    let &(first, origin) = points.first()?;
    let relative =
        |&(x, y): &(i64, i64)| (float(x.saturating_sub(first)), float(y.saturating_sub(origin)));
    let mut hull: Vec<(i64, i64)> = Vec::with_capacity(points.len());
    for point in points {
        while let [.., a, b] = hull.as_slice() {
            let ((ax, ay), (bx, by), (px, py)) = (relative(a), relative(b), relative(point));
            // The middle one stays only if the path turns upwards there.
            if (by - ay) * (px - bx) < (py - by) * (bx - ax) {
                break;
            }
            hull.pop();
        }
        hull.push(*point);
    }
    let sum: f64 = points.iter().map(|point| relative(point).0).sum();
    let mean = first.saturating_add(whole(sum / count(points.len())));
    let level = Edge { x: first, y: origin, slope: 0.0 };
    let over_mean = hull.windows(2).find(|edge| edge[1].0 >= mean);
    Some(over_mean.map_or(level, |edge| {
        let ((ax, ay), (bx, by)) = (relative(&edge[0]), relative(&edge[1]));
        let slope = if bx > ax { (by - ay) / (bx - ax) } else { 0.0 };
        Edge { x: edge[0].0, y: edge[0].1, slope: slope.clamp(-MAX_DRIFT, MAX_DRIFT) }
    }))
}

/// The mean of two slopes, each by the square of the number of points under it: the distance of a
/// hull from the true line, and so the variance of its root, falls with their number.
pub(super) fn blend(a: Option<(f64, usize)>, b: Option<(f64, usize)>) -> Option<f64> {
    let ((a, many_a), (b, many_b)) = match (a, b) {
        (Some(a), Some(b)) => (a, b),
        (one, other) => return one.or(other).map(|(slope, _)| slope),
    };
    let (a_weight, b_weight) = (count(many_a).powi(2), count(many_b).powi(2));
    let sum = a_weight + b_weight;
    Some(if sum > 0.0 { (a * a_weight + b * b_weight) / sum } else { 0.0 })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn points_above_a_line_do_not_move_it() {
        // y = 100 ppm of x where the delay is zero, far above elsewhere.
        let points: Vec<_> = (0..100)
            .map(|i| (i * 1_000_000, i * 100 + if i % 7 == 0 { 0 } else { 3_000 }))
            .collect();
        let edge = lower_edge(&points).unwrap();
        // Whole microseconds on a straight line: the slope is exact to f64 rounding.
        assert!((edge.slope - 1e-4).abs() < 1e-12, "{edge:?}");
        assert!(points.iter().all(|&(x, y)| edge.excess(x, y) > -1e-6));
    }

    #[test]
    fn one_stamp_far_too_early_is_left_out_and_five_in_a_row_are_believed() {
        let mut envelope = Envelope::default();
        for i in 0..50 {
            assert!(envelope.push(i * 200_000, 1_000));
        }
        assert!(!envelope.push(10_200_000, -500_000));
        assert_eq!(envelope.edge().map(|(edge, _)| edge.y), Some(1_000));
        for i in 0..4 {
            envelope.push(10_400_000 + i * 200_000, -500_000);
        }
        assert_eq!(envelope.edge().map(|(edge, _)| edge.y), Some(-500_000));
    }

    #[test]
    fn memory_is_bounded_at_any_rate() {
        let mut envelope = Envelope::default();
        for i in 0..200_000 {
            envelope.push(i * 1_000, 0);
        }
        assert_eq!(envelope.lowest.len(), 601);
        // Whole buckets of 100; the one now open has 100 too, as 199 999 ms ends it.
        assert_eq!(envelope.points(), 60_100);
    }

    proptest! {
        #[test]
        fn the_edge_lies_under_all_points(ys in prop::collection::vec(-20_i64..20, 1..60)) {
            let points: Vec<_> =
                (0_i64..).zip(&ys).map(|(i, &y)| (i * 10_000, y)).collect();
            let edge = lower_edge(&points).unwrap();
            // Products of numbers below 2^20 are exact in f64; the slope is rounded once.
            prop_assert!(points.iter().all(|&(x, y)| edge.excess(x, y) > -1e-6));
        }

        #[test]
        fn no_point_is_too_strange(points: Vec<(i64, i64)>) {
            let mut envelope = Envelope::default();
            for (x, y) in points {
                envelope.push(x, y);
                prop_assert!(envelope.edge().is_none_or(|(edge, _)| edge.slope.is_finite()));
                envelope.under(1e-4);
                envelope.roughness(1e-4);
            }
        }
    }
}
