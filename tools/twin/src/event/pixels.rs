//! The pixels: log luminance through a low-pass, a memory, two thresholds and a dead time.
//!
//! A pixel remembers the log luminance at its last event. When the filtered luminance differs from
//! that by more than a threshold, an event leaves, the memory follows and the pixel is blind for the
//! refractory time (Lichtsteiner et al. 2008; the imperfections as in v2e, Hu et al. 2021).

use visaged::data::Geometry;

use crate::number::{narrow, single};
use crate::random::Random;
use crate::setting::CameraSetting;

/// Pixels along the side of a tile.
pub(super) const SIDE: usize = 8;
/// Pixels of a tile.
pub(super) const TILE: usize = SIDE * SIDE;
/// Mismatch of thresholds between pixels, share of the threshold (v2e's default is 0.03 of 0.2).
const MISMATCH: f64 = 0.12;
/// Dead time after an event, seconds.
const REFRACTORY: f32 = 350e-6;
/// The memory leaks towards ON events: thresholds a second.
const LEAK: f32 = 0.02;

/// All pixels of a sensor, tile after tile.
#[derive(Debug)]
pub(super) struct Pixels {
    pub(super) tiles_across: usize,
    geometry: Geometry,
    filtered: Vec<f32>,
    memory: Vec<f32>,
    on: Vec<f32>,
    off: Vec<f32>,
    /// When the pixel sees again, seconds.
    ready: Vec<f64>,
    bandwidth: f32,
    leak: f32,
    started: Vec<bool>,
    /// Last look at each tile, seconds.
    looked: Vec<f64>,
    /// Events as sortable words, see [`pack`].
    events: Vec<u64>,
}

impl Pixels {
    pub(super) fn new(geometry: Geometry, setting: &CameraSetting, mut random: Random) -> Self {
        let tiles_across = usize::from(geometry.width).div_ceil(SIDE);
        let tiles = tiles_across * usize::from(geometry.height).div_ceil(SIDE);
        let count = tiles * TILE;
        let mut thresholds = |mean: f64| -> Vec<f32> {
            (0..count)
                .map(|_| narrow(mean * random.normal(1.0, MISMATCH).clamp(0.5, 1.6)))
                .collect()
        };
        let (on, off) = (thresholds(setting.threshold[0]), thresholds(setting.threshold[1]));
        Self {
            tiles_across,
            geometry,
            filtered: vec![0.0; count],
            memory: vec![0.0; count],
            ready: vec![0.0; count],
            bandwidth: narrow(std::f64::consts::TAU * setting.bandwidth),
            leak: LEAK * narrow(setting.threshold[0]),
            started: vec![false; tiles],
            looked: vec![0.0; tiles],
            events: Vec::new(),
            on,
            off,
        }
    }

    /// Shows `luminance` (log units) to the pixels of `tile` at `time`; returns how far the slowest
    /// pixel lags behind.
    pub(super) fn look(&mut self, tile: usize, time: f64, luminance: &[f32; TILE]) -> f32 {
        let first = tile * TILE;
        let before = self.looked[tile];
        self.looked[tile] = time;
        if !self.started[tile] {
            self.started[tile] = true;
            self.filtered[first..first + TILE].copy_from_slice(luminance);
            // Memories start anywhere between the thresholds, as after any history.
            for (n, luminance) in luminance.iter().enumerate() {
                let at = first + n;
                let phase = single(at.wrapping_mul(0x9E37_79B1) >> 8 & 0xFFFF) / 65_536.0;
                self.memory[at] = luminance - self.on[at] + phase * (self.on[at] + self.off[at]);
            }
            return 0.0;
        }
        let span = narrow(time - before);
        let leaked = self.leak * span;
        let mut old = [0.0; TILE];
        old.copy_from_slice(&self.filtered[first..first + TILE]);
        let mut lag = 0.0_f32;
        let mut crossed = false;
        let own = first..first + TILE;
        let thresholds = self.on[own.clone()].iter().zip(&self.off[own.clone()]);
        let states = self.filtered[own.clone()].iter_mut().zip(&self.memory[own]);
        for ((luminance, (filtered, memory)), (on, off)) in
            luminance.iter().zip(states).zip(thresholds)
        {
            // A darker pixel is slower, as its photocurrent is smaller; backward Euler.
            let speed = self.bandwidth * (1.0 + 0.6 * luminance).max(0.1) * span;
            *filtered += speed / (1.0 + speed) * (luminance - *filtered);
            lag = lag.max((luminance - *filtered).abs());
            let difference = *filtered - memory + leaked;
            crossed |= difference >= *on || difference <= -off;
        }
        if crossed {
            for (n, old) in old.iter().enumerate() {
                self.cross(first + n, before, time, *old, leaked);
            }
        } else {
            for memory in &mut self.memory[first..first + TILE] {
                *memory -= leaked;
            }
        }
        lag
    }

    /// Emits the events of pixel `at` while its luminance goes from `old` to what it is now.
    fn cross(&mut self, at: usize, from: f64, to: f64, old: f32, leaked: f32) {
        let mut start = old - self.memory[at];
        self.memory[at] -= leaked;
        let mut end = self.filtered[at] - self.memory[at];
        // The line through both; times stay comparable as the memory moves under it.
        let slope = f64::from(end - start) / (to - from).max(1e-9);
        loop {
            let (threshold, on) = if end >= self.on[at] {
                (self.on[at], true)
            } else if end <= -self.off[at] {
                (-self.off[at], false)
            } else {
                return;
            };
            let wait = f64::from(threshold - start) / slope;
            let time = (from + wait.max(0.0)).min(to);
            let (moved, emits) = if time >= self.ready[at] {
                (threshold, true)
            } else if self.ready[at] >= to {
                // Blind until after this look: it wakes at the present luminance.
                (end, false)
            } else {
                let woken = f64::from(start) + slope * (self.ready[at] - from);
                (narrow(woken), false)
            };
            self.memory[at] += moved;
            start -= moved;
            end -= moved;
            if emits {
                self.ready[at] = time + f64::from(REFRACTORY);
                self.emit(at, time, on);
            } else if self.ready[at] >= to {
                return;
            } else {
                self.ready[at] = from; // awake again; the line goes on from here
            }
        }
    }

    /// An event that no light caused; the pixel resets as after any event.
    pub(super) fn misfire(&mut self, at: usize, time: f64, on: bool) {
        if time >= self.ready[at] {
            self.memory[at] = self.filtered[at];
            self.ready[at] = time + f64::from(REFRACTORY);
            self.emit(at, time, on);
        }
    }

    /// Index of a pixel, by column and row.
    pub(super) const fn index(&self, x: usize, y: usize) -> usize {
        let tile = (y / SIDE) * self.tiles_across + x / SIDE;
        tile * TILE + (y % SIDE) * SIDE + x % SIDE
    }

    /// Filtered log luminance of a pixel.
    pub(super) fn luminance(&self, at: usize) -> f32 {
        self.filtered[at]
    }

    fn emit(&mut self, at: usize, time: f64, on: bool) {
        let (tile, n) = (at / TILE, at % TILE);
        let x = (tile % self.tiles_across) * SIDE + n % SIDE;
        let y = (tile / self.tiles_across) * SIDE + n / SIDE;
        if x < usize::from(self.geometry.width) && y < usize::from(self.geometry.height) {
            self.events.push(pack(time, x, y, on));
        }
    }

    /// The events, ordered by time, then row, then column.
    pub(super) fn into_events(mut self) -> Vec<u64> {
        self.events.sort_unstable();
        self.events
    }
}

/// An event as a word that sorts by microsecond, row, column, polarity.
fn pack(time: f64, x: usize, y: usize, on: bool) -> u64 {
    let micros = crate::number::whole(time * 1e6);
    (micros << 21 | y << 11 | x << 1 | usize::from(on)) as u64
}

/// The parts of a packed event: microsecond, column, row, polarity.
pub(super) const fn unpack(word: u64) -> (u64, u16, u16, bool) {
    (word >> 21, (word >> 1 & 0x3FF) as u16, (word >> 11 & 0x3FF) as u16, word & 1 == 1)
}
