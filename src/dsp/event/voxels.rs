//! Voxel grid: the events of a window, counted per polarity, time bin and cell of the face region.

use std::collections::VecDeque;

use ndarray::ArrayRef4;
use serde::{Deserialize, Serialize};

use super::{OutOfRange, Region};
use crate::data::Event;

/// The `voxels` table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct VoxelConfig {
    /// Length of a window, milliseconds, 16 to 10 000; 16 equal bins.
    pub window_ms: u32,
    /// From the start of one window to the start of the next, milliseconds, 1 to 10 000.
    pub hop_ms: u32,
    /// Events kept for the open window, 1 000 to 16 000 000; 16 bytes each.
    pub capacity: u32,
}

impl Default for VoxelConfig {
    fn default() -> Self {
        Self {
            window_ms: 320, // 16 bins of 20 ms: a smile takes about half a second to form
            hop_ms: 100,
            capacity: 1 << 20, // 3.2 Mev/s over a window; a head that fills an HD sensor gives 2
        }
    }
}

impl VoxelConfig {
    /// Checks the ranges.
    ///
    /// # Errors
    /// When a value lies outside the range stated at its key.
    pub fn check(&self) -> Result<(), OutOfRange> {
        super::within("window-ms", self.window_ms, 16, Voxels::LONGEST_MS)?;
        super::within("hop-ms", self.hop_ms, 1, Voxels::LONGEST_MS)?;
        super::within("capacity", self.capacity, 1_000, Voxels::MOST_EVENTS)
    }
}

/// A finished window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Voxelized {
    /// First microsecond of the window.
    pub start: i64,
    /// First microsecond after the window.
    pub end: i64,
    /// The region that was scaled to the grid.
    pub region: Region,
    /// Events in window and region.
    pub events: u32,
    /// Of these, events that fell into a cell already at [`Voxels::CLIP`].
    pub clipped: u32,
    /// False if events of this window were lost because the capacity was too small.
    pub complete: bool,
}

/// What was refused or skipped since planning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct VoxelCounts {
    /// Events pushed out by newer ones before their last window closed: raise `capacity`.
    pub overflow: u64,
    /// Events earlier than every window still to come: late, or before the first window.
    pub unused: u64,
    /// Events earlier than the newest one; taken all the same.
    pub stepped_back: u64,
    /// Steps back of more than a window: everything before is forgotten.
    pub restarts: u64,
    /// Windows left out because they hold no event.
    pub empty: u64,
}

/// Windows of events as tensors, from a bounded memory of recent events.
///
/// - A window holds the events with `start <= t < end`. Ends lie on multiples of the hop, so a
///   replay that starts anywhere cuts the same windows; the first one starts no earlier than the
///   first event.
/// - Bin `(t - start) * 16 / window`, cell `(x - region.x) * 112 / region.width` and likewise for
///   y, all rounded down: every event falls into exactly one voxel. A region narrower than 112
///   pixels leaves some cells empty.
/// - Counts are clipped at [`CLIP`](Self::CLIP) and divided by it, so values are 0, 0.2 .. 1.
///
/// Events are kept, not planes of counts, because the region may move until the window closes.
#[derive(Debug, Clone)]
pub struct Voxels {
    window: i64,
    hop: i64,
    capacity: usize,
    recent: VecDeque<Event>,
    cells: Vec<u8>,
    next_end: Option<i64>,
    newest: i64,
    lost_until: i64,
    counts: VoxelCounts,
}

/// Times are clamped to this far from zero (146 000 years), so that no sum below can overflow.
const FAR: i64 = 1 << 62;

impl Voxels {
    /// Polarities: index 0 is OFF, 1 is ON.
    pub const POLARITIES: usize = 2;
    /// Time bins of a window.
    pub const BINS: usize = 16;
    /// Rows and columns of the grid: the input of C3D (Tran et al. 2015).
    pub const SIDE: usize = 112;
    /// `[polarity, bin, row, column]`.
    pub const SHAPE: (usize, usize, usize, usize) =
        (Self::POLARITIES, Self::BINS, Self::SIDE, Self::SIDE);
    /// Largest count of a voxel.
    pub const CLIP: u8 = 5;
    /// Longest window and hop, milliseconds: bins are exact up to 16 s, see `Scale`.
    const LONGEST_MS: u32 = 10_000;
    /// Largest capacity: 256 MB.
    const MOST_EVENTS: u32 = 16_000_000;

    /// Plans for a window, a hop and a memory. Allocates 16 bytes per event of capacity and 0.4 MB.
    /// Values outside their ranges count as the nearest allowed one.
    #[must_use]
    pub fn plan(config: &VoxelConfig) -> Self {
        let capacity = config.capacity.clamp(1, Self::MOST_EVENTS) as usize;
        Self {
            window: i64::from(config.window_ms.clamp(1, Self::LONGEST_MS)) * 1000,
            hop: i64::from(config.hop_ms.clamp(1, Self::LONGEST_MS)) * 1000,
            capacity,
            recent: VecDeque::with_capacity(capacity),
            cells: vec![0; Self::POLARITIES * Self::BINS * Self::SIDE * Self::SIDE],
            next_end: None,
            newest: i64::MIN,
            lost_until: i64::MIN,
            counts: VoxelCounts::default(),
        }
    }

    /// Takes one event. Call [`run`](Self::run) with the event's time first, until it gives
    /// `None`: that closes the windows before the event.
    pub fn push(&mut self, event: Event) {
        let event = Event { t: clamped(event.t), ..event };
        if self.newest != i64::MIN && event.t < self.newest - self.window {
            self.restart();
            self.counts.restarts += 1;
        }
        self.counts.stepped_back += u64::from(event.t < self.newest);
        self.newest = self.newest.max(event.t);

        let first_end = up_to_multiple(event.t + self.window, self.hop);
        let start = *self.next_end.get_or_insert(first_end) - self.window;
        while self.recent.front().is_some_and(|old| old.t < start) {
            self.recent.pop_front();
        }
        if event.t < start {
            self.counts.unused += 1;
            return;
        }
        if self.recent.len() >= self.capacity
            && let Some(lost) = self.recent.pop_front()
        {
            self.lost_until = self.lost_until.max(lost.t);
            self.counts.overflow += 1;
        }
        self.recent.push_back(event);
    }

    /// Writes the next window that ended at or before `now`, or gives `None` if there is none.
    ///
    /// Shapes: `voxels[polarity 2, bin 16, row 112, column 112]` out, OFF is 0 and ON is 1.
    ///
    /// `region` must lie on the sensor. Windows after a gap in which no event came at all are
    /// skipped and counted, so that an hour of darkness costs nothing.
    ///
    /// # Panics
    /// When `voxels` has another shape than [`SHAPE`](Self::SHAPE).
    pub fn run(
        &mut self,
        now: i64,
        region: Region,
        voxels: &mut ArrayRef4<f32>,
    ) -> Option<Voxelized> {
        assert_eq!(voxels.dim(), Self::SHAPE, "voxels have the wrong shape");
        let end = self.due(clamped(now))?;
        self.next_end = Some(end + self.hop);
        let start = end - self.window;
        let (events, clipped) = self.count(start, region);
        for (mut row, cells) in
            voxels.rows_mut().into_iter().zip(self.cells.chunks_exact(Self::SIDE))
        {
            row.iter_mut()
                .zip(cells)
                .for_each(|(voxel, &n)| *voxel = f32::from(n) / f32::from(Self::CLIP));
        }
        let complete = self.lost_until < start;
        Some(Voxelized { start, end, region, events, clipped, complete })
    }

    /// Forgets all events, for a camera that was reopened. Counts stay.
    pub fn restart(&mut self) {
        self.recent.clear();
        self.next_end = None;
        self.newest = i64::MIN;
        self.lost_until = i64::MIN;
    }

    /// What happened since planning.
    #[must_use]
    pub const fn counts(&self) -> VoxelCounts {
        self.counts
    }

    /// End of the next window, if it is over and may hold an event.
    fn due(&mut self, now: i64) -> Option<i64> {
        let end = self.next_end.filter(|&end| end <= now)?;
        if self.newest >= end - self.window {
            return Some(end);
        }
        let next = up_to_multiple(now + 1, self.hop);
        self.counts.empty += next.abs_diff(end) / self.hop.unsigned_abs();
        self.next_end = Some(next);
        None
    }

    /// Counts the events of the window into the cells; returns how many there were and how many
    /// of them were clipped.
    fn count(&mut self, start: i64, region: Region) -> (u32, u32) {
        self.cells.fill(0);
        let window = self.window.unsigned_abs();
        let bins = Scale::new(Self::BINS, window);
        let columns = Scale::new(Self::SIDE, region.width.into());
        let rows = Scale::new(Self::SIDE, region.height.into());
        let (mut events, mut clipped) = (0, 0);
        for event in &self.recent {
            let age = event.t.wrapping_sub(start).cast_unsigned(); // before the start: huge
            if age >= window || !region.contains(event.x, event.y) {
                continue;
            }
            let plane = usize::from(event.on) * Self::BINS + bins.of(age);
            let row = plane * Self::SIDE + rows.of((event.y - region.y).into());
            let column = columns.of((event.x - region.x).into());
            let cell = &mut self.cells[row * Self::SIDE + column];
            events += 1;
            clipped += u32::from(*cell == Self::CLIP);
            *cell = (*cell + 1).min(Self::CLIP);
        }
        (events, clipped)
    }
}

/// `part * steps / whole`, rounded down, by a multiplication instead of a division.
///
/// With `factor = (steps * 2^48 + e) / whole`, `e < whole`, the product exceeds the true quotient
/// by `part * e / (whole * 2^48)`, which is less than the distance `1 / whole` to the next integer
/// as long as `part * e < whole^2 <= 2^48`: windows of up to 16.7 s, all regions.
#[derive(Debug, Clone, Copy)]
struct Scale {
    factor: u64,
}

impl Scale {
    const BITS: u32 = 48;

    /// Scales `0..whole` to `0..steps`.
    const fn new(steps: usize, whole: u64) -> Self {
        debug_assert!(whole < 1 << (Self::BITS / 2) && steps <= 1 << 8);
        let whole = if whole == 0 { 1 } else { whole }; // an empty region is never asked
        Self { factor: ((steps as u64) << Self::BITS).div_ceil(whole) }
    }

    /// Where `part` falls, below `steps`.
    const fn of(self, part: u64) -> usize {
        ((part * self.factor) >> Self::BITS) as usize
    }
}

/// The smallest multiple of `step` that is at least `t`.
const fn up_to_multiple(t: i64, step: i64) -> i64 {
    t + (-t).rem_euclid(step)
}

fn clamped(t: i64) -> i64 {
    t.clamp(-FAR, FAR)
}

#[cfg(test)]
mod tests;
