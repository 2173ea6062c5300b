//! Signed messages of the real daemon, and what the reference receivers, in Python and in C++, make
//! of them when somebody on the way forges, repeats, delays or reorders.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use visaged::daemon::clock;

use crate::publish::Daemon;
use crate::scratch::Scratch;
use crate::support;
use crate::zmtp::{Subscriber, python_with};

/// The window of the receivers under test, microseconds.
const WINDOW: i64 = 500_000;

type Frames = Vec<Vec<u8>>;

/// A key pair: where the private one lies, and the public one.
fn keygen(folder: &Scratch, name: &str) -> (PathBuf, String) {
    let path = folder.path().join(name);
    let output = visaged(&["keygen", "--out"], &path);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    (path, public(&output.stdout))
}

fn public(said: &[u8]) -> String {
    let said = String::from_utf8_lossy(said);
    let key = said.lines().find_map(|line| line.strip_prefix("public-key "));
    key.expect("a public key").to_owned()
}

fn visaged(args: &[&str], path: &Path) -> std::process::Output {
    Command::new(env!("CARGO_BIN_EXE_visaged")).args(args).arg(path).output().unwrap()
}

/// A daemon that signs with `key`.
fn signing(name: &str, key: &Path) -> Daemon {
    Daemon::start(name, &format!("signing-key = {key:?}\n"))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The header of a message.
fn header(frames: &[Vec<u8>]) -> Value {
    serde_json::from_slice(&frames[1]).unwrap()
}

fn published_us(frames: &[Vec<u8>]) -> i64 {
    header(frames)["published_us"].as_i64().unwrap()
}

/// When it was signed, Unix time in microseconds.
fn signed_us(frames: &[Vec<u8>]) -> i64 {
    i64::from_be_bytes(frames[3][25..33].try_into().unwrap())
}

/// What a receiver is shown: its clock, the frames, and the verdict that is due.
struct Case(i64, Frames, &'static str);

/// A receiver that judges lines of standard input, `judge.py` or `judge.cpp`.
struct Judge(PathBuf, Vec<PathBuf>);

impl Judge {
    /// Those that this machine can run; others are counted as skipped.
    fn all(folder: &Scratch) -> Vec<Self> {
        let mut judges = Vec::new();
        let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("tools/subscribers");
        match python_with("zmq, cryptography") {
            Some(python) => judges.push(Self(python, vec![tools.join("python/tests/judge.py")])),
            None => support::skipped("no Python with pyzmq and cryptography"),
        }
        if let Some(program) = compiled(folder, &tools.join("cpp/tests/judge.cpp")) {
            judges.push(Self(program, Vec::new()));
        }
        judges
    }

    fn judge(&self, key: &str, machine: &str, place: &str, cases: &[Case]) {
        let Self(program, arguments) = self;
        let mut child = Command::new(program)
            .args(arguments)
            .args([key, machine, place])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = String::new();
        for Case(now, frames, _) in cases {
            let frames: Vec<_> = frames.iter().map(|frame| hex(frame)).collect();
            lines += &format!("{now} {}\n", frames.join(" "));
        }
        let mut stdin = child.stdin.take().unwrap();
        let feeder = std::thread::spawn(move || stdin.write_all(lines.as_bytes()).unwrap());
        let output = child.wait_with_output().unwrap();
        feeder.join().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        let verdicts: Vec<_> = said.lines().collect();
        let due: Vec<_> = cases.iter().map(|Case(.., due)| *due).collect();
        assert_eq!(verdicts, due, "{}", program.display());
    }
}

/// The program made of `source`, or `None`, counted, where compiler or libraries are absent.
pub fn compiled(folder: &Scratch, source: &Path) -> Option<PathBuf> {
    let program = folder.path().join(source.file_stem().unwrap());
    let probe = "#include <sodium.h>\n#include <zmq.hpp>\nint main() {}\n";
    let probe = folder.put("probe.cpp", probe);
    let compile = |source: &Path| {
        Command::new("g++")
            .args(["-std=c++17", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-o"])
            .arg(&program)
            .arg(source)
            .args(["-lzmq", "-lsodium"])
            .output()
    };
    if !compile(&probe).is_ok_and(|output| output.status.success()) {
        support::skipped("no C++ compiler with cppzmq and libsodium");
        return None;
    }
    let output = compile(source).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(program)
}

/// `count` signed messages of one topic.
fn messages(daemon: &Daemon, topic: &[u8], count: usize) -> Vec<Frames> {
    let mut subscriber = Subscriber::connect(&daemon.address, topic);
    (0..count).map(|_| subscriber.message()).collect()
}

#[test]
fn without_a_key_messages_have_three_frames_and_with_one_four_on_every_topic() {
    let folder = Scratch::new("signatures-frames");
    let (key, _) = keygen(&folder, "key");
    let plain = Daemon::start("signatures-plain", "");
    assert_eq!(messages(&plain, b"v1/", 1)[0].len(), 3);
    let signed = signing("signatures-signed", &key);
    let mut topics = std::collections::BTreeSet::new();
    let mut subscriber = Subscriber::connect(&signed.address, b"v1/");
    while topics.len() < 7 {
        let frames = subscriber.message();
        assert_eq!(frames.len(), 4, "{}", String::from_utf8_lossy(&frames[0]));
        assert_eq!(frames[3].len(), 97);
        assert_eq!(frames[3][9..25], clock::machine_boot_id());
        topics.insert(frames[0].clone());
    }
}

#[test]
fn forged_repeated_delayed_and_reordered_messages_are_refused_by_both_receivers() {
    let folder = Scratch::new("signatures-attacks");
    let judges = Judge::all(&folder);
    let (path, key) = keygen(&folder, "key");
    let (_, stranger) = keygen(&folder, "stranger");
    let daemon = signing("signatures-attacked", &path);
    let radar = messages(&daemon, b"v1/radar/", 4);
    let [identity]: [Frames; 1] = messages(&daemon, b"v1/identity/", 1).try_into().unwrap();
    drop(daemon);
    let restarted = signing("signatures-restarted", &path);
    let [young]: [Frames; 1] = messages(&restarted, b"v1/radar/", 1).try_into().unwrap();
    let machine = hex(&clock::machine_boot_id());
    let fresh = |frames: &[Vec<u8>], due| Case(published_us(frames) + 1_000, frames.to_vec(), due);

    let mut cases = vec![
        fresh(&radar[0], "accepted"),
        fresh(&radar[0], "replayed"),
        fresh(&radar[2], "accepted"),
        fresh(&radar[1], "reordered"),
        // Another topic counts for itself; its clock may stand a little behind.
        Case(published_us(&identity), identity.clone(), "accepted"),
        Case(published_us(&radar[3]) + WINDOW + 1, radar[3].clone(), "delayed"),
        Case(published_us(&radar[3]) - 1, radar[3].clone(), "from-the-future"),
        Case(published_us(&radar[3]) + WINDOW, radar[3].clone(), "accepted"),
        Case(published_us(&young), radar[3][..3].to_vec(), "unsigned"),
        Case(published_us(&young), young.clone(), "accepted"),
        // The daemon before the restart, still within the window.
        Case(published_us(&radar[3]), radar[3].clone(), "replayed"),
    ];
    cases.extend(forgeries(&radar[3], &identity));
    for judge in &judges {
        judge.judge(&key, &machine, "same-host", &cases);
        let other_boot = [fresh(&radar[0], "other-boot")];
        judge.judge(&key, &"5a".repeat(16), "same-host", &other_boot);
        judge.judge(&stranger, &machine, "same-host", &[fresh(&radar[0], "unknown-key")]);
    }
}

/// `good` with one thing changed at a time, and with parts of `other`.
fn forgeries(good: &[Vec<u8>], other: &[Vec<u8>]) -> Vec<Case> {
    let now = published_us(good) + 1_000;
    let mut cases = Vec::new();
    let mut forge = |due, change: &dyn Fn(&mut Frames)| {
        let mut frames = good.to_vec();
        change(&mut frames);
        cases.push(Case(now, frames, due));
    };
    for frame in 0..3 {
        for at in 0..good[frame].len() {
            forge("bad-signature", &|frames| frames[frame][at] ^= 1);
        }
    }
    for at in 0..97 {
        let due = if at < 9 { "unknown-key" } else { "bad-signature" };
        forge(due, &|frames| frames[3][at] ^= 0x80);
    }
    forge("bad-signature", &|frames| {
        let moved = frames[1].remove(0);
        frames[0].push(moved);
    });
    forge("bad-signature", &|frames| frames[3].truncate(96));
    forge("bad-signature", &|frames| frames[3].push(0));
    forge("bad-signature", &|frames| frames[2].clone_from(&other[2]));
    forge("bad-signature", &|frames| frames[3].clone_from(&other[3]));
    forge("unsigned", &|frames| frames.push(Vec::new()));
    forge("unsigned", &|frames| frames.clear());
    cases
}

#[test]
fn a_receiver_on_another_machine_measures_age_by_unix_time() {
    let folder = Scratch::new("signatures-remote");
    let (path, key) = keygen(&folder, "key");
    let daemon = signing("signatures-far", &path);
    let radar = messages(&daemon, b"v1/radar/", 4);
    let signed = |at: usize| signed_us(&radar[at]);
    assert!((clock::unix() - signed(3)).abs() < 20_000_000, "{}", signed(3));
    let cases = [
        // Its clock may differ by the window, either way.
        Case(signed(0) - WINDOW, radar[0].clone(), "accepted"),
        Case(signed(0), radar[0].clone(), "replayed"),
        Case(signed(2) + WINDOW, radar[2].clone(), "accepted"),
        Case(signed(1), radar[1].clone(), "reordered"),
        Case(signed(3) + WINDOW + 1, radar[3].clone(), "delayed"),
        Case(signed(3) - WINDOW - 1, radar[3].clone(), "from-the-future"),
        Case(signed(3), radar[3].clone(), "accepted"),
    ];
    for judge in Judge::all(&folder) {
        judge.judge(&key, &"00".repeat(16), "remote", &cases);
    }
}

/// True if nothing was refused but what a busy machine was late with.
fn is_believed(said: &str) -> bool {
    let reasons = ["unsigned", "unknown-key", "bad-", "other-boot", "from-the-future", "replayed"];
    reasons.iter().chain(&["reordered"]).all(|reason| !said.contains(reason))
}

#[test]
fn the_subscribers_in_python_and_cpp_believe_the_daemon_and_no_other() {
    let folder = Scratch::new("signatures-subscribers");
    let (path, key) = keygen(&folder, "key");
    let (_, stranger) = keygen(&folder, "stranger");
    let daemon = signing("signatures-heard", &path);
    let endpoint = format!("tcp://{}", daemon.address);
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("tools/subscribers");
    let said = |command: &mut Command| {
        let output = command.output().unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    if let Some(python) = python_with("zmq, cryptography") {
        let script = tools.join("python/subscribe.py");
        let listen = |key: &str, timeout: &str| {
            let mut command = Command::new(&python);
            command.arg(&script).args(["--endpoint", &endpoint, "--count", "50"]);
            said(command.args(["--timeout", timeout, "--key", key]))
        };
        let (well, text) = listen(&key, "10");
        assert!(well && text.contains("50 messages") && is_believed(&text), "{text}");
        let (well, text) = listen(&stranger, "1");
        assert!(!well && text.contains("refused: unknown-key"), "{text}");
    } else {
        support::skipped("no Python with pyzmq and cryptography");
    }
    if let Some(program) = compiled(&folder, &tools.join("cpp/example.cpp")) {
        let (well, text) = said(Command::new(&program).args([&endpoint, "v1/", "50", &key]));
        assert!(well && text.contains("50 messages") && is_believed(&text), "{text}");
        let (well, text) = said(Command::new(&program).args([&endpoint, "v1/radar/", "5"]));
        assert!(well && text.starts_with("5 messages, 0 lost"), "without a key: {text}");
    }
}

#[test]
fn the_daemon_does_not_start_with_a_key_that_others_can_read_and_check_says_so_first() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = Scratch::new("signatures-open");
    let (key, expected) = keygen(&folder, "key");
    let config = folder.put(
        "visaged.toml",
        format!(
            "[[sensor]]\nname = \"radar\"\nkind = \"infineon\"\nsettings.path = {:?}\n\
             [publish]\nsigning-key = \"key\"\n",
            Path::new(env!("CARGO_MANIFEST_DIR")).join("configs/scenes/demo/radar")
        ),
    );
    let output = visaged(&["check", "--config"], &config);
    assert!(output.status.success() && output.stdout.ends_with(b"\n"));
    assert!(String::from_utf8_lossy(&output.stdout).contains("signed by key"));
    assert_eq!(public(&visaged(&["keygen", "--show"], &key).stdout), expected);
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    for command in [["check", "--config"], ["run", "--config"]] {
        let output = visaged(&command, &config);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{said}");
        assert!(said.contains("mode 644") && said.contains("chmod 600"), "{said}");
    }
    assert!(!visaged(&["keygen", "--out"], &key).status.success(), "never overwritten");
}

#[test]
fn a_replay_does_not_sign_although_its_configuration_names_a_key() {
    let folder = Scratch::new("signatures-replay");
    let (key, _) = keygen(&folder, "key");
    let config = folder.put("visaged.toml", format!("[publish]\nsigning-key = {key:?}\n"));
    let scene = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs/scenes/demo/radar");
    let mut replay = Command::new(env!("CARGO_BIN_EXE_visaged"))
        .args(["replay", "--await-subscriber", "20", "--publish", "tcp://127.0.0.1:0", "--config"])
        .args([&config, &scene])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(replay.stderr.take().unwrap()));
    let address = lines
        .by_ref()
        .map(Result::unwrap)
        .find_map(|line| Some(line.split_once("tcp://")?.1.trim_matches('"').to_owned()))
        .expect("the replay says where it publishes");
    std::thread::spawn(move || lines.for_each(drop));
    let frames = Subscriber::connect(&address, b"v1/").message();
    assert_eq!(frames.len(), 3);
    assert_eq!(header(&frames)["boot_id"], "replay");
    drop((replay.kill(), replay.wait()));
}
