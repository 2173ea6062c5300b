//! The C code says the same as the Rust crate, byte for byte.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use firmware_proto::{Decoder, MAX_WIRE, Message, SCHEMA_HASH, delta_rice, encode};
use serde_json::{Value, json};

use crate::json::{assemble_all, hex};
use crate::support::skipped;
use crate::vectors;

const FLAGS: [&str; 5] = ["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror"];

/// A folder of our own that goes away with the test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("visaged-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _gone = fs::remove_dir_all(&self.0);
    }
}

fn c_folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("c")
}

/// Compiles with the library; `false` where there is no C compiler.
fn compile(source: &Path, program: &Path) -> bool {
    let run = Command::new("cc")
        .args(FLAGS)
        .arg("-O1")
        .arg("-I")
        .arg(c_folder())
        .args([c_folder().join("visaged_proto.c"), c_folder().join("visaged_assembler.c")])
        .arg(source)
        .arg("-o")
        .arg(program)
        .output();
    let Ok(run) = run else {
        skipped("no C compiler");
        return false;
    };
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    true
}

fn feed(program: &Path, bytes: &[u8]) -> Vec<u8> {
    let mut child =
        Command::new(program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(bytes).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    output.stdout
}

/// What Rust writes for every accepted frame: the wire again, and the samples compressed again.
fn rust_again(bytes: &[u8]) -> Vec<(String, Value)> {
    let mut decoder: Decoder = Decoder::new();
    let mut rest = bytes;
    let mut out = Vec::new();
    while let Some(found) = decoder.push(&mut rest) {
        let Ok(frame) = found else { continue };
        let mut wire = [0; MAX_WIRE];
        let used = encode(&frame.header, &frame.message, &mut wire).unwrap();
        out.push((hex(&wire[..used]), rice_again(&frame.message)));
    }
    out
}

fn rice_again(message: &Message<'_>) -> Value {
    let Message::RadarSlice(slice) = message else { return Value::Null };
    let mut samples = vec![0; 1 << 16];
    let Ok(count) = slice.samples_into(&mut samples) else { return Value::Null };
    let mut data = vec![0; 1 << 16];
    let used = delta_rice::encode(&samples[..count], slice.shape, &mut data).unwrap_or(0);
    json!(hex(&data[..used]))
}

#[test]
fn c_reads_and_writes_every_vector_as_rust_does() {
    let scratch = Scratch::new("c-vectors");
    let program = scratch.0.join("print_frames");
    if !compile(&c_folder().join("print_frames.c"), &program) {
        return;
    }
    for vector in vectors::all() {
        let name = &vector.name;
        let mut told: Value = serde_json::from_slice(&feed(&program, &vector.bytes)).unwrap();
        assert_eq!(told["schema_hash"], SCHEMA_HASH, "VP_SCHEMA_HASH is not that of schema.txt");
        let again = rust_again(&vector.bytes);
        let frames = told["frames"].as_array_mut().unwrap();
        assert_eq!(frames.len(), again.len(), "{name}");
        for (frame, (wire, rice)) in frames.iter_mut().zip(again) {
            let frame = frame.as_object_mut().unwrap();
            assert_eq!(frame.remove("wire_again"), Some(json!(wire)), "{name}");
            assert_eq!(frame.remove("rice_again").unwrap_or(Value::Null), rice, "{name}");
        }
        assert_eq!(told["frames"], vector.expected["frames"], "{name}");
        assert_eq!(told["assembled"], assemble_all(&vector.bytes), "{name}");
        assert_eq!(told["refused"], vector.expected["refused"], "{name}");
    }
}

#[test]
fn the_c_example_of_the_readme_compiles_and_its_frames_are_good() {
    let readme = include_str!("../../README.md");
    let code = readme.split("```c\n").nth(1).unwrap().split("```").next().unwrap();
    let scratch = Scratch::new("c-readme");
    let (source, program) = (scratch.0.join("example.c"), scratch.0.join("example"));
    fs::write(&source, code).unwrap();
    if !compile(&source, &program) {
        return;
    }
    let found = crate::json::decode_all(&feed(&program, &[]));
    let types: Vec<_> =
        found["frames"].as_array().unwrap().iter().map(|frame| frame["type"].clone()).collect();
    assert_eq!(json!(types), json!(["hello", "config_radar", "radar_slice", "frame_end"]));
    assert_eq!(found["refused"], json!({}));
}
