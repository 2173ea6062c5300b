//! Rules of the tree that the compiler does not know.

use std::fs;
use std::path::{Path, PathBuf};

/// Who may name whom with `use crate::...`. Read: left may see right.
const ARROWS: &[(&str, &[&str])] = &[
    ("units", &[]),
    ("data", &["units"]),
    ("sensor", &["data", "units"]),
    ("sync", &["data", "units"]),
    ("dsp", &["data", "units"]),
    ("model", &["data", "units"]),
    ("fusion", &["data", "units"]),
    ("recording", &["sensor", "data", "units"]),
    ("sink", &["recording", "data", "units"]),
    ("pipeline", &["sync", "dsp", "model", "fusion", "data", "units"]),
    ("config", &["sensor", "pipeline", "sink"]),
    (
        "daemon",
        &["config", "pipeline", "sync", "model", "sensor", "sink", "recording", "data", "units"],
    ),
    (
        "command",
        &["daemon", "config", "pipeline", "sensor", "sink", "recording", "dsp", "data", "units"],
    ),
];

/// Which folders may name which heavy crate.
const OWNERS: &[(&str, &[&str])] = &[
    ("serialport", &["sensor"]),
    ("firmware_proto", &["sensor"]),
    ("rustfft", &["dsp"]),
    ("ndarray", &["data", "sensor", "dsp", "model", "pipeline", "recording", "sink", "command"]),
    ("mcap", &["recording"]),
    ("age", &["sink"]),
    ("ed25519_dalek", &["model", "sink"]),
    ("candle_core", &["model"]),
    ("candle_nn", &["model"]),
    ("safetensors", &["model"]),
    ("zeromq", &["sink"]),
    ("axum", &["sink"]),
    ("hyper", &["sink"]),
    ("hyper_util", &["sink"]),
    ("tokio", &["daemon", "sink"]),
    ("rustix", &["daemon", "sensor", "sink"]),
    ("sd_notify", &["daemon"]),
    ("lz4_flex", &["sensor"]),
    ("ruzstd", &["sensor"]),
    ("roxmltree", &["sensor"]),
    ("schemars", &["data"]),
    ("rmp_serde", &["sink", "recording"]),
    ("indicatif", &["command"]),
    ("clap", &["command"]),
];

const MAX_LINES: usize = 600;

#[test]
fn arrows_between_modules_point_one_way() {
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        let here = module_of(&path);
        let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == here) else {
            assert!(["lib", "main"].contains(&here.as_str()), "{here} has no row in ARROWS");
            continue;
        };
        let code = code_of(code_before_tests(&text));
        for there in crate_paths(&code) {
            if there != here && !allowed.contains(&there) {
                wrong.push(format!("{}: {here} -> {there}", path.display()));
            }
        }
        if is_top(&path) && code.contains("super::") {
            wrong.push(format!(
                "{}: say crate::, so that this test can see the arrow",
                path.display()
            ));
        }
    }
    assert!(wrong.is_empty(), "forbidden arrows:\n{}", wrong.join("\n"));
}

#[test]
fn each_heavy_crate_is_named_only_by_its_owner() {
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        let here = module_of(&path);
        let code = code_of(code_before_tests(&text));
        for (krate, owners) in OWNERS {
            let named = code
                .match_indices(&format!("{krate}::"))
                .any(|(at, _)| !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_'));
            if named && !owners.contains(&here.as_str()) && here != "main" {
                wrong.push(format!("{} names {krate}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_file_says_what_it_is_and_stays_readable() {
    let mut wrong = Vec::new();
    for folder in ["src", "firmware-proto/src", "tools", "tests"] {
        for (path, text) in rust_files(Path::new(folder)) {
            if !text.starts_with("//!") {
                wrong.push(format!("{}: first line is not a //! sentence", path.display()));
            }
            if code_before_tests(&text).lines().count() > MAX_LINES {
                wrong.push(format!("{}: more than {MAX_LINES} lines before tests", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_sensor_and_every_network_has_a_golden_case() {
    let sensors = visaged::sensor::SENSORS.iter().map(|kind| kind.name);
    let networks = visaged::model::MODELS.iter().map(|network| network.name);
    let missing: Vec<_> = sensors
        .chain(networks)
        .filter(|name| !Path::new("tests/golden").join(name).join("PROVENANCE.md").is_file())
        .collect();
    assert!(missing.is_empty(), "no tests/golden/<name>/PROVENANCE.md for {missing:?}");
}

#[test]
fn every_sensor_and_every_network_explains_itself() {
    let sensors = visaged::sensor::SENSORS.iter().map(|kind| ("src/sensor", kind.name));
    let networks = visaged::model::MODELS.iter().map(|network| ("src/model", network.name));
    let wrong: Vec<_> = sensors
        .chain(networks)
        .map(|(parent, name)| Path::new(parent).join(name.replace('-', "_")).join("README.md"))
        .filter(|page| !page.is_file())
        .collect();
    assert!(wrong.is_empty(), "absent: {wrong:?}");
}

/// Every module named right after `crate::`, those inside `crate::{a::x, b::{y, z}}` included.
fn crate_paths(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for rest in text.split("crate::").skip(1) {
        let Some(group) = rest.strip_prefix('{') else {
            found.extend(first_word(rest));
            continue;
        };
        let mut depth = 0;
        let mut expecting = true;
        for (at, c) in group.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => expecting = true,
                c if depth == 0 && expecting && !c.is_whitespace() => {
                    found.extend(first_word(&group[at..]));
                    expecting = false;
                }
                _ => {}
            }
        }
    }
    found
}

fn first_word(text: &str) -> Option<&str> {
    let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_'))?;
    Some(&text[..end]).filter(|word| word.starts_with(char::is_lowercase))
}

/// The text without its comments, so that prose may name any module.
fn code_of(text: &str) -> String {
    text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

fn code_before_tests(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default()
}

/// `src/x.rs` or `src/x/mod.rs`: one step from the root, where `super::` is the root.
fn is_top(path: &Path) -> bool {
    path.components().count() == 2 || (path.ends_with("mod.rs") && path.components().count() == 3)
}

fn module_of(path: &Path) -> String {
    let first = path.strip_prefix("src").unwrap().components().next().unwrap();
    first.as_os_str().to_string_lossy().trim_end_matches(".rs").to_owned()
}

fn sources() -> Vec<(PathBuf, String)> {
    rust_files(Path::new("src"))
}

fn rust_files(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut todo = vec![folder.to_owned()];
    while let Some(dir) = todo.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                if !path.ends_with("target") {
                    todo.push(path);
                }
            } else if path.extension().is_some_and(|e| e == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path, text));
            }
        }
    }
    found.sort();
    found
}

#[test]
fn grouped_imports_are_all_seen() {
    let text = "use crate::{data::At, dsp::{self, plan}, units,};\nlet x = crate::sink::Zmq;";
    assert_eq!(crate_paths(text), ["data", "dsp", "units", "sink"]);
}
