//! The golden vectors, written by an independent Python program (`vectors/make.py`).

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use firmware_proto::{Decoder, MAX_WIRE, encode};
use serde_json::Value;

use crate::json::{assemble_all, decode_all};
use crate::support::skipped;

/// One vector: its name, its bytes, and what they say.
pub(crate) struct Vector {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) expected: Value,
}

pub(crate) fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("vectors")
}

/// All vectors in the order of their names.
pub(crate) fn all() -> Vec<Vector> {
    let mut paths: Vec<_> =
        fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "bin"));
    paths.sort();
    assert!(paths.len() > 40, "the vectors are missing");
    let read = |path: PathBuf| Vector {
        name: path.file_stem().unwrap().to_string_lossy().into_owned(),
        bytes: fs::read(&path).unwrap(),
        expected: serde_json::from_slice(&fs::read(path.with_extension("json")).unwrap()).unwrap(),
    };
    paths.into_iter().map(read).collect()
}

#[test]
fn every_vector_decodes_to_what_python_wrote() {
    for vector in all() {
        let found = decode_all(&vector.bytes);
        assert_eq!(found["frames"], vector.expected["frames"], "{}", vector.name);
        assert_eq!(found["refused"], vector.expected["refused"], "{}", vector.name);
    }
}

#[test]
fn the_radar_stream_assembles_to_what_python_wrote() {
    let vectors = all();
    let radar = vectors.iter().find(|vector| vector.name == "radar_stream").unwrap();
    assert_eq!(assemble_all(&radar.bytes), radar.expected["assembled"]);
}

#[test]
fn every_canonical_vector_encodes_to_the_bytes_python_wrote() {
    for vector in all().iter().filter(|vector| vector.expected["canonical"] == true) {
        let mut decoder: Decoder = Decoder::new();
        let frame = decoder.push(&mut vector.bytes.as_slice()).unwrap().unwrap();
        let mut wire = [0; MAX_WIRE];
        let used = encode(&frame.header, &frame.message, &mut wire).unwrap();
        assert_eq!(wire[..used], vector.bytes, "{}", vector.name);
    }
}

#[test]
fn every_message_type_has_a_vector() {
    let schema = include_str!("../../schema.txt");
    let vectors = all();
    for line in schema.lines() {
        let name = line.split(' ').next().unwrap();
        let told = vectors.iter().any(|vector| vector.expected["frames"][0]["type"] == name);
        assert!(told, "no vector for {name}: add one to vectors/make.py");
    }
}

#[test]
fn the_vectors_are_what_their_program_writes_today() {
    let copy = std::env::temp_dir().join(format!("visaged-vectors-{}", std::process::id()));
    let inner = copy.join("vectors");
    fs::create_dir_all(&inner).unwrap();
    fs::copy(folder().join("make.py"), inner.join("make.py")).unwrap();
    fs::copy(folder().join("../schema.txt"), copy.join("schema.txt")).unwrap();
    let Ok(run) = Command::new("python3").arg(inner.join("make.py")).output() else {
        fs::remove_dir_all(&copy).unwrap();
        skipped("no Python");
        return;
    };
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    for vector in all() {
        let fresh = fs::read(inner.join(format!("{}.bin", vector.name))).unwrap();
        assert_eq!(fresh, vector.bytes, "{}: run vectors/make.py", vector.name);
    }
    fs::remove_dir_all(&copy).unwrap();
}
