//! The shipped scene in memory, and the recordings that cases make of it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use visaged::data::{ChirpConfig, Event, Geometry, RadarFrame, Reading, Samples, View};
use visaged::sensor::{self, infineon};

use super::formats;
use crate::scene::noise::Noise;

/// Everything in the shipped scene.
pub(super) struct Scene {
    pub(super) folder: PathBuf,
    pub(super) chirp: ChirpConfig,
    pub(super) frames: Vec<RadarFrame>,
    pub(super) geometry: Geometry,
    pub(super) events: Vec<Event>,
    pub(super) root: PathBuf,
}

impl Scene {
    pub(super) fn load(root: &Path) -> Result<Self> {
        let folder = root.join("configs/scenes/demo");
        let mut radar = sensor::open(&folder.join("radar"))?;
        let mut camera = sensor::open(&folder.join("event.raw"))?;
        let (View::Radar(chirp), View::Event(geometry)) =
            (radar.description().view.clone(), camera.description().view.clone())
        else {
            bail!("the scene is not a radar and a camera");
        };
        let (mut frames, mut events) = (Vec::new(), Vec::new());
        while let Some(Reading::Radar(frame)) = radar.read()? {
            frames.push(frame);
        }
        while let Some(Reading::Events(batch)) = camera.read()? {
            events.extend(batch.events);
        }
        Ok(Self { folder, chirp, frames, geometry, events, root: root.to_owned() })
    }

    pub(super) fn radar(&self) -> PathBuf {
        self.folder.join("radar")
    }

    pub(super) fn camera(&self) -> PathBuf {
        self.folder.join("event.raw")
    }

    /// The events as a file of one of the formats.
    pub(super) fn camera_as(&self, format: Format, folder: &Path) -> Result<PathBuf> {
        write(folder, "events", &self.bytes_as(format, &self.events))
    }

    pub(super) fn bytes_as(&self, format: Format, events: &[Event]) -> Vec<u8> {
        match format {
            Format::Evt2 => formats::evt2(self.geometry, events),
            Format::Evt21Little => formats::evt21(self.geometry, events, true),
            Format::Evt21Legacy => formats::evt21(self.geometry, events, false),
            Format::Dat => formats::dat(self.geometry, events),
            Format::Aedat4 => formats::aedat4(self.geometry, events),
        }
    }

    /// The frames after `change`, as a device folder.
    pub(super) fn radar_with(
        &self,
        folder: &Path,
        mut change: impl FnMut(usize, &mut ndarray::Array3<i16>) -> bool,
    ) -> Result<PathBuf> {
        let path = folder.join("radar");
        let mut writer = infineon::write::Writer::create(&path, &self.chirp, "golden")?;
        for (number, frame) in self.frames.iter().enumerate() {
            let Samples::Real(samples) = &frame.samples else { bail!("complex samples") };
            let mut samples = samples.clone();
            if change(number, &mut samples) {
                writer.push(&samples)?;
            }
        }
        writer.finish()?;
        Ok(path)
    }
}

/// A format of events.
#[derive(Debug, Clone, Copy)]
pub(super) enum Format {
    Evt2,
    Evt21Little,
    Evt21Legacy,
    Dat,
    Aedat4,
}

/// Writes a file.
pub(super) fn write(folder: &Path, name: &str, bytes: &[u8]) -> Result<PathBuf> {
    let path = folder.join(name);
    fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

/// Flips one bit in about one byte of `every`, behind the first `spare` bytes.
pub(super) fn flip(bytes: &mut [u8], spare: usize, every: f64, seed: u64) {
    let mut noise = Noise::seeded(seed);
    for byte in bytes.iter_mut().skip(spare) {
        if noise.uniform() * every < 1.0 {
            *byte ^= 1 << (noise.below(8));
        }
    }
}
