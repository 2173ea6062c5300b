//! The command from inputs on disk to a report.

use std::collections::BTreeMap;
use std::path::Path;

use candle_core::{DType, Device, Tensor};
use candle_nn::{VarBuilder, VarMap};
use clap::Parser;
use visaged::model::cs3d::Cs3d;
use visaged::model::fooder_auth::FooderAuth;
use visaged::model::fooder_expert::FooderExpert;
use visaged::model::fooder_gate::FooderGate;
use visaged::model::{Digest, Network};
use visaged_twin::Random;

use super::metrics::real;
use super::*;
use crate::dataset::{self, Conditions, Dataset, Device as Devices, Expression, Label, Scene};
use crate::testing::Folder;

#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    options: Options,
}

const LABELS: [Label; 2] = [
    Label { expression: Expression::Smile, onset: 0.5, apex: 0.8, offset: 1.2, end: 1.4 },
    Label { expression: Expression::Anger, onset: 1.6, apex: 1.8, offset: 2.2, end: 2.4 },
];

fn recording(person: Option<&str>, session: u32) -> dataset::Recording {
    let id = format!("{}-s{session}", person.unwrap_or("empty"));
    dataset::Recording {
        person: person.map(str::to_owned),
        session,
        day: 0,
        seconds: 2.5,
        radar: Some(format!("{id}/radar").into()),
        event: None,
        device: Devices { radar: None, event: None },
        conditions: Conditions {
            scene: if person.is_some() { Scene::Person } else { Scene::EmptyChair },
            distance: person.map(|_| 0.4),
            glasses: session == 1,
            nuisances: Vec::new(),
        },
        labels: if person.is_some() { LABELS.to_vec() } else { Vec::new() },
        id,
    }
}

/// 25 frames at 10 Hz and 10 windows: Anna's motion lies in other Doppler bins than that of others.
fn write_inputs(folder: &Folder, recording: &dataset::Recording, seed: u64) {
    let mut random = Random::stream(seed, &recording.id);
    let moving = match recording.person.as_deref() {
        Some("anna") => 20..28,
        Some(_) => 36..44,
        None => 0..0,
    };
    let mut pixels = Vec::with_capacity(25 * 2 * 64 * 64);
    for _frame in 0..25 {
        let strength = random.between(0.5, 1.0);
        for cell in 0..2 * 64 * 64 {
            let (range, doppler) = (cell / 64 % 64, cell % 64);
            let is_echo = (2..7).contains(&range) && moving.contains(&doppler);
            pixels.push(if is_echo { strength } else { 0.0 } + random.between(0.0, 0.02));
        }
    }
    let maps = Tensor::from_vec(pixels, (25, 2, 64, 64), &Device::Cpu).unwrap();
    let time: Vec<f64> = (0..25).map(|at| 0.1 * real(at)).collect();
    let mut range = vec![0.4_f32; 25];
    range[3] = f32::NAN;
    let hash = |random: &mut Random, count: usize| -> Vec<i64> {
        (0..count).map(|_| random.bits().cast_signed()).collect()
    };
    let counts: Vec<u8> =
        (0..10 * 2 * 16 * 112 * 112).map(|_| if random.chance(0.01) { 3 } else { 0 }).collect();
    let windows: Vec<f64> = (0..10).map(|at| 0.32 + 0.2 * real(at)).collect();
    let vector = |values: &[f64]| Tensor::new(values, &Device::Cpu).unwrap();
    let tensors = [
        ("radar.maps", maps.to_dtype(DType::F16).unwrap()),
        ("radar.faces", maps.to_dtype(DType::F16).unwrap()),
        ("radar.steady", Tensor::new(vec![1_u8; 25], &Device::Cpu).unwrap()),
        ("radar.time", vector(&time)),
        ("radar.range", Tensor::new(range, &Device::Cpu).unwrap()),
        ("event.voxels", Tensor::from_vec(counts, (10, 2, 16, 112, 112), &Device::Cpu).unwrap()),
        ("event.time", vector(&windows)),
        ("event.rate", Tensor::new(vec![2_000.0_f32; 10], &Device::Cpu).unwrap()),
    ];
    let path = folder.0.join("inputs").join(format!("{}.safetensors", recording.id));
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let hashes = Tensor::new(hash(&mut random, 35), &Device::Cpu).unwrap();
    let beside = path.with_extension("hashes.safetensors");
    candle_core::safetensors::save(&[("hashes", hashes)].into_iter().collect(), &beside).unwrap();
    candle_core::safetensors::save(&tensors.into_iter().collect(), &path).unwrap();
    folder.write(&format!("{}/radar/radar.npy", recording.id), recording.id.as_bytes());
}

/// Anna with four sessions, Bob to learn from, Carl and Dora as impostors, and an empty chair.
fn write_dataset(folder: &Folder) {
    let mut recordings: Vec<dataset::Recording> = Vec::new();
    recordings.extend((0..4).map(|session| recording(Some("anna"), session)));
    for person in ["bob", "carl", "dora"] {
        recordings.push(recording(Some(person), 0));
    }
    recordings.push(recording(None, 0));
    recordings.iter().for_each(|one| write_inputs(folder, one, 1));
    let part = |id: &str| match id {
        "anna-s0" | "bob-s0" => "train",
        "anna-s1" => "calibrate",
        _ => "test",
    };
    let mut split = String::from("enrolled = \"anna\"\n");
    for one in &recordings {
        let row = format!(
            "[[recording]]\ndataset = \".\"\nid = \"{}\"\npart = \"{}\"\n",
            one.id,
            part(&one.id)
        );
        split.push_str(&row);
    }
    folder.write("split.toml", split);
    let dataset = Dataset {
        schema: dataset::SCHEMA,
        name: "noise".to_owned(),
        consent: "simulated".to_owned(),
        origin: "simulated: lab twin --seed 1 --spread 0.5".to_owned(),
        recordings,
    };
    dataset.write(&folder.0).unwrap();
}

/// A network of random weights, and its row in the manifest.
fn network<N: Network>(folder: &Path, role: &str, classes: &[&str], extra: &str) -> String {
    let vars = VarMap::new();
    let builder = VarBuilder::from_varmap(&vars, DType::F32, &Device::Cpu);
    N::new(&N::preset("tiny").unwrap(), &builder).unwrap();
    let file = format!("{role}.safetensors");
    vars.save(folder.join(&file)).unwrap();
    let sha256 = Digest::of(&fs::read(folder.join(&file)).unwrap());
    format!(
        "\n[[network]]\nname = \"{}\"\nrole = \"{role}\"\npreset = \"tiny\"\nfile = \"{file}\"\n\
         sha256 = \"{sha256}\"\nclasses = {classes:?}\ntrained-on = \"nothing\"\n{extra}",
        N::NAME
    )
}

fn write_bundle(folder: &Folder) {
    let terms = visaged::model::fooder_auth::TERMS;
    let calibration = format!(
        "threshold = 0.5\n[network.calibration]\nvariant = \"leaves\"\nmeans = {:?}\n\
         deviations = {:?}\n",
        [0.0; 6], [1.0; 6]
    );
    let rows = [
        "schema = 1\ntool-version = \"test\"\n".to_owned(),
        network::<FooderAuth>(&folder.0, "auth", &terms, &calibration),
        network::<FooderGate>(&folder.0, "gate", &["dynamic", "static"], ""),
        network::<FooderExpert>(&folder.0, "expert-dynamic", &["smile", "shock"], ""),
        network::<FooderExpert>(&folder.0, "expert-static", &["neutral", "anger"], ""),
        network::<Cs3d>(&folder.0, "event", &["anger", "neutral", "shock", "smile"], ""),
    ];
    folder.write("manifest.toml", rows.concat());
}

fn evaluate(data: &Folder, bundles: &[&Folder], out: &Folder) -> Result<serde_json::Value> {
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let split = text(&data.0.join("split.toml"));
    let mut line = ["lab", "--split", &split, "--out", &text(&out.0), "--resamples", "100"]
        .map(str::to_owned)
        .to_vec();
    for (at, bundle) in bundles.iter().enumerate() {
        line.extend([["--bundle", "--seeds-from"][at.min(1)].to_owned(), text(&bundle.0)]);
    }
    run(&Line::try_parse_from(line)?.options)?;
    Ok(serde_json::from_slice(&fs::read(out.0.join("report.json"))?)?)
}

#[test]
fn inputs_become_a_report_with_every_detector_and_source() {
    let (data, bundle, other) = (Folder::new("data"), Folder::new("bundle"), Folder::new("other"));
    let out = Folder::new("out");
    write_dataset(&data);
    write_bundle(&bundle);
    write_bundle(&other);
    let report = evaluate(&data, &[&bundle, &other], &out).unwrap();

    let rows = report["identity"]["rows"].as_array().unwrap();
    let mut detectors: BTreeMap<&str, usize> = BTreeMap::new();
    for row in rows.iter().filter(|row| row["subset"] == "all strangers") {
        *detectors.entry(row["detector"].as_str().unwrap()).or_default() += 1;
        assert_eq!((&row["genuine-sessions"], &row["strangers"]), (&2.into(), &2.into()));
    }
    // every detector but the permutation, which is no column
    let expected = baselines::detector::DETECTORS.map(|kind| kind.name);
    let expected = expected.into_iter().filter(|name| *name != "permuted");
    assert_eq!(detectors, expected.map(|name| (name, 3)).collect());
    let simple = rows.iter().find(|row| row["detector"] == "mahalanobis-linear").unwrap();
    assert_eq!(simple["auroc"]["value"], 1.0);
    // 24 of 25 frames had motion in front of the radar
    let network = rows.iter().find(|row| row["detector"] == "fooder").unwrap();
    assert_eq!((&network["genuine-trials"], &network["stranger-trials"]), (&48.into(), &48.into()));
    assert!((network["genuine-undecided"]["value"].as_f64().unwrap() - 0.04).abs() < 1e-12);

    let sources = report["expression"]["rows"].as_array().unwrap();
    let sources = sources.iter().filter(|row| {
        row["grain"] == "window" && row["subset"].as_str().unwrap().starts_with("enrolled")
    });
    let sources: Vec<_> = sources.map(|row| row["source"].as_str().unwrap()).collect();
    assert_eq!(sources, ["radar", "event", "fused", "majority", "clock"]);
    let pairs = report["expression"]["pairs"].as_array().unwrap();
    let grains: Vec<_> = pairs.iter().map(|pair| pair["grain"].as_str().unwrap()).collect();
    assert_eq!(grains[..4], ["window", "window", "followed", "followed"]);
    assert_eq!(report["seeds"][0]["values"].as_array().unwrap().len(), 2);
    assert_eq!(report["spread"][0]["spread"], 0.5);
    assert_eq!(report["of"]["parts"], serde_json::json!([2, 1, 5]));

    let page = fs::read_to_string(out.0.join("report.html")).unwrap();
    assert!(page.find("Everything here is simulated").unwrap() < page.find("AUROC").unwrap());
    assert!(page.contains("<th>BENCH</th>") && page.contains("not measured"));
    for outside in ["http:", "https:", "src=", "href=", "@import", "url("] {
        assert!(!page.contains(outside), "{outside}");
    }
    let table = Table::read(&out.0.join("scores.jsonl")).unwrap();
    let again = analysis::analyse(&table, &[], None, Draws { resamples: 100, seed: 1 });
    let again = serde_json::to_value(&again).unwrap();
    assert_eq!(rounded(again), rounded(report), "a table says all that a report does");
}

/// Without the last digits, which the parser of JSON may round.
fn rounded(value: serde_json::Value) -> serde_json::Value {
    use serde_json::Value;
    match value {
        Value::Number(number) => format!("{:.9}", number.as_f64().unwrap()).into(),
        Value::Array(items) => items.into_iter().map(rounded).collect(),
        Value::Object(entries) => {
            entries.into_iter().map(|(key, item)| (key, rounded(item))).collect()
        }
        other => other,
    }
}

#[test]
fn whoever_was_learnt_from_is_not_judged() {
    let (data, bundle, out) = (Folder::new("leak"), Folder::new("known"), Folder::new("none"));
    write_dataset(&data);
    write_bundle(&bundle);
    let refused = |data: &Folder| evaluate(data, &[&bundle], &out).unwrap_err().to_string();

    // a copy of a training recording under the name of another
    let split = fs::read_to_string(data.0.join("split.toml")).unwrap();
    let inputs = |id: &str| data.0.join("inputs").join(format!("{id}.hashes.safetensors"));
    let kept = fs::read(inputs("carl-s0")).unwrap();
    fs::copy(inputs("anna-s0"), inputs("carl-s0")).unwrap();
    let copy = refused(&data);
    assert!(copy.contains("`carl-s0` and `anna-s0` hold the same raw data"), "{copy}");
    fs::write(inputs("carl-s0"), kept).unwrap();

    // a person on both sides
    let mixed =
        split.replace("id = \"bob-s0\"\npart = \"train\"", "id = \"bob-s0\"\npart = \"test\"");
    let mixed =
        mixed.replace("id = \"carl-s0\"\npart = \"test\"", "id = \"carl-s0\"\npart = \"train\"");
    let mut dataset = Dataset::read(&data.0).unwrap();
    dataset.recordings[5].person = Some("bob".to_owned());
    dataset.write(&data.0).unwrap();
    data.write("split.toml", mixed);
    let person = refused(&data);
    assert!(person.contains("bob is an impostor of the test"), "{person}");
    data.write("split.toml", split);
    dataset.recordings[5].person = Some("carl".to_owned());
    dataset.write(&data.0).unwrap();

    // a file that the bundle names
    let members = crate::split::Split::read(&data.0.join("split.toml")).unwrap();
    let members = members.members(&data.0.join("split.toml")).unwrap();
    let seen = |bytes: &[u8]| [Digest::of(bytes)].into_iter().collect();
    leakage::refuse_seen(&members, &seen(b"anna-s0")).unwrap();
    let named = leakage::refuse_seen(&members, &seen(b"dora-s0")).unwrap_err().to_string();
    assert!(named.contains("`dora-s0` cannot test it"), "{named}");
}
