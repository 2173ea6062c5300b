//! The lockout's record outlives the daemon, and what is missing or damaged is taken at its worst.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::scratch::Scratch;

/// A configuration that keeps its state in `state` beside it.
fn configuration(folder: &Scratch) -> PathBuf {
    let scene = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs/scenes/demo/radar");
    folder.put(
        "visaged.toml",
        format!(
            "[[sensor]]\nname = \"radar\"\nkind = \"infineon\"\nsettings.path = {scene:?}\n\
             [publish]\nendpoints = [\"tcp://127.0.0.1:0\"]\n[state]\nfolder = \"state\"\n"
        ),
    )
}

fn daemon(config: &Path) -> Child {
    Command::new(env!("CARGO_BIN_EXE_visaged"))
        .args(["run", "--quiet", "--config"])
        .arg(config)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Starts the daemon, kills it with -9 as soon as it publishes, and gives what it said until then.
fn start_and_kill(config: &Path) -> String {
    let mut daemon = daemon(config);
    let lines = BufReader::new(daemon.stderr.take().unwrap()).lines().map(Result::unwrap);
    let mut said = String::new();
    let mut publishes = false;
    for line in lines {
        said += &line;
        if line.contains("publishing") {
            publishes = true;
            break;
        }
    }
    daemon.kill().unwrap();
    daemon.wait().unwrap();
    assert!(publishes, "{said}");
    said
}

#[test]
fn a_first_start_owes_thirty_seconds_and_a_kill_does_not_pay_them() {
    let folder = Scratch::new("lockout-first");
    fs::create_dir(folder.path().join("state")).unwrap();
    let config = configuration(&folder);
    let record = folder.path().join("state/lockout.json");
    let said = start_and_kill(&config);
    assert!(said.contains("WARN") && said.contains("nobody is checked for 30 s"), "{said}");
    let first = fs::read_to_string(&record).unwrap();
    assert!(first.contains("\"rejections\":5,\"served\":false"), "{first}");
    let said = start_and_kill(&config);
    assert!(!said.contains("WARN") && !said.contains("ERROR"), "{said}");
    assert_eq!(fs::read_to_string(&record).unwrap(), first);
}

#[test]
fn a_damaged_record_is_said_and_left_for_whoever_looks() {
    let folder = Scratch::new("lockout-damaged");
    let config = configuration(&folder);
    let record = folder.put("state/lockout.json", "{\"schema\":1,\"lockout\":{\"rejections\":0");
    let said = start_and_kill(&config);
    assert!(said.contains("ERROR") && said.contains("cannot be believed"), "{said}");
    assert_eq!(fs::read(&record).unwrap().len(), 37);
}

#[test]
fn a_daemon_that_cannot_keep_its_lockout_does_not_start() {
    let folder = Scratch::new("lockout-nowhere");
    let output = daemon(&configuration(&folder)).wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("[state]") && said.contains("lockout.json"), "{said}");
}

#[test]
fn a_replay_keeps_nothing() {
    let folder = Scratch::new("lockout-replay");
    let config = configuration(&folder);
    let scene = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs/scenes/demo/radar");
    let output = Command::new(env!("CARGO_BIN_EXE_visaged"))
        .args(["replay", "--no-publish", "--config"])
        .arg(&config)
        .arg(scene)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(!folder.path().join("state").exists());
}
