//! What people may look at of one radar: its newest maps, and how a chest moved.

use ndarray::Array3;

use crate::dsp::radar::MapAxes;
use crate::units::{Meters, Seconds};

use super::radar::RadarChain;

/// A radar that has delivered, to look at.
#[derive(Clone, Copy)]
pub struct Sight<'a> {
    source: usize,
    chain: &'a RadarChain,
}

impl<'a> Sight<'a> {
    pub(super) const fn new(source: usize, chain: &'a RadarChain) -> Self {
        Self { source, chain }
    }

    /// The sensor's number.
    #[must_use]
    pub const fn source(&self) -> usize {
        self.source
    }

    /// How many frames its maps have seen: equal numbers, equal maps.
    #[must_use]
    pub const fn frames(&self) -> u64 {
        self.chain.frames()
    }

    /// The newest map of fast motion: `map[rx, range_bin, doppler_bin]`.
    #[must_use]
    pub const fn fast(&self) -> (&'a Array3<f32>, MapAxes) {
        self.chain.fast_map()
    }

    /// The newest map of slow motion, `map[rx, range_bin, doppler_bin]`; `None` until a whole block
    /// of frames was seen.
    #[must_use]
    pub fn slow(&self) -> Option<(&'a Array3<f32>, MapAxes)> {
        self.chain.slow_map()
    }

    /// How the chest moved that breathes there, oldest first, about its mean, with the time from
    /// one value to the next; empty while no breath is seen. Whether up is towards the radar is not
    /// known. Allocates: it is for people, once a second.
    #[must_use]
    pub fn breath(&self) -> (Vec<Meters>, Seconds) {
        self.chain.breath_trace()
    }
}
