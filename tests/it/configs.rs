//! Every shipped configuration loads, and a wrong one is refused where it is wrong.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use visaged::config::Config;

fn shipped() -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir("configs")
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    files.sort();
    files
}

#[test]
fn every_shipped_configuration_loads() {
    let files = shipped();
    assert!(files.len() >= 3, "configs/ holds {} files", files.len());
    for file in files {
        Config::load(&file).unwrap_or_else(|error| panic!("{error}"));
    }
}

#[test]
fn any_key_misspelt_in_a_shipped_configuration_is_refused_with_its_line() {
    for file in shipped() {
        let text = fs::read_to_string(&file).unwrap();
        for (at, line) in text.lines().enumerate() {
            let Some((key, value)) = line.split_once('=') else { continue };
            if line.trim_start().starts_with('#') {
                continue;
            }
            let broken = format!("{}zz ={value}", key.trim_end());
            let lines: Vec<_> =
                text.lines().enumerate().map(|(i, l)| if i == at { &broken } else { l }).collect();
            let message = Config::parse(&lines.join("\n"), &file).unwrap_err().to_string();
            let line_number = format!("line {}", at + 1);
            let short = format!(":{}:", at + 1);
            // A required key that is gone may be reported as missing in its table instead.
            let named = message.contains(&line_number)
                || message.contains(&short)
                || message.contains("missing field");
            assert!(named, "{}: `{broken}` gave: {message}", file.display());
        }
    }
}

#[test]
fn check_says_which_line_and_exits_with_3() {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("wrong.toml");
    fs::write(&file, "[publish]\nendpoints = [\"tcp://*:5556\"]\n").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_visaged"))
        .args(["check", "--config"])
        .arg(&file)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(3));
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(message.contains("line 2") && message.contains("0.0.0.0"), "{message}");
    assert_eq!(message.matches("visaged:").count(), 1, "one message: {message}");
}
