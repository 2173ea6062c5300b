//! Guided sessions by the real binary: on virtual boards, on recordings, cut short and spoilt.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use visaged::data::message::ExpressionLabel;
use visaged::recording::{Entry, Label, Reader};
use visaged::units::Micros;
use visaged_vdev::board::BoardOptions;
use visaged_vdev::serial::{Playing, SerialOptions};
use visaged_vdev::timing::Stage;

use super::rig;
use crate::recording::recordings;
use crate::scratch::Scratch;

/// How late a busy test machine may show a cue, seconds.
const LATE: f64 = 0.5;
/// How far the zero of labels may lie from the start of the first frame, seconds: what a frame takes
/// over the cable at its best, and the boards' drift.
const NEAR: f64 = 0.1;

/// A session that is being recorded, gone when the test is.
struct Session {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Session {
    /// Anna's, into `folder`/data, by the schedule `cues`.
    fn start(folder: &Scratch, config: &Path, cues: &str) -> Self {
        let mut child = command("anna", config, &folder.path().join("data"))
            .arg("--cues")
            .arg(folder.put("cues.json", cues))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// Waits until it has said `words`.
    fn wait_for(&mut self, words: &str) {
        let mut before = String::new();
        for line in self.lines.by_ref() {
            let line = line.unwrap();
            if line.contains(words) {
                return;
            }
            before += &line;
        }
        panic!("it never said {words}, but {before}; {}", self.complaints());
    }

    fn interrupt(&self) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    }

    /// Waits for its end; gives its exit status and what it said on standard error.
    fn end(mut self) -> (i32, String) {
        self.lines.by_ref().for_each(drop);
        let complaints = self.complaints();
        (self.child.wait().unwrap().code().unwrap(), complaints)
    }

    fn complaints(&mut self) -> String {
        let mut said = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        said
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

fn command(person: &str, config: &Path, out: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_visaged"));
    command.args(["enroll", "--guided", "--consent", "simulated", "--person", person, "--config"]);
    command.arg(config).arg("--out").arg(out);
    command
}

/// The shipped scene, played as sensors.
fn scene(folder: &Scratch) -> PathBuf {
    let [radar, camera] = [rig::scene("radar"), rig::scene("event.raw")];
    let text = format!(
        "[[sensor]]\nname = \"radar\"\nkind = \"infineon\"\nsettings.path = {radar:?}\n\
         [[sensor]]\nname = \"camera\"\nkind = \"evt\"\nsettings.path = {camera:?}\n"
    );
    folder.put("lab.toml", text)
}

/// The only `[[recording]]` of the data set.
fn row(folder: &Scratch) -> toml::Table {
    let text = fs::read_to_string(folder.path().join("data/dataset.toml")).unwrap();
    let table: toml::Table = text.parse().unwrap();
    assert_eq!(table["consent"].as_str(), Some("simulated"));
    let rows = table["recording"].as_array().unwrap();
    assert_eq!(rows.len(), 1, "{text}");
    rows[0].as_table().unwrap().clone()
}

/// The times of label `number` in a row: onset, apex, offset, end.
fn times(row: &toml::Table, number: usize) -> [f64; 4] {
    let label = &row["label"].as_array().unwrap()[number];
    ["onset", "apex", "offset", "end"].map(|key| label[key].as_float().unwrap())
}

fn labels(file: &Path) -> Vec<Label> {
    let mut reader = Reader::open(BufReader::new(File::open(file).unwrap())).unwrap();
    let mut labels = Vec::new();
    while let Some((_, entry)) = reader.read().unwrap() {
        labels.extend(if let Entry::Label(label) = entry { Some(label) } else { None });
    }
    labels
}

fn visaged(args: &[&str], file: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_visaged")).args(args).arg(file).output().unwrap()
}

#[test]
fn poses_are_labelled_when_they_were_asked_for_on_clocks_that_begin_anywhere() {
    let folder = Scratch::new("enroll-boards");
    let stage = Stage::new(2, 1.0);
    let board = |hours: i64| BoardOptions {
        clock_offset: Micros::from_millis(hours * 3_600_000),
        ..BoardOptions::default()
    };
    let boards = [
        ("radar", rig::radar(&stage, None, board(24))),
        ("camera", rig::camera(&stage, None, board(1))),
    ];
    let (mut tables, mut playing) = (String::new(), Vec::new());
    for (name, board) in boards {
        let link = folder.path().join(name);
        tables += &rig::table(name, &link, &board);
        playing.push(Playing::start(board, SerialOptions::at(link)).unwrap());
    }
    let config = folder.put("lab.toml", tables);
    let cues = r#"[{"expression": "smile", "onset": 2.5, "offset": 3.5},
                   {"expression": "shock", "onset": 5.0, "offset": 6.5}]"#;
    let mut session = Session::start(&folder, &config, cues);
    session.wait_for("1/2  smile");
    session.wait_for("relax");
    session.wait_for("2/2  shock");
    let (status, complaints) = session.end();
    assert_eq!(status, 0, "{complaints}");

    let file = recordings(&folder.path().join("data/anna/0")).remove(0);
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let labels = labels(&file);
    let posed: Vec<_> = labels.iter().map(|label| label.expression).collect();
    assert_eq!(posed, [ExpressionLabel::Smile, ExpressionLabel::Shock]);
    let start = stage.start().unwrap().as_micros();
    let row = row(&folder);
    for (number, (label, (onset, offset))) in
        labels.iter().zip([(2.5, 3.5), (5.0, 6.5)]).enumerate()
    {
        let [cue, release] =
            [label.cue_us, label.release_us].map(|at| Micros(at - start).as_seconds());
        assert!((-NEAR..LATE).contains(&(cue - onset)), "{onset} was shown at {cue}");
        assert!((-NEAR..LATE).contains(&(release - offset)), "{offset} was shown at {release}");
        let times = times(&row, number);
        for (time, expected) in times.into_iter().zip([cue, cue + 1.0, release, release + 1.0]) {
            assert!((time - expected).abs() < NEAR, "{times:?}, shown {cue} to {release}");
        }
    }
    let name = file.file_name().unwrap().to_str().unwrap();
    let path = format!("anna/0/{name}");
    let path = path.as_str();
    for (key, value) in [("id", "anna-0"), ("person", "anna"), ("radar", path), ("event", path)] {
        assert_eq!(row[key].as_str(), Some(value), "{row:#?}");
    }
    assert_eq!((row["session"].as_integer(), row["day"].as_integer()), (Some(0), Some(0)));
    assert!(row["seconds"].as_float().unwrap() >= times(&row, 1)[3]);

    let replayed = visaged(&["replay", "--no-publish"], &file);
    assert!(replayed.status.success(), "{}", String::from_utf8_lossy(&replayed.stderr));
    assert!(String::from_utf8_lossy(&replayed.stdout).matches("v1/radar/radar/").count() > 100);
    let told = visaged(&["info"], &file);
    let told = String::from_utf8_lossy(&told.stdout);
    assert!(told.lines().any(|line| line.starts_with("labels") && line.ends_with('2')), "{told}");
    for device in playing {
        device.stop().unwrap();
    }
}

#[test]
fn an_interrupted_session_keeps_what_was_finished_and_an_empty_one_leaves_nothing() {
    let folder = Scratch::new("enroll-interrupt");
    let config = scene(&folder);
    let cues = r#"[{"expression": "anger", "onset": 2.5, "offset": 3.5},
                   {"expression": "smile", "onset": 5.0, "offset": 9.0}]"#;
    let mut session = Session::start(&folder, &config, cues);
    session.wait_for("1/2  anger");
    session.interrupt();
    let (status, complaints) = session.end();
    assert_eq!(status, 1, "{complaints}");
    assert!(complaints.contains("no pose was finished"), "{complaints}");
    assert!(!folder.path().join("data/anna/0").exists(), "what shows a person was left behind");
    let mut session = Session::start(&folder, &config, cues);
    session.wait_for("2/2  smile");
    session.interrupt();
    let (status, complaints) = session.end();
    assert_eq!(status, 0, "{complaints}");
    let row = row(&folder);
    assert_eq!(row["label"].as_array().unwrap().len(), 1, "{row:#?}");
    let [onset, _, offset, _] = times(&row, 0);
    assert!((-NEAR..LATE).contains(&(onset - 2.5)) && (-NEAR..LATE).contains(&(offset - 3.5)));
}

#[test]
fn a_session_whose_sensor_is_unplugged_is_told_and_not_used() {
    let folder = Scratch::new("enroll-unplugged");
    let stage = Stage::new(1, 1.0);
    let board = rig::radar(&stage, None, BoardOptions::default());
    let link = folder.path().join("radar");
    let config = folder.put("lab.toml", rig::table("radar", &link, &board));
    let device = Playing::start(board, SerialOptions::at(link)).unwrap();
    let cues = r#"[{"expression": "smile", "onset": 2.5, "offset": 60.0}]"#;
    let mut session = Session::start(&folder, &config, cues);
    session.wait_for("1/1  smile");
    device.stop().unwrap();
    let (status, complaints) = session.end();
    assert_eq!(status, 1, "{complaints}");
    let last = complaints.lines().last().unwrap();
    assert!(last.contains("sensor `radar` was lost") && last.contains("record the session again"));
    let data = folder.path().join("data");
    assert!(!data.join("dataset.toml").exists());
    assert!(fs::read_to_string(data.join("anna/0/UNUSABLE.txt")).unwrap().contains("was lost"));
}

#[test]
fn what_cannot_be_done_is_one_message_that_says_what_to_do() {
    let folder = Scratch::new("enroll-errors");
    let config = scene(&folder);
    let empty = folder.put("empty.toml", "[publish]\n");
    let file = folder.put("file", "");
    let cues = folder.put("cues.json", r#"[{"expression": "joy", "onset": 1, "offset": 3}]"#);
    let sealed = fs::read_to_string(&config).unwrap()
        + "[record]\nfolder = \"x\"\nrecipient = \"age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj\"\n";
    let sealed = folder.put("sealed.toml", sealed);
    let data = folder.path().join("data");
    let below = file.join("data");
    let (nothing, with_cues): (&[&str], &[&str]) = (&[], &["--cues", cues.to_str().unwrap()]);
    for (person, config, out, more, status, words) in [
        ("../anna", &config, &data, nothing, 2, "letters, digits, - and _"),
        ("anna", &empty, &data, nothing, 3, "no sensor is configured"),
        ("anna", &config, &below, nothing, 1, below.to_str().unwrap()),
        ("anna", &config, &data, with_cues, 3, "cues.json"),
        ("anna", &sealed, &data, nothing, 3, "recipient"),
    ] {
        let output = command(person, config, out).args(more).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains(words), "{words}: {said}");
        assert_eq!(output.status.code(), Some(status), "{said}");
        assert_eq!(said.matches("visaged:").count() + said.matches("error:").count(), 1, "{said}");
    }
    assert!(!data.join("anna").exists());
}
