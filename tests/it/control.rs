//! Questions to the running daemon: over its socket, by its own commands and by libzmq.

use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::Duration;

use serde_json::Value;

use crate::publish::Daemon;
use crate::support;
use crate::zmtp::{Subscriber, greeting, python_with_zmq};

const CONTROL: &str = "[control]\nendpoint = \"control.sock\"\n";

fn socket(daemon: &Daemon) -> PathBuf {
    daemon.folder.path().join("control.sock")
}

fn visaged(command: &str, daemon: &Daemon, more: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_visaged"))
        .args([command, "--endpoint"])
        .arg(socket(daemon))
        .args(more)
        .output()
        .unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8([&output.stdout[..], &output.stderr[..]].concat()).unwrap()
}

/// Waits until the daemon has said something on `topic`, and gives it.
fn wait_for(daemon: &Daemon, topic: &[u8]) -> Value {
    let message = Subscriber::connect(&daemon.address, topic).message();
    serde_json::from_slice(&message[2]).unwrap()
}

fn config(daemon: &Daemon) -> PathBuf {
    daemon.folder.path().join("config.toml")
}

#[test]
fn the_status_names_the_sensors_and_the_socket_is_for_owner_and_group_alone() {
    let daemon = Daemon::start("control-status", CONTROL);
    wait_for(&daemon, b"v1/status/");
    let output = visaged("status", &daemon, &[]);
    let text = said(&output);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("radar: streaming") && text.contains("camera: streaming"), "{text}");
    let output = visaged("status", &daemon, &["--json"]);
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(answer["health"]["payload"]["memory_bytes"].as_u64().unwrap() > 1 << 20);
    let mode = std::fs::metadata(socket(&daemon)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o660);
}

#[test]
fn hello_lists_the_topics_and_health_says_that_all_is_well() {
    let daemon = Daemon::start("control-hello", CONTROL);
    let mut subscriber = Subscriber::connect(&daemon.address, b"v1/hello/");
    let hellos: Vec<Value> =
        (0..3).map(|_| serde_json::from_slice(&subscriber.message()[2]).unwrap()).collect();
    let topics = hellos.last().unwrap()["topics"].to_string();
    for stream in ["radar/radar", "event/camera", "identity/fused", "health/fused"] {
        assert!(topics.contains(&format!("v1/{stream}/")), "{topics}");
    }
    assert_eq!(hellos[0]["sensors"][0]["kind"], "infineon");
    assert_eq!(wait_for(&daemon, b"v1/health/")["state"], "well");
}

#[test]
fn a_wrong_configuration_is_refused_with_its_line_and_the_daemon_goes_on() {
    let daemon = Daemon::start("control-refuse", CONTROL);
    wait_for(&daemon, b"v1/status/");
    let good = std::fs::read_to_string(config(&daemon)).unwrap();
    std::fs::write(config(&daemon), format!("{good}[pipeline]\nnonsense = 1\n")).unwrap();
    let output = visaged("reload", &daemon, &[]);
    assert!(!output.status.success());
    assert!(said(&output).contains("nonsense"), "{}", said(&output));
    // Something else than a wrong key: a sensor that is not there.
    let absent = good.replace("event.raw", "absent.raw");
    std::fs::write(config(&daemon), absent).unwrap();
    let output = visaged("reload", &daemon, &[]);
    assert!(said(&output).contains("absent.raw"), "{}", said(&output));
    assert_eq!(wait_for(&daemon, b"v1/health/")["state"], "well");
}

#[test]
fn a_reload_by_signal_changes_the_sensors_and_no_message_is_lost() {
    let daemon = Daemon::start("control-reload", CONTROL);
    let mut subscriber = Subscriber::connect(&daemon.address, b"v1/status/");
    let names = |subscriber: &mut Subscriber| -> (u64, String) {
        let message = subscriber.message();
        let header: Value = serde_json::from_slice(&message[1]).unwrap();
        let payload: Value = serde_json::from_slice(&message[2]).unwrap();
        (header["seq"].as_u64().unwrap(), payload["sensors"][1]["name"].to_string())
    };
    let (first, name) = names(&mut subscriber);
    assert_eq!(name, "\"camera\"");
    let good = std::fs::read_to_string(config(&daemon)).unwrap();
    std::fs::write(config(&daemon), good.replace("\"camera\"", "\"left\"")).unwrap();
    daemon.signal("-HUP");
    let mut next = first + 1;
    loop {
        let (seq, name) = names(&mut subscriber);
        assert_eq!(seq, next, "a status was lost");
        next += 1;
        if name == "\"left\"" {
            break;
        }
        assert!(next < first + 20, "never reloaded");
    }
}

#[test]
fn another_endpoint_needs_a_restart_and_says_so() {
    let daemon = Daemon::start("control-endpoint", CONTROL);
    let good = std::fs::read_to_string(config(&daemon)).unwrap();
    std::fs::write(config(&daemon), good.replace("control.sock", "other.sock")).unwrap();
    let output = visaged("reload", &daemon, &[]);
    assert!(said(&output).contains("restart"), "{}", said(&output));
}

#[test]
fn hostile_bytes_and_an_oversized_question_close_their_connection_and_nothing_else() {
    let daemon = Daemon::start("control-hostile", CONTROL);
    let ready = b"\x04\x19\x05READY\x0bSocket-Type\x00\x00\x00\x03REQ";
    let huge = b"\x02\xff\xff\xff\xff\xff\xff\xff\xff";
    let hello = [&greeting(b"NULL")[..], ready].concat();
    let oversized = [&hello[..], &[0x01, 0x00, 0x02], &[0, 0, 0, 0, 0, 1, 0, 0]].concat();
    let attacks: [&[u8]; 4] = [
        b"GET / HTTP/1.1\r\n\r\n",
        &[&hello[..], huge].concat(),
        &oversized,
        &[&hello[..], &[0x00, 0x03], b"{}}"].concat(),
    ];
    for attack in attacks {
        let mut stream = UnixStream::connect(socket(&daemon)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        // It may be closed before the last byte was said.
        drop(stream.write_all(attack));
        drop(stream.shutdown(std::net::Shutdown::Write));
        let mut rest = Vec::new();
        drop(stream.read_to_end(&mut rest));
    }
    assert!(visaged("status", &daemon, &[]).status.success());
}

#[test]
fn libzmq_asks_and_is_answered() {
    let Some(python) = python_with_zmq() else {
        return support::skipped("no Python with pyzmq; see tools/subscribers/python");
    };
    let daemon = Daemon::start("control-libzmq", CONTROL);
    wait_for(&daemon, b"v1/status/");
    let script = "import sys, zmq\n\
                  s = zmq.Context().socket(zmq.REQ)\n\
                  s.setsockopt(zmq.RCVTIMEO, 10000)\n\
                  s.setsockopt(zmq.HEARTBEAT_IVL, 100)\n\
                  s.connect('ipc://' + sys.argv[1])\n\
                  for q in ['{\"command\": \"topics\"}', 'no json', '{\"command\": \"newest\"}']:\n\
                  \x20   s.send_string(q); print(s.recv_string())\n\
                  s.close(0)\n";
    let output = Command::new(python).args(["-c", script]).arg(socket(&daemon)).output().unwrap();
    let text = said(&output);
    let answers: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).expect(&text)).collect();
    assert_eq!(answers.len(), 3, "{text}");
    assert!(answers[0]["topics"].as_array().unwrap().len() >= 4);
    assert_eq!(answers[1]["ok"], false);
    assert_eq!(answers[2]["newest"][0]["header"]["schema"], 1);
}

#[test]
fn a_daemon_that_is_not_there_is_an_error_that_names_the_socket() {
    let output = Command::new(env!("CARGO_BIN_EXE_visaged"))
        .args(["status", "--endpoint", "/nonexistent/control.sock"])
        .output()
        .unwrap();
    assert!(!output.status.success());
    assert!(said(&output).contains("/nonexistent/control.sock"), "{}", said(&output));
}

/// The daemon's word on whether it records.
fn says_it_records(daemon: &Daemon) -> bool {
    wait_for(daemon, b"v1/health/")["recording"].as_bool().unwrap()
}

fn recording(order: &str, daemon: &Daemon) -> Output {
    Command::new(env!("CARGO_BIN_EXE_visaged"))
        .args(["recording", order, "--endpoint"])
        .arg(socket(daemon))
        .output()
        .unwrap()
}

/// The files in `folder`, oldest first.
fn files(folder: &std::path::Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn replay(files: &[PathBuf]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_visaged"))
        .args(["replay", "--no-publish"])
        .args(files)
        .output()
        .unwrap()
}

#[test]
fn recording_starts_and_stops_by_order_and_its_files_are_whole() {
    let record = "[record]\nfolder = \"out\"\nat-start = false\nleast-free-mib = 0\n";
    let daemon = Daemon::start("control-record", &format!("{CONTROL}{record}"));
    let out = daemon.folder.path().join("out");
    assert!(!says_it_records(&daemon));
    assert!(files(&out).is_empty(), "nothing is recorded before the order");
    let refused = recording("stop", &daemon);
    assert!(!refused.status.success() && said(&refused).contains("does not record"));

    for round in 1..=2 {
        let started = recording("start", &daemon);
        assert!(started.status.success(), "{}", said(&started));
        let refused = recording("start", &daemon);
        assert!(!refused.status.success() && said(&refused).contains("already"));
        let mut radar = Subscriber::connect(&daemon.address, b"v1/radar/");
        (0..10).for_each(|_| drop(radar.message()));
        assert!(says_it_records(&daemon));
        assert!(said(&visaged("status", &daemon, &[])).contains("\nrecording\n"));
        let stopped = recording("stop", &daemon);
        assert!(stopped.status.success(), "{}", said(&stopped));
        assert!(!says_it_records(&daemon));
        assert_eq!(files(&out).len(), round);
    }
    // Whole already, while the daemon runs: stopping waits for that.
    let output = Command::new(env!("CARGO_BIN_EXE_visaged"))
        .arg("info")
        .args(&files(&out)[..1])
        .output()
        .unwrap();
    let text = said(&output);
    let frames = text.split_once("radar ").unwrap().1.trim_start().split(' ').next().unwrap();
    assert!(frames.parse::<u32>().unwrap() >= 5, "{text}");
    assert!(text.lines().any(|line| line.starts_with("end ") && line.ends_with("whole")), "{text}");
    // Both are of one run, which was not recorded in between, nor from its start.
    let output = replay(&files(&out));
    assert!(output.status.success());
    let notes = said_aside(&output.stderr);
    assert!(notes.contains("inputs are missing") && !notes.contains("absent"), "{notes}");
    assert!(notes.contains("began while the daemon ran"), "{notes}");
}

fn said_aside(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn recording_without_a_folder_in_the_configuration_is_refused() {
    let daemon = Daemon::start("control-record-nowhere", CONTROL);
    let refused = recording("start", &daemon);
    assert!(!refused.status.success());
    assert!(said(&refused).contains("[record]"), "{}", said(&refused));
    assert!(!says_it_records(&daemon));
}

#[test]
fn a_client_cannot_name_the_folder_nor_a_threshold() {
    let daemon = Daemon::start("control-narrow", CONTROL);
    for question in [
        r#"{"command": "start-recording", "folder": "/tmp"}"#,
        r#"{"command": "set", "threshold": 0}"#,
        r#"{"command": "reload", "config": "/tmp/other.toml"}"#,
    ] {
        let answer = visaged::sink::zmq::control::ask(&socket(&daemon), question).unwrap();
        let answer: Value = serde_json::from_str(&answer).unwrap();
        assert_eq!(answer["ok"], false, "{question}: {answer}");
    }
}
