//! The text of the shipped scene's replay, for people to review.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

/// Recorded time between two lines of the text.
const STEP_US: i64 = 500_000;

/// Replays the scene and writes, or compares, the text.
pub(crate) fn run(root: &Path, bless: bool) -> Result<()> {
    let file = root.join("tests/golden/demo/expected.txt");
    let text = summary(&replay(root)?)?;
    if bless {
        return fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()));
    }
    let expected = fs::read_to_string(&file)
        .with_context(|| format!("cannot read {}; make it with --bless", file.display()))?;
    for (number, (now, before)) in text.lines().zip(expected.lines()).enumerate() {
        ensure!(now == before, "line {}:\n  was {before}\n  is  {now}", number + 1);
    }
    ensure!(text == expected, "the scene has more or fewer lines than before");
    Ok(())
}

fn replay(root: &Path) -> Result<Vec<Value>> {
    let scene = root.join("configs/scenes/demo");
    let output = Command::new(env!("CARGO"))
        .args(["run", "--quiet", "--release", "--package", "visaged", "--"])
        .args(["replay", "--no-publish"])
        .args([scene.join("radar"), scene.join("event.raw")])
        .current_dir(root)
        .output()?;
    if !output.status.success() {
        bail!("the replay failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    String::from_utf8(output.stdout)?
        .lines()
        .map(|line| serde_json::from_str(line).context("a line of the replay"))
        .collect()
}

/// The newest of each topic at the end of every half second.
fn summary(messages: &[Value]) -> Result<String> {
    let mut text = String::new();
    let mut newest = [Value::Null, Value::Null, Value::Null, Value::Null];
    let mut due = STEP_US;
    for message in messages {
        let recorded = message["header"]["recorded_us"].as_i64().context("recorded_us")?;
        while recorded > due {
            line(&mut text, due, &newest)?;
            due += STEP_US;
        }
        let topic = message["topic"].as_str().context("topic")?;
        let streams = ["v1/radar/", "v1/event/", "v1/identity/", "v1/expression/"];
        if let Some(at) = streams.iter().position(|stream| topic.starts_with(stream)) {
            newest[at] = message["payload"].clone();
        }
    }
    line(&mut text, due, &newest)?;
    writeln!(text, "{} messages", messages.len())?;
    Ok(text)
}

fn line(text: &mut String, at: i64, newest: &[Value; 4]) -> Result<()> {
    let [radar, event, identity, expression] = newest;
    let (seconds, tenths) = (at / 1_000_000, at / 100_000 % 10);
    write!(text, "{seconds:2}.{tenths} s")?;
    for target in ["moving", "slow"] {
        match &radar[target] {
            Value::Null => write!(text, "  {target} -")?,
            cell => write!(
                text,
                "  {target} {} m {} m/s {} dB",
                digits(&cell["range_m"]),
                digits(&cell["velocity_m_s"]),
                digits(&cell["snr_db"])
            )?,
        }
    }
    let region = &event["region"];
    write!(text, "  events {} kept {}", event["events"], event["kept"])?;
    write!(text, "  face {}x{}", region["width"], region["height"])?;
    write!(text, " at {},{}", region["x"], region["y"])?;
    let word = |value: &Value| value["state"].as_str().unwrap_or("-").to_owned();
    writeln!(text, "  identity {}  expression {}", word(identity), word(expression))?;
    Ok(())
}

/// Three significant digits, so that other machines print the same.
fn digits(value: &Value) -> String {
    let Some(x) = value.as_f64().filter(|x| *x != 0.0) else { return "0".to_owned() };
    #[expect(clippy::cast_possible_truncation, reason = "an exponent of a physical quantity")]
    let exponent = x.abs().log10().floor() as i32;
    let places = usize::try_from(2 - exponent).unwrap_or(0);
    format!("{x:.places$}")
}
