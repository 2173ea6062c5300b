//! The radar: from poses to the 12-bit samples of an FMCW receiver with three antennas.
//!
//! ```text
//! poses -> echoes (path to each antenna, amplitude) -> range nodes -> beat signal
//!       + leakage and room (static) + noise + interference -> ADC
//! ```

mod array;
mod body;
mod fan;
mod interference;
mod nodes;
mod receiver;
mod room;
mod sweep;

pub use body::Occupant;

use ndarray::Array3;
use visaged::data::ChirpConfig;
use visaged::units::Hertz;

use crate::number::real;
use crate::random::Random;
use crate::setting::Setting;
use array::RECEIVERS;
use fan::Fan;
use interference::Interference;
use nodes::Nodes;
use receiver::Receiver;
use room::Room;
use sweep::Sweep;

/// The chirps of [`ChirpConfig::food`] with 5.5 GHz of sweep: 27 mm of range resolution for a face.
#[must_use]
pub fn face_chirps() -> ChirpConfig {
    ChirpConfig { start: Hertz(58.0e9), end: Hertz(63.5e9), ..ChirpConfig::food() }
}

/// Path lengths of an echo at the first, the middle and the last chirp of a stretch, and its size.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Echo {
    /// `paths[instant][receiver]`: antenna to scatterer to antenna, metres.
    pub(crate) paths: [[f64; RECEIVERS]; 3],
    /// Counts of the ADC.
    pub(crate) amplitude: f64,
}

/// A radar in front of somebody.
#[derive(Debug)]
pub struct RadarTwin {
    sweep: Sweep,
    occupants: Vec<Occupant>,
    fan: Option<Fan>,
    interference: Interference,
    room: Room,
    receiver: Receiver,
    nodes: Nodes,
    seed: u64,
    name: String,
    gain: f64,
    beat: Vec<f32>,
}

impl RadarTwin {
    /// A radar that sweeps as `chirps` says, in front of `occupants` in `setting`.
    ///
    /// `name` is the stream of its noise. Only real samples and three antennas are simulated:
    /// `complex` and `rx_antennas` of `chirps` are not looked at.
    #[must_use]
    pub fn new(
        chirps: &ChirpConfig,
        setting: &Setting,
        occupants: Vec<Occupant>,
        seconds: f64,
        seed: u64,
        name: &str,
    ) -> Self {
        let stream = |what: &str| Random::stream(seed, &format!("{name} {what}"));
        let sweep = Sweep::new(chirps);
        let fan = setting.company.fan.map(|place| Fan::draw(place, stream("fan")));
        Self {
            interference: Interference::draw(
                setting.company.interference,
                seconds,
                stream("interference"),
            ),
            room: Room::new(&sweep, setting, seed),
            receiver: Receiver::new(&sweep, &setting.radar, seconds, stream("receiver")),
            nodes: Nodes::new(&sweep),
            beat: vec![0.0; sweep.samples],
            gain: setting.radar.gain,
            seed,
            name: name.to_owned(),
            occupants,
            fan,
            sweep,
        }
    }

    /// Frames in `seconds`.
    #[must_use]
    pub fn frames(&self, seconds: f64) -> usize {
        crate::number::whole(seconds / self.sweep.frame_period + 1e-9)
    }

    /// Samples of frame `number`, which starts at `number` frame periods.
    ///
    /// Shapes: `[rx, chirp, sample]`, counts 0 to 4095. A frame depends on nothing but its number.
    pub fn frame(&mut self, number: usize) -> Array3<i16> {
        let start = real(number) * self.sweep.frame_period;
        let chirps = self.sweep.chirps;
        self.nodes.clear();
        for occupant in &self.occupants {
            for echo in occupant.echoes(&self.sweep, start, 0..chirps) {
                self.nodes.add(&self.sweep, &echo, self.gain, 0..chirps);
            }
        }
        if let Some(fan) = &self.fan {
            // A blade turns by a fifth of a circle in 8 chirps: short stretches keep it smooth.
            for first in (0..chirps).step_by(8) {
                let stretch = first..(first + 8).min(chirps);
                for echo in fan.echoes(&self.sweep, start, stretch.clone()) {
                    self.nodes.add(&self.sweep, &echo, self.gain, stretch.clone());
                }
            }
        }
        self.sample(number, start)
    }

    fn sample(&mut self, number: usize, start: f64) -> Array3<i16> {
        let mut random = Random::stream(self.seed, &format!("{} frame {number}", self.name));
        let mut samples = Array3::zeros((RECEIVERS, self.sweep.chirps, self.sweep.samples));
        for chirp in 0..self.sweep.chirps {
            let time = start + real(chirp) * self.sweep.chirp_period;
            let jitter = self.receiver.jitter(time, &mut random);
            let glitch = self.interference.hit(time, self.sweep.samples, &mut random);
            for rx in 0..RECEIVERS {
                self.room.beat(rx, jitter.phase, &mut self.beat);
                self.nodes.beat(rx, chirp, jitter.phase, &mut self.beat);
                if let Some(glitch) = &glitch {
                    glitch.add(rx, &mut self.beat);
                }
                let row = samples.slice_mut(ndarray::s![rx, chirp, ..]);
                self.receiver.convert(rx, &self.beat, jitter.gain, row, &mut random);
            }
        }
        samples
    }
}

#[cfg(test)]
mod tests;
