//! Golden cases: each row of the tables against what somebody else computed.

use std::fs;
use std::path::{Path, PathBuf};

use safetensors::tensor::TensorView;
use safetensors::{Dtype, serialize};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use visaged::data::{Reading, Samples};
use visaged::model::{Bundle, Kind, MODELS};
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

/// `case.toml` of a network; what it says of training is for `src/model/golden.rs`.
#[derive(Debug, Deserialize)]
struct NetworkCase {
    scores: Vec<Scores>,
}

/// What PyTorch computes from the same numbers.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Scores {
    preset: String,
    expected: Vec<f64>,
    /// How far PyTorch's 32-bit result is from its 64-bit one, in units of the largest score.
    rounding: f64,
}

/// The generator of `networks.py`: Knuth's MMIX numbers, top 24 bits, -0.5..0.5.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> f64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        f64::from(u32::try_from(self.0 >> 40).unwrap()) / 16_777_216.0 - 0.5
    }

    fn weight(&mut self, name: &str, shape: &[usize]) -> f64 {
        let x = self.next();
        if shape.len() > 1 {
            let inputs = u32::try_from(shape[1..].iter().product::<usize>()).unwrap();
            x * (24.0 / f64::from(inputs)).sqrt()
        } else if name.ends_with("running_var") {
            x + 1.0
        } else if name.ends_with(".weight") {
            0.5 * x + 1.0
        } else if name.ends_with("decay_logit") {
            x - 0.4
        } else {
            0.4 * x
        }
    }

    /// An element of a radar map, or of a clip of events: 0 to 5 fifths, mostly 0.
    fn element(&mut self, network: &str) -> f64 {
        let x = self.next() + 0.5;
        if network == "cs3d" { (60.0 * x - 54.0).floor().clamp(0.0, 5.0) / 5.0 } else { x }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "rounding to 32 bits is what is meant")]
fn rounded(x: f64) -> f32 {
    x as f32
}

#[test]
fn every_network_computes_what_pytorch_computes_from_the_same_numbers() {
    for kind in MODELS {
        let text = fs::read_to_string(format!("tests/golden/{}/case.toml", kind.name)).unwrap();
        let case: NetworkCase = toml::from_str(&text).unwrap();
        assert!(case.scores.len() >= 2, "{} is vacuous", kind.name);
        for scores in &case.scores {
            compare_scores(kind, scores);
        }
    }
}

fn compare_scores(kind: &Kind, case: &Scores) {
    let mut numbers = Numbers(2512);
    let file = weights_file(kind, &case.preset, &mut numbers);
    let folder = Scratch::new(&format!("golden-{}-{}", kind.name, case.preset));
    folder.put("weights.safetensors", &file);
    let sha256: String = Sha256::digest(&file).iter().map(|byte| format!("{byte:02x}")).collect();
    folder.put(
        "manifest.toml",
        format!(
            "schema = 1\ntool-version = \"0\"\n[[network]]\nname = \"{}\"\n\
             preset = \"{}\"\nfile = \"weights.safetensors\"\nsha256 = \"{sha256}\"\n\
             classes = {:?}\ntrained-on = \"nothing: golden numbers\"\n",
            kind.name,
            case.preset,
            vec!["x"; case.expected.len()],
        ),
    );
    let mut bundle = Bundle::load(folder.path()).unwrap();
    let model = &mut bundle.role(kind.name).unwrap().model;
    let input = ndarray::ArrayD::from_shape_simple_fn(model.input_shape(), || {
        rounded(numbers.element(kind.name))
    });
    let mut scores = vec![f32::NAN; case.expected.len()];
    model.run(&input, &mut scores).unwrap();
    // Sums run in another order than PyTorch's: ten times its own rounding, which would not hide a
    // swapped axis or a wrong epsilon.
    let scale = case.expected.iter().fold(0.0_f64, |scale, score| scale.max(score.abs()));
    for (score, expected) in scores.iter().zip(&case.expected) {
        let error = (f64::from(*score) - expected).abs() / scale;
        let tolerance = 10.0 * case.rounding.max(2e-7);
        assert!(error < tolerance, "{} {}: {scores:?} against {case:?}", kind.name, case.preset);
    }
}

/// All weights of a preset, ordered by name, as a safetensors file.
fn weights_file(kind: &Kind, preset: &str, numbers: &mut Numbers) -> Vec<u8> {
    let weights: Vec<_> = kind
        .weights(preset)
        .unwrap()
        .into_iter()
        .map(|(name, shape)| {
            let count: usize = shape.iter().product();
            let bytes: Vec<u8> = (0..count)
                .flat_map(|_| rounded(numbers.weight(&name, &shape)).to_le_bytes())
                .collect();
            (name, shape, bytes)
        })
        .collect();
    let views = weights.iter().map(|(name, shape, bytes)| {
        (name, TensorView::new(Dtype::F32, shape.clone(), bytes).unwrap())
    });
    serialize(views, None).unwrap()
}
