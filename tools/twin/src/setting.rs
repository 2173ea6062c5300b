//! How a session differs from the next one of the same person: everything that is not identity.

use crate::motion::Mood;
use crate::random::Random;

/// The setting of one session.
///
/// These vary more than persons do, on purpose: a classifier that reads distance, clothes or gain
/// must not find the person there.
#[derive(Debug, Clone)]
pub struct Setting {
    /// Where the front of the face rests, metres from the sensors: x right, y down, z away.
    pub place: [f64; 3],
    /// How the head is turned at rest: yaw, pitch, roll, radians.
    pub turn: [f64; 3],
    /// What the person is like today.
    pub mood: Mood,
    /// True if glasses are worn.
    pub glasses: bool,
    /// Beard of the day against the usual one.
    pub beard: f64,
    /// Clothes.
    pub clothes: Clothes,
    /// The radar of the day.
    pub radar: RadarSetting,
    /// The camera of the day.
    pub camera: CameraSetting,
    /// Who and what else is there.
    pub company: Company,
}

/// What covers the torso.
#[derive(Debug, Clone, Copy)]
pub struct Clothes {
    /// Factor on the amplitude of echoes from the torso.
    pub echo: f64,
    /// How far the cloth lies in front of the skin, millimetres.
    pub thickness: f64,
    /// Log reflectance against the skin's mean.
    pub tone: f64,
    /// Contrast of the pattern, log units.
    pub pattern: f64,
}

/// The radar on a given day.
#[derive(Debug, Clone, Copy)]
pub struct RadarSetting {
    /// Factor on all echoes: gain, temperature, window in front of the antenna.
    pub gain: f64,
    /// Factor on the noise.
    pub noise: f64,
    /// Factor on the transmit leakage.
    pub leakage: f64,
    /// Number of the static scene behind the person.
    pub clutter: u64,
    /// Strength of the static scene.
    pub clutter_echo: f64,
}

/// The camera on a given day.
#[derive(Debug, Clone, Copy)]
pub struct CameraSetting {
    /// Shift of the optical axis, pixels of a 320-pixel image.
    pub axis: [f64; 2],
    /// Factor on the focal length.
    pub zoom: f64,
    /// Contrast threshold of the pixels, log units: ON and OFF.
    pub threshold: [f64; 2],
    /// Direction of the light, unit vector towards the lamp, in the head's frame.
    pub light: [f64; 3],
    /// Share of the light that comes from everywhere.
    pub ambient: f64,
    /// Corner frequency of a bright pixel, hertz.
    pub bandwidth: f64,
    /// Noise events of a pixel a second.
    pub noise: f64,
    /// Modulation of the light by the mains, log units, and its frequency (twice the mains'), hertz.
    pub flicker: Option<(f64, f64)>,
    /// Number of the background behind the person.
    pub background: u64,
}

/// Who and what else is in the room.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Company {
    /// A second person behind and beside the first: x and z in metres.
    pub second_person: Option<[f64; 2]>,
    /// A running fan: x and z in metres.
    pub fan: Option<[f64; 2]>,
    /// Bursts of another radar, a minute.
    pub interference: f64,
}

impl Setting {
    /// Face at 0.33 m, straight ahead, even light, nothing else in the room.
    pub const PLAIN: Self = Self {
        place: [0.0, 0.0, 0.33],
        turn: [0.0; 3],
        mood: Mood::PLAIN,
        glasses: false,
        beard: 1.0,
        clothes: Clothes { echo: 1.0, thickness: 2.0, tone: -0.4, pattern: 0.2 },
        radar: RadarSetting { gain: 1.0, noise: 1.0, leakage: 1.0, clutter: 0, clutter_echo: 1.0 },
        camera: CameraSetting {
            axis: [0.0; 2],
            zoom: 1.0,
            threshold: [0.17, 0.165],
            light: [0.43, -0.6, -0.67],
            ambient: 0.45,
            bandwidth: 300.0,
            noise: 0.08,
            flicker: None,
            background: 0,
        },
        company: Company { second_person: None, fan: None, interference: 0.0 },
    };

    /// Draws a session's setting; `glasses` says if the person usually wears them.
    #[must_use]
    pub fn draw(mut random: Random, glasses: bool) -> Self {
        let r = &mut random;
        let mut factor = |deviation: f64| r.normal(0.0, deviation).clamp(-0.9, 0.9).exp();
        let mood = Mood {
            strength: factor(0.15),
            pace: factor(0.12),
            arousal: factor(0.08),
            restless: factor(0.35),
            talks: 0.25,
        };
        let radar = RadarSetting {
            gain: factor(0.20),
            noise: factor(0.12),
            leakage: factor(0.15),
            clutter: r.bits(),
            clutter_echo: r.normal(0.0, 0.5).exp(),
        };
        Self {
            place: [r.normal(0.0, 0.025), r.normal(0.0, 0.025), r.between(0.25, 0.50)],
            turn: [r.normal(0.0, 0.10), r.normal(0.0, 0.08), r.normal(0.0, 0.04)],
            mood: Mood { talks: r.between(0.0, 0.5), ..mood },
            // Who wears glasses leaves them off at times; who does not, borrows none.
            glasses: glasses && r.chance(0.8),
            beard: r.between(0.8, 1.2),
            clothes: Clothes {
                echo: r.between(0.55, 1.1),
                thickness: r.between(0.5, 12.0),
                tone: r.normal(-0.6, 0.6),
                pattern: r.between(0.0, 0.5),
            },
            radar,
            camera: CameraSetting::draw(r),
            company: Company {
                second_person: r.chance(0.05).then(|| [r.between(-0.8, 0.8), r.between(1.0, 2.0)]),
                fan: r.chance(0.08).then(|| [r.between(-0.8, 0.8), r.between(0.8, 2.0)]),
                interference: if r.chance(0.10) { r.between(1.0, 12.0) } else { 0.0 },
            },
        }
    }
}

impl CameraSetting {
    fn draw(r: &mut Random) -> Self {
        let (across, down) = (r.normal(0.0, 0.5), r.normal(-0.5, 0.35));
        let length = (across * across + down * down + 0.5).sqrt();
        let threshold = r.between(0.13, 0.24);
        Self {
            axis: [r.normal(0.0, 8.0), r.normal(0.0, 8.0)],
            zoom: r.between(0.9, 1.1),
            threshold: [threshold, threshold * r.between(0.88, 1.14)],
            light: [across / length, down / length, -0.5_f64.sqrt() / length],
            ambient: r.between(0.3, 0.7),
            bandwidth: r.between(150.0, 450.0),
            noise: 0.06 * r.normal(0.0, 0.6).exp(),
            flicker: r
                .chance(0.15)
                .then(|| (r.between(0.01, 0.05), if r.chance(0.5) { 100.0 } else { 120.0 })),
            background: r.bits(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_of_one_person_differ_by_centimetres_of_distance() {
        let places: Vec<f64> =
            (0..200).map(|n| Setting::draw(Random::stream(n, "session"), false).place[2]).collect();
        let mean = places.iter().sum::<f64>() / 200.0;
        let deviation = (places.iter().map(|p| (p - mean).powi(2)).sum::<f64>() / 200.0).sqrt();
        // Heads differ by 6 mm in depth: the setting must drown that.
        assert!(deviation > 0.05, "{deviation}");
    }

    #[test]
    fn nobody_puts_on_glasses_who_has_none() {
        assert!((0..50).all(|n| !Setting::draw(Random::stream(n, "session"), false).glasses));
    }
}
