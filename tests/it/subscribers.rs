//! The receivers to copy, in `tools/subscribers`: short, right, and run against the real daemon.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::publish::Daemon;
use crate::support;
use crate::zmtp::python_with;

/// Longest file that somebody will still read before copying it.
const MOST_LINES: usize = 150;

fn tools() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tools/subscribers")
}

/// Every file under `folder` with one of these endings.
fn files(folder: &Path, endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, endings));
        } else if path.extension().is_some_and(|e| endings.iter().any(|ending| e == *ending)) {
            found.push(path);
        }
    }
    found
}

#[test]
fn no_file_is_longer_than_somebody_reads() {
    let files = files(&tools(), &["py", "hpp", "cpp"]);
    assert!(files.len() >= 10, "{files:?}");
    for file in files {
        let lines = fs::read_to_string(&file).unwrap().lines().count();
        assert!(lines < MOST_LINES, "{}: {lines} lines", file.display());
    }
}

#[test]
fn every_python_file_parses() {
    let Some(python) = python_with("ast") else { return support::skipped("no Python") };
    let script = "import ast, sys\nfor path in sys.argv[1:]: ast.parse(open(path).read(), path)";
    let output =
        Command::new(python).args(["-c", script]).args(files(&tools(), &["py"])).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn the_dataclasses_are_those_of_the_schema_and_what_does_not_fit_is_refused() {
    let Some(python) = python_with("zmq") else {
        return support::skipped("no Python with pyzmq; see tools/subscribers/python");
    };
    let output = Command::new(python)
        .args(["-m", "unittest", "discover"])
        .arg(tools().join("python/tests"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && !said.contains("Ran 0 tests"), "{said}");
}

#[test]
fn what_the_python_client_prints_is_what_was_sent_in_json_and_in_messagepack() {
    let Some(python) = python_with("zmq, msgpack") else {
        return support::skipped("no Python with pyzmq and msgpack");
    };
    let schema: Value =
        serde_json::from_str(&fs::read_to_string("configs/schema/v1.json").unwrap()).unwrap();
    for encoding in ["json", "msgpack"] {
        let name = format!("subscribers-{encoding}");
        let daemon = Daemon::start(&name, &format!("encoding = \"{encoding}\"\n"));
        let output = Command::new(&python)
            .arg(tools().join("python/subscribe.py"))
            .args(["--count", "100", "--endpoint", &format!("tcp://{}", daemon.address)])
            .output()
            .unwrap();
        let aside = String::from_utf8_lossy(&output.stderr);
        assert!(aside.contains(" 0 lost") && !aside.contains("refused"), "{aside}");
        for line in output.stdout.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
            let said: Value = serde_json::from_slice(line).unwrap();
            let stream = said["topic"].as_str().unwrap().split('/').nth(1).unwrap();
            let required = &schema["payloads"][format!("v1/{stream}/")]["required"];
            for key in required.as_array().unwrap() {
                assert!(!said["payload"][key.as_str().unwrap()].is_null(), "{key} in {said}");
            }
        }
    }
}

/// The ROS 2 node on a stand-in for ROS 2.
struct RosNode(Child, std::io::Lines<BufReader<std::process::ChildStdout>>);

impl RosNode {
    fn start(python: &Path, endpoint: &str) -> Self {
        let mut child = Command::new(python)
            .arg(tools().join("ros2/tests/stand_in.py"))
            .arg(endpoint)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self(child, lines)
    }

    /// Waits until it has said `data` on `topic`, or anything if that is empty.
    fn wait_for(&mut self, topic: &str, data: &str) -> Value {
        for _ in 0..2_000 {
            let line = self.1.next().expect("the node goes on").unwrap();
            let said: Value = serde_json::from_str(&line).unwrap();
            if said["topic"] == topic && (data.is_empty() || said["data"] == data) {
                return said;
            }
        }
        panic!("nothing like that on {topic}")
    }
}

impl Drop for RosNode {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _reaped = self.0.wait();
    }
}

#[test]
fn the_ros_node_says_what_the_daemon_says_and_takes_it_back_when_the_daemon_is_gone() {
    let Some(python) = python_with("zmq") else {
        return support::skipped("no Python with pyzmq; see tools/subscribers/python");
    };
    let daemon = Daemon::start("subscribers-ros", "");
    let mut node = RosNode::start(&python, &format!("tcp://{}", daemon.address));
    node.wait_for("~/expression", "closed");
    node.wait_for("~/identity", "unknown");
    let health = node.wait_for("/diagnostics", "well");
    assert_eq!(health["values"]["lost"], "0");
    let range = node.wait_for("~/range", "")["range"].as_f64().unwrap();
    assert!((0.0..5.0).contains(&range), "{range}");
    drop(daemon);
    node.wait_for("~/expression", "unknown");
}
