//! Random weights and bundles in temporary folders, for tests.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use ndarray::ArrayD;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, serialize};

use super::{Digest, Kind};

/// Numerical Recipes' generator: the same numbers on every machine, whatever candle's does.
pub(super) struct Lcg(pub(super) u32);

impl Lcg {
    /// Uniform in -1..1.
    pub(super) fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let high = u16::try_from(self.0 >> 16).unwrap();
        f32::from(high) / 32_768.0 - 1.0
    }
}

pub(super) type Weights = BTreeMap<String, ArrayD<f32>>;

/// Weights that keep activations near one: Kaiming for kernels, statistics near 0 and 1.
pub(super) fn random_weights(kind: &Kind, preset: &str, seed: u32) -> Weights {
    let mut lcg = Lcg(seed);
    let mut weights = Weights::new();
    for (name, shape) in kind.weights(preset).unwrap() {
        let fan_in: usize = shape[1..].iter().product();
        let (centre, spread) = match shape.len() {
            1 if name.ends_with("running_var") || name.ends_with("bn.weight") => (1.0, 0.5),
            1 => (0.0, 0.2),
            _ => (0.0, (6.0 / f32::from(u16::try_from(fan_in).unwrap())).sqrt()),
        };
        let array = ArrayD::from_shape_simple_fn(shape, || centre + spread * lcg.next());
        weights.insert(name, array);
    }
    weights
}

/// A safetensors file of `weights`.
pub(super) fn to_file(weights: &Weights) -> Vec<u8> {
    let bytes = |array: &ArrayD<f32>| array.iter().flat_map(|v| v.to_le_bytes()).collect();
    let all: Vec<(&String, &[usize], Vec<u8>)> =
        weights.iter().map(|(name, array)| (name, array.shape(), bytes(array))).collect();
    let views = all.iter().map(|(name, shape, bytes)| {
        (name, TensorView::new(Dtype::F32, shape.to_vec(), bytes).unwrap())
    });
    serialize(views, None).unwrap()
}

/// A bundle folder that goes when dropped.
pub(super) struct TestBundle(PathBuf);

impl TestBundle {
    /// One network of `kind` with these weights; `name` tells tests of one process apart.
    pub(super) fn new(name: &str, kind: &Kind, preset: &str, weights: &[u8]) -> Self {
        let folder = std::env::temp_dir().join(format!("visaged-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let bundle = Self(folder);
        bundle.write("net.safetensors", weights);
        bundle.write("manifest.toml", manifest(kind.name, preset, weights).as_bytes());
        bundle
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    pub(super) fn write(&self, file: &str, bytes: &[u8]) {
        fs::write(self.0.join(file), bytes).unwrap();
    }
}

impl Drop for TestBundle {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

/// The manifest of [`TestBundle::new`].
pub(super) fn manifest(network: &str, preset: &str, weights: &[u8]) -> String {
    let sha256 = Digest::of(weights);
    let classes = match network {
        "fooder_gate" => vec!["dynamic", "static"],
        "fooder_expert" => vec!["smile", "shock"],
        "cs3d" => vec!["smile", "shock", "neutral", "anger"],
        _ => vec!["a", "b", "c", "d", "e", "f"],
    };
    format!(
        r#"schema = 1
tool-version = "0.1.0"

[radar]
rx = 3
chirps = 64
samples = 128
center-ghz = 60.6
bandwidth-mhz = 1000
chirp-period-us = 391.55
frame-period-ms = 50

[event]
window-ms = 320
background-activity-us = 5000

[[network]]
name = "{network}"
role = "gate"
preset = "{preset}"
file = "net.safetensors"
sha256 = "{sha256}"
classes = {classes:?}
threshold = 0.5
temperature = 1.25
trained-on = "nothing: random numbers"
"#
    )
}
