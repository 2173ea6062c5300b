//! Bundles that are whole, and every way in which they are not.

use ndarray::ArrayD;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, serialize};

use super::*;
use crate::data::ChirpConfig;
use crate::model::error::Fault;
use crate::model::testing::{TestBundle, Weights, manifest, random_weights, to_file};
use crate::units::Hertz;

fn gate() -> &'static Kind {
    Kind::named("fooder_gate").unwrap()
}

fn tiny() -> Weights {
    random_weights(gate(), "tiny", 7)
}

fn scores(bundle: &mut Bundle) -> [u32; 2] {
    let model = &mut bundle.role("gate").unwrap().model;
    let mut scores = [f32::NAN; 2];
    model.run(&ArrayD::from_elem(vec![2, 64, 64], 0.5), &mut scores).unwrap();
    scores.map(f32::to_bits)
}

/// What `Bundle::load` says to a bundle whose manifest went through `edit`.
fn refusal(name: &str, edit: impl Fn(String) -> String) -> String {
    let file = to_file(&tiny());
    let folder = TestBundle::new(name, gate(), "tiny", &file);
    folder.write("manifest.toml", edit(manifest("fooder_gate", "tiny", &file)).as_bytes());
    Bundle::load(folder.path()).err().expect("the bundle must be refused").to_string()
}

/// What `Bundle::load` says to a bundle with these weights and a manifest that fits them.
fn fate(name: &str, file: &[u8]) -> Result<[u32; 2], Error> {
    let folder = TestBundle::new(name, gate(), "tiny", file);
    Bundle::load(folder.path()).map(|mut bundle| scores(&mut bundle))
}

#[test]
fn a_whole_bundle_loads_with_everything_its_manifest_says() {
    let file = to_file(&tiny());
    let folder = TestBundle::new("whole", gate(), "tiny", &file);
    let mut bundle = Bundle::load(folder.path()).unwrap();
    assert_eq!(bundle.tool_version, "0.1.0");
    assert_eq!(
        bundle.event,
        Some(EventRequirement {
            window_ms: 320,
            background_activity_us: 5000,
            face: toml::Table::new(),
        })
    );
    assert_eq!(bundle.digest, Digest::of(manifest("fooder_gate", "tiny", &file).as_bytes()));
    let loaded = bundle.role("gate").unwrap();
    assert_eq!((loaded.kind.name, loaded.preset.as_str()), ("fooder_gate", "tiny"));
    assert_eq!(loaded.classes, ["dynamic", "static"]);
    assert_eq!((loaded.threshold, loaded.temperature), (Some(0.5), Some(1.25)));
    assert_eq!(loaded.trained_on, "nothing: random numbers");
    assert_eq!(loaded.sha256, Digest::of(&file));
    assert!(bundle.role("expert").is_none());
    scores(&mut bundle);
}

#[test]
fn a_mistake_in_the_manifest_is_named_with_its_file_line_and_key() {
    let cases: [(&str, &str, &[&str]); 12] = [
        ("schema = 1", "schema = 2", &["line 1", "schema 1, not 2"]),
        ("window-ms", "window", &["line 14", "window", "window-ms"]),
        (
            "\"fooder_gate\"",
            "\"fooder\"",
            &["line 18", "`fooder`", "known are fooder_auth, fooder_gate"],
        ),
        ("\"tiny\"", "\"huge\"", &["line 20", "preset", "default, tiny", "`huge`"]),
        ("\"net.", "\"../net.", &["line 21", "without `..`"]),
        ("\"net.", "\"/net.", &["line 21", "without `..`"]),
        ("sha256 = \"", "sha256 = \"Z", &["line 22", "64 hexadecimal digits"]),
        ("\"static\"]", "\"static\", \"x\"]", &["line 23", "classes", "3 names", "2 scores"]),
        ("threshold = 0.5", "threshold = nan", &["line 24", "finite"]),
        ("temperature = 1.25", "temperature = 0.0", &["line 25", "above zero"]),
        ("\"nothing: random numbers\"", "\" \"", &["line 26", "must not be empty"]),
        ("trained-on", "#", &["line 17", "missing field `trained-on`"]),
    ];
    for (number, (from, to, words)) in cases.iter().enumerate() {
        let message = refusal(&format!("mistake-{number}"), |text| text.replacen(from, to, 1));
        for word in [&["manifest.toml"], *words].concat() {
            assert!(message.contains(word), "{word} is not in: {message}");
        }
    }
}

/// The errors of an enrolled person's face, as `lab calibrate` would write them.
const CALIBRATION: &str = "\n[network.calibration]\nvariant = \"leaves\"\n\
    means = [1, 2, 3, 4, 5, 6]\ndeviations = [1, 1, 2, 1, 1, 1]\n";

#[test]
fn a_calibration_is_handed_on_with_the_authentication() {
    let kind = Kind::named("fooder_auth").unwrap();
    let file = to_file(&random_weights(kind, "tiny", 3));
    let folder = TestBundle::new("calibration", kind, "tiny", &file);
    let text = manifest("fooder_auth", "tiny", &file);
    let load = |text: String| {
        folder.write("manifest.toml", text.as_bytes());
        Bundle::load(folder.path())
    };
    assert_eq!(load(text.clone()).unwrap().networks[0].calibration, None);
    let bundle = load(text.clone() + CALIBRATION).unwrap();
    let calibration = bundle.networks[0].calibration.as_ref().unwrap();
    let score = calibration.score(&[9.0, 2.0, 7.0, 9.0, 5.0, 6.0]);
    assert!((score - 2.0).abs() < 1e-12, "{score}");
    for wrong in ["[1, 1, 0, 1, 1, 1]", "[1, 1, -2, 1, 1, 1]", "[1, 1, nan, 1, 1, 1]"] {
        let wrong = CALIBRATION.replace("[1, 1, 2, 1, 1, 1]", wrong);
        let error = load(text.clone() + &wrong).err().unwrap().to_string();
        assert!(error.contains("deviations must be finite and above zero"), "{error}");
    }
}

#[test]
fn a_calibration_of_a_network_that_has_no_use_for_it_is_refused() {
    let message = refusal("calibration-gate", |text| text + CALIBRATION);
    for word in ["calibration", "fooder_auth", "fooder_gate"] {
        assert!(message.contains(word), "{message}");
    }
}

#[test]
fn two_networks_of_one_role_are_refused() {
    let message = refusal("roles", |text| {
        let row = text[text.find("[[network]]").unwrap()..].to_owned();
        text + &row
    });
    assert!(message.contains("line 29: role: a network before this one is `gate`"), "{message}");
}

#[test]
fn weights_that_are_missing_extra_or_misshapen_are_listed_together() {
    let mut weights = tiny();
    weights.remove("head.bias");
    weights.insert("head.scale".into(), ArrayD::zeros(vec![3]));
    weights.insert("head.weight".into(), ArrayD::zeros(vec![4, 2]));
    weights.insert("stem.bn.bias".into(), ArrayD::from_elem(vec![2], f32::NAN));
    let error = fate("faults", &to_file(&weights)).unwrap_err();
    let Error::Weights { faults, .. } = &error else { panic!("{error}") };
    let name = String::from;
    assert_eq!(
        *faults,
        [
            Fault::NotFinite { name: name("stem.bn.bias") },
            Fault::Missing { name: name("head.bias"), shape: vec![2] },
            Fault::Shape { name: name("head.weight"), got: vec![4, 2], expected: vec![2, 256] },
            Fault::Extra { name: name("head.scale"), shape: vec![3] },
        ]
    );
    assert_eq!(error.to_string().lines().count(), 5);
}

#[test]
fn weights_of_another_preset_are_refused() {
    let file = to_file(&random_weights(gate(), "default", 1));
    assert!(matches!(fate("preset", &file), Err(Error::Weights { .. })));
}

#[test]
fn brain_floats_are_refused_and_not_converted() {
    let weights = tiny();
    let full = |x: &ArrayD<f32>| x.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>();
    let all: Vec<(&String, Dtype, &[usize], Vec<u8>)> = weights
        .iter()
        .map(|(name, x)| match &**name {
            "head.bias" => (name, Dtype::BF16, x.shape(), vec![0; 2 * x.len()]),
            _ => (name, Dtype::F32, x.shape(), full(x)),
        })
        .collect();
    let views = all.iter().map(|(name, dtype, shape, bytes)| {
        (name, TensorView::new(*dtype, shape.to_vec(), bytes).unwrap())
    });
    let error = fate("brain", &serialize(views, None).unwrap()).unwrap_err().to_string();
    assert!(error.contains("head.bias is of type BF16, neither F32 nor F16"), "{error}");
}

/// The nearest 16-bit float towards zero of each weight, and the file that holds them in 16 bits.
fn halved(weights: &Weights) -> (Weights, Vec<u8>) {
    let least = 2.0_f32.powi(-14);
    let cut = |x: &f32| if x.abs() < least { 0.0 } else { f32::from_bits(x.to_bits() & !0x1fff) };
    let short: Weights = weights.iter().map(|(name, x)| (name.clone(), x.map(cut))).collect();
    let half = |x: &f32| -> u16 {
        let bits = x.to_bits();
        let (sign, magnitude) = (bits >> 16 & 0x8000, bits & 0x7fff_ffff);
        let bits = if magnitude == 0 { sign } else { sign | ((magnitude >> 13) - (112 << 10)) };
        u16::try_from(bits).unwrap()
    };
    let all: Vec<(&String, &[usize], Vec<u8>)> = short
        .iter()
        .map(|(name, x)| (name, x.shape(), x.iter().flat_map(|x| half(x).to_le_bytes()).collect()))
        .collect();
    let views = all.iter().map(|(name, shape, bytes)| {
        (name, TensorView::new(Dtype::F16, shape.to_vec(), bytes).unwrap())
    });
    let file = serialize(views, None).unwrap();
    (short, file)
}

#[test]
fn half_precision_weights_give_the_scores_of_the_same_numbers_in_full() {
    let (short, halves) = halved(&tiny());
    let full = to_file(&short);
    assert!(halves.len() < full.len() && short != tiny());
    assert_eq!(fate("halves", &halves).unwrap(), fate("full", &full).unwrap());
}

const WORTH: &str = "\n[identity]\nenrolled = { mean = 0.5, deviation = 1.0 }\n\
    reference = { mean = 3, deviation = 1.6 }\n\n[expression]\ngate-temperature = 1.3\n\
    radar-reliability = 0.9\nevent-reliability = 0.8\nhalf-rate-ev-s = 2000\n\
    least-confidence = 0.6\n";

#[test]
fn what_scores_are_worth_and_what_was_seen_is_handed_on() {
    let file = to_file(&tiny());
    let folder = TestBundle::new("worth", gate(), "tiny", &file);
    let seen = [Digest::of(b"one"), Digest::of(b"two")];
    let text = format!(
        "seen = [\"{}\", \"{}\"]\n{}{WORTH}",
        seen[0],
        seen[1],
        manifest("fooder_gate", "tiny", &file)
    );
    folder.write("manifest.toml", text.as_bytes());
    let bundle = Bundle::load(folder.path()).unwrap();
    assert_eq!(bundle.seen, seen);
    assert_eq!(bundle.identity.unwrap().enrolled.mean.to_bits(), 0.5_f64.to_bits());
    assert_eq!(bundle.expression.unwrap().gate_temperature.to_bits(), 1.3_f64.to_bits());
}

#[test]
fn what_no_score_can_be_worth_is_refused_with_its_line_and_key() {
    let cases: [(&str, &str, &[&str]); 6] = [
        ("mean = 3", "mean = 0.5", &["line 28", "identity.reference", "tells nobody"]),
        ("deviation = 1.0", "deviation = 0.0", &["line 28", "identity.enrolled"]),
        ("0.8", "1.0", &["line 32", "expression.event-reliability", "in 0..=0.99"]),
        ("least-confidence", "least", &["line 37", "least-confidence"]),
        ("deviation = 1.6", "deviance = 1.6", &["line 30", "deviance"]),
        ("schema = 1", "schema = 1\nseen = [\"abc\"]", &["line 2", "64 hexadecimal digits"]),
    ];
    for (number, (from, to, words)) in cases.iter().enumerate() {
        let message =
            refusal(&format!("worth-{number}"), |text| (text + WORTH).replacen(from, to, 1));
        for word in [&["manifest.toml"], *words].concat() {
            assert!(message.contains(word), "{word} is not in: {message}");
        }
    }
}

/// How somebody who makes inputs may have it.
#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Recipe {
    salt: u8,
}

#[test]
fn inputs_are_described_in_the_words_of_whoever_makes_them() {
    let file = to_file(&tiny());
    let folder = TestBundle::new("inputs", gate(), "tiny", &file);
    let text = manifest("fooder_gate", "tiny", &file);
    let read = |line: &str| {
        let text = text.replacen("\n[event]", &format!("\n[radar.inputs]\n{line}\n\n[event]"), 1);
        folder.write("manifest.toml", text.as_bytes());
        Bundle::load(folder.path()).unwrap().radar_inputs::<Recipe>()
    };
    assert_eq!(read("salt = 3").unwrap(), Some(Recipe { salt: 3 }));
    let message = read("pepper = 3").unwrap_err().to_string();
    for word in ["manifest.toml", "line 14", "pepper", "salt"] {
        assert!(message.contains(word), "{word} is not in: {message}");
    }
    folder.write("manifest.toml", text.as_bytes());
    let absent = Bundle::load(folder.path()).unwrap().radar_inputs::<Recipe>();
    assert_eq!(absent.unwrap(), None);
}

#[test]
fn missing_files_folders_and_pipes_in_their_place_are_refused() {
    let folder = TestBundle::new("absent", gate(), "tiny", &to_file(&tiny()));
    fs::remove_file(folder.path().join("net.safetensors")).unwrap();
    assert!(matches!(Bundle::load(folder.path()), Err(Error::Io { .. })));
    fs::create_dir(folder.path().join("net.safetensors")).unwrap();
    assert!(matches!(Bundle::load(folder.path()), Err(Error::NotThisFile { .. })));
    folder.write("manifest.toml", &vec![b'#'; 1024 * 1024 + 1]);
    assert!(matches!(Bundle::load(folder.path()), Err(Error::NotThisFile { .. })));
    folder.write("manifest.toml", b"\xff\xfe");
    assert!(matches!(Bundle::load(folder.path()), Err(Error::Manifest { .. })));
}

#[test]
fn every_flipped_byte_of_the_weights_is_refused_by_the_hash() {
    let file = to_file(&tiny());
    let folder = TestBundle::new("flip", gate(), "tiny", &file);
    for at in 0..file.len() {
        let mut flipped = file.clone();
        flipped[at] ^= 0xff;
        folder.write("net.safetensors", &flipped);
        assert!(matches!(Bundle::load(folder.path()), Err(Error::Hash { .. })), "byte {at}");
    }
}

/// Whoever can write the manifest can fit the hash: the parsers behind it must hold too.
#[test]
fn no_flipped_byte_of_the_weights_makes_the_loader_panic_behind_a_fitting_hash() {
    let file = to_file(&tiny());
    for at in 0..file.len() {
        for mask in [0x01, 0x80] {
            let mut flipped = file.clone();
            flipped[at] ^= mask;
            if let Ok(shelf) = Shelf::read(&flipped) {
                // misfits are handed out as zeros, so the network is always built
                drop(gate().build("tiny", &shelf.builder()).unwrap());
                let in_header = at < file.len() - 4 * 842;
                assert!(!in_header || !shelf.faults().is_empty() || flipped == file, "byte {at}");
            }
        }
    }
}

#[test]
fn a_flipped_byte_of_the_manifest_is_refused_or_changes_no_score() {
    let file = to_file(&tiny());
    let folder = TestBundle::new("flip-manifest", gate(), "tiny", &file);
    let good = scores(&mut Bundle::load(folder.path()).unwrap());
    let text = manifest("fooder_gate", "tiny", &file);
    for at in 0..text.len() {
        for mask in [0x01, 0x20, 0x80] {
            let mut flipped = text.clone().into_bytes();
            flipped[at] ^= mask;
            folder.write("manifest.toml", &flipped);
            if let Ok(mut bundle) = Bundle::load(folder.path())
                && bundle.role("gate").is_some()
            {
                assert_eq!(scores(&mut bundle), good, "byte {at}");
            }
        }
    }
}

#[test]
fn chirps_that_the_bundle_was_not_made_for_are_named_one_by_one() {
    let folder = TestBundle::new("chirps", gate(), "tiny", &to_file(&tiny()));
    let radar = Bundle::load(folder.path()).unwrap().radar.unwrap();
    let mut chirps = ChirpConfig::food();
    assert!(radar.mismatches(&chirps).is_empty());
    chirps.rx_antennas.pop();
    chirps.complex = true;
    chirps.end = Hertz(f64::NAN);
    let lines = radar.mismatches(&chirps);
    assert_eq!(lines[0], "rx antennas: the radar has 2, the bundle was made for 3");
    assert_eq!(lines.len(), 4, "{lines:?}");
}

mod signed {
    use ed25519_dalek::{Signer as _, SigningKey};

    use super::*;
    use crate::data::hex;
    use crate::model::bundle::signature::{FILE, PREFIX};

    #[test]
    fn a_bundle_is_taken_from_the_key_that_signed_it_and_no_longer_once_it_was_changed() {
        let folder = TestBundle::new("signed", gate(), "tiny", &to_file(&tiny()));
        let manifest = folder.path().join("manifest.toml");
        let [ours, theirs] = [1, 2].map(|seed| SigningKey::from_bytes(&[seed; 32]));
        let public = |key: &SigningKey| hex::encode(key.verifying_key().as_bytes());
        let problem = |public: &str| {
            let loaded = Bundle::load_signed(folder.path(), public);
            loaded.err().map_or_else(String::new, |error| error.to_string())
        };
        assert!(problem(&public(&ours)).contains(FILE), "no signature yet");
        let text = fs::read(&manifest).unwrap();
        let signature = ours.sign(&[PREFIX, &text].concat());
        folder.write(FILE, hex::encode(&signature.to_bytes()).as_bytes());
        assert_eq!(problem(&public(&ours)), "");
        assert!(problem(&public(&theirs)).contains("another's"));
        assert!(problem("0123").contains("no public key"));
        folder.write("manifest.toml", &[&text[..], b"\n"].concat());
        assert!(problem(&public(&ours)).contains("was changed"));
        assert!(Bundle::load(folder.path()).is_ok(), "who asks for no signature needs none");
    }
}
