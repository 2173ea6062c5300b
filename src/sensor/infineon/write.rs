//! Writes a device folder that this reader and the Radar Fusion GUI's tools can open.

use std::fs::{self, File};
use std::io::{self, BufWriter, Seek, Write};
use std::path::{Path, PathBuf};

use ndarray::Array3;

use super::{decode, layout, npy};
use crate::data::ChirpConfig;

/// Why a folder could not be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The operating system refused.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// File or folder.
        path: PathBuf,
        /// Its reason.
        source: io::Error,
    },
    /// A frame has another shape than the recording.
    #[error(
        "frame of {got:?} [rx, chirp, sample], the recording has {planned:?}; \
         write frames of another shape to another folder"
    )]
    Shape {
        /// Of the frame.
        got: (usize, usize, usize),
        /// Of the recording.
        planned: (usize, usize, usize),
    },
    /// A sample does not fit the ADC.
    #[error("sample {got} lies outside 0 to {largest}; scale the samples to the ADC range")]
    Range {
        /// The first such sample.
        got: i16,
        /// Largest the ADC gives.
        largest: i16,
    },
}

/// A device folder being written, frame by frame.
///
/// The header is blank until [`finish`](Self::finish), as in the GUI: a recording whose writer died
/// is read by its file size.
#[derive(Debug)]
pub struct Writer {
    path: PathBuf,
    file: BufWriter<File>,
    dim: (usize, usize, usize),
    largest: i16,
    frames: u64,
}

impl Writer {
    /// Creates `folder` with its settings files and an empty `radar.npy`; replaces what is there.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn create(folder: &Path, chirps: &ChirpConfig, device: &str) -> Result<Self, WriteError> {
        fs::create_dir_all(folder).map_err(at(folder))?;
        let put = |name: &str, text: String| {
            let path = folder.join(name);
            fs::write(&path, text).map_err(at(&path))
        };
        put(layout::CONFIG, config_json(chirps))?;
        put(layout::META, meta_json(chirps, device))?;
        put(layout::VERSION, "1.0.0\n".to_owned())?;

        let path = folder.join(layout::SAMPLES);
        let mut file = BufWriter::new(File::create(&path).map_err(at(&path))?);
        file.write_all(&[0; npy::GUI_SIZE]).map_err(at(&path))?;
        let dim = (chirps.rx_antennas.len(), chirps.chirps, chirps.samples);
        let largest = decode::largest_sample(chirps.adc_bits);
        Ok(Self { path, file, dim, largest, frames: 0 })
    }

    /// Appends one frame.
    ///
    /// Shapes: `samples[rx, chirp, sample]`.
    ///
    /// # Errors
    /// When the shape differs, a sample does not fit the ADC, or the disk refuses. Nothing of a
    /// refused frame is written.
    pub fn push(&mut self, samples: &Array3<i16>) -> Result<(), WriteError> {
        if samples.dim() != self.dim {
            return Err(WriteError::Shape { got: samples.dim(), planned: self.dim });
        }
        let largest = self.largest;
        if let Some(&got) = samples.iter().find(|&sample| !(0..=largest).contains(sample)) {
            return Err(WriteError::Range { got, largest });
        }
        for sample in samples {
            self.file.write_all(&sample.to_le_bytes()).map_err(at(&self.path))?;
        }
        self.frames += 1;
        Ok(())
    }

    /// Fills the header in and says how many frames were written.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn finish(mut self) -> Result<u64, WriteError> {
        let (rx, chirps, samples) = self.dim;
        let header = npy::gui_header([self.frames, rx as u64, chirps as u64, samples as u64]);
        self.file.rewind().map_err(at(&self.path))?;
        self.file.write_all(&header).map_err(at(&self.path))?;
        self.file.flush().map_err(at(&self.path))?;
        Ok(self.frames)
    }
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> WriteError {
    let path = path.to_owned();
    move |source| WriteError::Io { path, source }
}

/// `config.json` with the keys that the reader needs; gains and filters are not ours to state.
fn config_json(chirps: &ChirpConfig) -> String {
    let shape = serde_json::json!({
        "rx_antennas": chirps.rx_antennas,
        "tx_antennas": [1],
        "start_frequency_Hz": chirps.start,
        "end_frequency_Hz": chirps.end,
        "sample_rate_Hz": chirps.sample_rate,
        "num_chirps_per_frame": chirps.chirps,
        "num_samples_per_chirp": chirps.samples,
        "chirp_repetition_time_s": chirps.chirp_period,
        "frame_repetition_time_s": chirps.frame_period,
        "mimo_mode": "off",
    });
    format!("{:#}\n", serde_json::json!({ "device_config": { "fmcw_single_shape": shape } }))
}

fn meta_json(chirps: &ChirpConfig, device: &str) -> String {
    let meta = serde_json::json!({ "adc_resolution": chirps.adc_bits, "description": device });
    format!("{meta:#}\n")
}
