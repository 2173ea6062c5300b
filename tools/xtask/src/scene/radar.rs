//! The scene as a 60 GHz FMCW radar sees it.

use std::f64::consts::TAU;
use std::path::Path;

use anyhow::{Context as _, Result};
use ndarray::Array3;
use visaged::data::ChirpConfig;
use visaged::sensor::infineon::write::Writer;
use visaged::units::{Hertz, SPEED_OF_LIGHT, Seconds};

use super::noise::Noise;
use super::visitor::{self, Pose};

const CHIRPS: usize = 16;
const SAMPLES: usize = 64;

/// One reflecting patch: where it sits relative to the face and how strongly it answers.
struct Patch {
    range: f64,
    amplitude: f64,
    /// Phase differences of the three receivers, from the direction of the patch.
    phase: [f64; 3],
}

pub(super) fn write(folder: &Path) -> Result<()> {
    let chirp = ChirpConfig {
        rx_antennas: vec![1, 2, 3],
        chirps: CHIRPS,
        samples: SAMPLES,
        complex: false,
        start: Hertz(58.0e9),
        end: Hertz(63.5e9),
        sample_rate: Hertz(2e6),
        chirp_period: Seconds(591.1e-6),
        frame_period: Seconds(0.05),
        adc_bits: 12,
    };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "300 frames")]
    let frames = (super::SECONDS / chirp.frame_period.0).round() as u32;
    let mut noise = Noise::seeded(60);
    let mut writer = Writer::create(folder, &chirp, "simulated BGT60TR13C, demo scene")
        .with_context(|| format!("cannot write {}", folder.display()))?;
    for number in 0..frames {
        let start = f64::from(number) * chirp.frame_period.0;
        writer.push(&frame(&chirp, start, &mut noise))?;
    }
    writer.finish()?;
    Ok(())
}

fn frame(chirp: &ChirpConfig, start: f64, noise: &mut Noise) -> Array3<i16> {
    let mut samples = Array3::zeros((3, CHIRPS, SAMPLES));
    for c in 0..CHIRPS {
        #[expect(clippy::cast_precision_loss, reason = "16 chirps")]
        let patches = patches(&visitor::at(start + c as f64 * chirp.chirp_period.0));
        for rx in 0..3 {
            for n in 0..SAMPLES {
                #[expect(clippy::cast_precision_loss, reason = "64 samples")]
                let frequency = chirp.start.0 + chirp.bandwidth().0 * n as f64 / SAMPLES as f64;
                let echo: f64 = patches
                    .iter()
                    .map(|patch| {
                        let turns = 2.0 * patch.range * frequency / SPEED_OF_LIGHT;
                        patch.amplitude * (TAU * turns + patch.phase[rx]).cos()
                    })
                    .sum();
                let counts = 2048.0 + echo + 2.0 * noise.normal();
                #[expect(clippy::cast_possible_truncation, reason = "clamped to 12 bits")]
                let counts = counts.round().clamp(0.0, 4095.0) as i16;
                samples[[rx, c, n]] = counts;
            }
        }
    }
    samples
}

/// What reflects in a pose: transmit leakage and a shelf always, face and chest if somebody sits.
fn patches(pose: &Pose) -> Vec<Patch> {
    let mut patches = vec![
        Patch { range: 0.07, amplitude: 300.0, phase: [0.0, 0.4, 0.9] },
        Patch { range: 0.71, amplitude: 25.0, phase: [0.0, 1.1, -0.7] },
    ];
    if let Some(range) = pose.range {
        // Lips and jaw move outwards by millimetres, brows by less.
        let mouth = -0.002 * pose.smile + 0.006 * pose.shock - 0.001 * pose.anger;
        let brow = 0.002 * pose.shock - 0.002 * pose.anger;
        let head = 0.15 * pose.breath;
        let weak = (0.32 / range).powi(2);
        let face = [
            (0.000, 70.0, 0.0), // nose
            (0.012, 55.0, mouth),
            (0.018, 50.0, brow),
            (0.030, 60.0, 0.0), // cheeks
        ];
        patches.extend(face.iter().zip(0_u8..).map(|(&(depth, amplitude, shift), i)| Patch {
            range: range + depth + head + shift,
            amplitude: amplitude * weak,
            phase: [0.0, 0.3 * f64::from(i), -0.2 * f64::from(i)],
        }));
        patches.push(Patch {
            range: range + 0.12 + pose.breath,
            amplitude: 90.0 * weak,
            phase: [0.0, -0.8, 0.5],
        });
    }
    patches
}
