//! Bundles of random networks, whole and valid, for tests to write and to spoil.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use safetensors::tensor::TensorView;
use safetensors::{Dtype, serialize};
use sha2::{Digest as _, Sha256};
use visaged::model::{Bundle, Kind};

use crate::scratch::Scratch;

/// Numerical Recipes' generator.
struct Lcg(u32);

impl Lcg {
    /// Uniform in -1..1.
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f32::from(u16::try_from(self.0 >> 16).unwrap()) / 32_768.0 - 1.0
    }
}

/// One network of a bundle to be.
pub struct Net {
    pub role: &'static str,
    pub name: &'static str,
    pub classes: Vec<&'static str>,
    /// More lines of its table.
    pub more: String,
    /// Shape and values by name.
    pub weights: BTreeMap<String, (Vec<usize>, Vec<f32>)>,
}

impl Net {
    /// Weights of the `tiny` preset that keep activations near one.
    pub fn random(
        role: &'static str,
        name: &'static str,
        classes: &[&'static str],
        seed: u32,
    ) -> Self {
        let mut lcg = Lcg(seed);
        let mut weights = BTreeMap::new();
        for (weight, shape) in Kind::named(name).unwrap().weights("tiny").unwrap() {
            let inputs = u16::try_from(shape[1..].iter().product::<usize>()).unwrap();
            let (centre, spread) = match shape.len() {
                1 if weight.ends_with("running_var") || weight.ends_with("bn.weight") => (1.0, 0.5),
                1 => (0.0, 0.2),
                _ => (0.0, (6.0 / f32::from(inputs)).sqrt()),
            };
            let count = shape.iter().product();
            let values = (0..count).map(|_| centre + spread * lcg.next()).collect();
            weights.insert(weight, (shape, values));
        }
        Self { role, name, classes: classes.to_vec(), more: String::new(), weights }
    }

    /// The same, but that the last layer adds `bias` to the logits.
    pub fn leaning(mut self, bias: &[f32]) -> Self {
        self.weights.get_mut("head.bias").unwrap().1.copy_from_slice(bias);
        self
    }

    fn file(&self) -> Vec<u8> {
        let bytes = |values: &[f32]| values.iter().flat_map(|x| x.to_le_bytes()).collect();
        let all: Vec<(&String, &Vec<usize>, Vec<u8>)> = self
            .weights
            .iter()
            .map(|(name, (shape, values))| (name, shape, bytes(values)))
            .collect();
        let views = all.iter().map(|(name, shape, bytes)| {
            (name, TensorView::new(Dtype::F32, (*shape).clone(), bytes).unwrap())
        });
        serialize(views, None).unwrap()
    }
}

pub fn auth() -> Net {
    let terms = visaged::model::fooder_auth::TERMS;
    let mut net = Net::random("auth", "fooder_auth", &terms, 1);
    net.more = "[network.calibration]\nvariant = \"leaves\"\nmeans = [0, 0, 0, 0, 0, 0]\n\
                deviations = [1, 1, 1, 1, 1, 1]\n"
        .to_owned();
    net
}

/// A gate that finds every face dynamic.
pub fn gate() -> Net {
    Net::random("gate", "fooder_gate", &["dynamic", "static"], 2).leaning(&[50.0, -50.0])
}

/// An expert that finds every moving face shocked.
pub fn dynamic() -> Net {
    Net::random("expert-dynamic", "fooder_expert", &["smile", "shock"], 3).leaning(&[-50.0, 50.0])
}

pub fn still() -> Net {
    Net::random("expert-static", "fooder_expert", &["neutral", "anger"], 4)
}

/// An event network that finds every face angry, with its classes in an order of its own.
pub fn event() -> Net {
    let classes = ["anger", "neutral", "shock", "smile"];
    Net::random("event", "cs3d", &classes, 5).leaning(&[50.0, 0.0, 0.0, 0.0])
}

/// A table `[identity]` of two normal distributions.
pub fn identity(enrolled: f64, reference: f64, deviation: f64) -> String {
    format!(
        "[identity]\nenrolled = {{ mean = {enrolled:?}, deviation = {deviation:?} }}\n\
         reference = {{ mean = {reference:?}, deviation = {deviation:?} }}\n"
    )
}

/// A table `[expression]`.
pub const EXPRESSION: &str = "[expression]\ngate-temperature = 1.0\nradar-reliability = 0.9\n\
    event-reliability = 0.9\nhalf-rate-ev-s = 10.0\nleast-confidence = 0.6\n";

/// Writes a bundle of `nets`, with `tables` in its manifest, into `folder`.
pub fn write(folder: &Scratch, tables: &str, nets: &[Net]) {
    let mut manifest = format!("schema = 1\ntool-version = \"0\"\n{tables}");
    for (number, net) in nets.iter().enumerate() {
        let (weights, file) = (net.file(), format!("bundle/{number}.safetensors"));
        let sha256: String =
            Sha256::digest(&weights).iter().map(|byte| format!("{byte:02x}")).collect();
        folder.put(&file, weights);
        let Net { role, name, classes, more, .. } = net;
        write!(
            manifest,
            "\n[[network]]\nname = {name:?}\nrole = {role:?}\npreset = \"tiny\"\n\
             file = \"{number}.safetensors\"\nsha256 = \"{sha256}\"\nclasses = {classes:?}\n\
             trained-on = \"nothing: random numbers\"\n{more}"
        )
        .unwrap();
    }
    folder.put("bundle/manifest.toml", manifest);
}

/// The bundle of `nets` with `tables` in its manifest, by way of a folder called `name`.
pub fn load(name: &str, tables: &str, nets: &[Net]) -> Bundle {
    let folder = Scratch::new(name);
    write(&folder, tables, nets);
    Bundle::load(&folder.path().join("bundle")).unwrap()
}
