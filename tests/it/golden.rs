//! Golden cases: each row of the tables against what somebody else computed.

use std::fs;
use std::path::{Path, PathBuf};

use safetensors::tensor::TensorView;
use safetensors::{Dtype, serialize};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use visaged::data::{Reading, Samples};
use visaged::model::{Bundle, Kind};
use visaged::sensor::serial::{Instrument, Session};
use visaged::sensor::{self, event_serial, radar_serial};

use crate::player::{Transport, play};
use crate::scratch::Scratch;
use crate::support;

/// `case.toml` of a recording.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct RecordingCase {
    /// Under `../shared/data`.
    recording: Option<PathBuf>,
    /// Beside `case.toml`.
    own_recording: Option<PathBuf>,
    /// Of a live sensor, beside `case.toml`: what a board sends when it was greeted with `nonce`.
    own_board: Option<PathBuf>,
    nonce: Option<String>,
    /// Of a live sensor: how the recording reaches it, and its settings.
    play: Option<Transport>,
    settings: Option<toml::Table>,
    sha256: String,
    frames: Option<u64>,
    shape: Option<[usize; 3]>,
    events: Option<u64>,
    on: Option<u64>,
    first_us: Option<i64>,
    last_us: Option<i64>,
}

#[test]
fn every_sensor_reads_its_golden_recording_as_others_do() {
    for kind in sensor::SENSORS {
        let folder = Path::new("tests/golden").join(kind.name);
        let text = fs::read_to_string(folder.join("case.toml")).unwrap();
        let case: RecordingCase = toml::from_str(&text).unwrap();
        let path = match (&case.own_board, &case.own_recording, &case.recording) {
            (Some(own), _, _) | (None, Some(own), _) => Some(folder.join(own)),
            (None, None, Some(shared)) => support::shared(shared.to_str().unwrap()),
            (None, None, None) => panic!("{} names no recording", folder.display()),
        };
        let Some(path) = path else { continue };
        let seen = match case.play {
            Some(transport) => {
                see(play(kind, case.settings.as_ref().unwrap(), transport, &path).into_iter())
            }
            None if case.own_board.is_some() => listen(kind.name, &case, &fs::read(&path).unwrap()),
            None => read(kind.name, &path),
        };
        assert_eq!(seen.sha256, case.sha256, "{}", kind.name);
        assert_eq!(case.frames.unwrap_or(0), seen.frames, "{}", kind.name);
        assert_eq!(case.events.unwrap_or(0), seen.events, "{}", kind.name);
        assert_eq!(case.on.unwrap_or(0), seen.on, "{}", kind.name);
        assert!(case.shape.is_none_or(|shape| shape == seen.shape), "{:?}", seen.shape);
        assert!(case.first_us.is_none_or(|first| first == seen.first), "{}", seen.first);
        assert!(case.last_us.is_none_or(|last| last == seen.last), "{}", seen.last);
        assert!(seen.frames + seen.events > 0, "{} is vacuous", kind.name);
    }
}

#[derive(Debug, Default)]
struct Seen {
    frames: u64,
    shape: [usize; 3],
    events: u64,
    on: u64,
    first: i64,
    last: i64,
    sha256: String,
}

/// A recording, read to its end.
fn read(kind: &str, path: &Path) -> Seen {
    assert_eq!(sensor::detect(path).unwrap().name, kind, "{}", path.display());
    let mut sensor = sensor::open(path).unwrap();
    see(core::iter::from_fn(|| sensor.read().unwrap()))
}

/// What a board said, taken by a session of the live sensor `kind`.
fn listen(kind: &str, case: &RecordingCase, said: &[u8]) -> Seen {
    let settings = case.settings.clone().unwrap();
    match kind {
        "radar-serial" => {
            let config: radar_serial::Config = settings.try_into().unwrap();
            converse(Session::new(radar_serial::Frames::new(config.radar), None), case, said)
        }
        "event-serial" => {
            let config: event_serial::Config = settings.try_into().unwrap();
            converse(Session::new(event_serial::Blocks::new(config.camera), None), case, said)
        }
        _ => panic!("{kind} is no board"),
    }
}

fn converse<I: Instrument>(mut session: Session<I>, case: &RecordingCase, said: &[u8]) -> Seen {
    let nonce = u128::from_str_radix(case.nonce.as_ref().unwrap(), 16).unwrap();
    session.greet(nonce.to_be_bytes());
    let mut rest = said;
    let seen = see(core::iter::from_fn(|| session.receive(&mut rest).unwrap()));
    assert!(session.counts().is_empty(), "{:?}", session.counts());
    seen
}

fn see(readings: impl Iterator<Item = Reading>) -> Seen {
    let mut seen = Seen::default();
    let mut digest = Sha256::new();
    for reading in readings {
        match reading {
            Reading::Radar(frame) => {
                seen.frames += 1;
                seen.shape = frame.samples.dim().into();
                let bytes: Vec<u8> = match &frame.samples {
                    Samples::Real(real) => real.iter().flat_map(|s| s.to_le_bytes()).collect(),
                    Samples::Complex(complex) => {
                        complex.iter().flatten().flat_map(|s| s.to_le_bytes()).collect()
                    }
                };
                digest.update(bytes);
            }
            Reading::Events(batch) => {
                for event in &batch.events {
                    if seen.events == 0 {
                        seen.first = event.t;
                    }
                    seen.events += 1;
                    seen.on += u64::from(event.on);
                    seen.last = event.t;
                    digest.update(event.t.to_le_bytes());
                    digest.update(event.x.to_le_bytes());
                    digest.update(event.y.to_le_bytes());
                    digest.update([u8::from(event.on)]);
                }
            }
            Reading::Notice(notice) => panic!("{notice:?} from a recording"),
        }
    }
    seen.sha256 = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    seen
}

/// `case.toml` of a network.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NetworkCase {
    preset: String,
    logits: Vec<f64>,
}

/// The generator of `make.py`: Knuth's MMIX numbers, top 24 bits, -0.5..0.5.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> f32 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let top = u32::try_from(self.0 >> 40).unwrap();
        #[expect(clippy::cast_precision_loss, reason = "24 bits fit an f32")]
        let number = top as f32 / 16_777_216.0;
        number - 0.5
    }
}

#[test]
fn the_gate_computes_what_pytorch_computes_from_the_same_numbers() {
    let text = fs::read_to_string("tests/golden/fooder_gate/case.toml").unwrap();
    let case: NetworkCase = toml::from_str(&text).unwrap();
    let kind = Kind::named("fooder_gate").unwrap();
    let mut numbers = Numbers(2512);
    let weights: Vec<_> = kind
        .weights(&case.preset)
        .unwrap()
        .into_iter()
        .map(|(name, shape)| {
            let count: usize = shape.iter().product();
            let bytes: Vec<u8> = (0..count)
                .flat_map(|_| {
                    let x = numbers.next();
                    let x = if name.ends_with("running_var") { x.abs() + 0.5 } else { x };
                    x.to_le_bytes()
                })
                .collect();
            (name, shape, bytes)
        })
        .collect();
    let views = weights.iter().map(|(name, shape, bytes)| {
        (name, TensorView::new(Dtype::F32, shape.clone(), bytes).unwrap())
    });
    let file = serialize(views, None).unwrap();
    let folder = Scratch::new("golden-gate");
    folder.put("gate.safetensors", &file);
    let sha256: String = Sha256::digest(&file).iter().map(|byte| format!("{byte:02x}")).collect();
    folder.put(
        "manifest.toml",
        format!(
            "schema = 1\ntool-version = \"0\"\n[[network]]\nname = \"fooder_gate\"\n\
             preset = \"{}\"\nfile = \"gate.safetensors\"\nsha256 = \"{sha256}\"\n\
             classes = [\"dynamic\", \"static\"]\ntrained-on = \"nothing: golden numbers\"\n",
            case.preset
        ),
    );

    let mut bundle = Bundle::load(folder.path()).unwrap();
    let gate = bundle.role("fooder_gate").unwrap();
    let maps = ndarray::ArrayD::from_shape_simple_fn(vec![2, 64, 64], || numbers.next() + 0.5);
    let mut scores = [0.0; 2];
    gate.model.run(&maps, &mut scores).unwrap();
    // Single precision against double: sums of up to 576 products in three layers lose about
    // sqrt(576) x 6e-8 = 1.4e-6 of the layer's scale each; 1e-4 of the largest logit is ample for
    // that and would not hide a swapped axis or a wrong epsilon.
    let scale = case.logits.iter().fold(0.0_f64, |scale, logit| scale.max(logit.abs()));
    for (score, logit) in scores.iter().zip(&case.logits) {
        let error = (f64::from(*score) - logit).abs() / scale;
        assert!(error < 1e-4, "{scores:?} against {:?}", case.logits);
    }
}
