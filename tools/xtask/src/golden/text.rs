//! What was said as text, for people to review: one line per step of recorded time.

use std::fmt::Write as _;

use anyhow::{Context as _, Result};
use serde_json::Value;

/// Lines of a text: a damaged time may lie hours ahead.
const LONGEST: i64 = 32;

/// The newest of each topic at the end of every `step` microseconds.
pub(super) fn summary(messages: &[Value], step: i64) -> Result<String> {
    let mut text = String::new();
    let first = messages.first().and_then(|m| m["header"]["recorded_us"].as_i64()).unwrap_or(0);
    let mut newest = [Value::Null, Value::Null, Value::Null, Value::Null];
    // Live runs and Unix time begin somewhere.
    let zero = first - first.rem_euclid(1_000_000);
    let mut due = step;
    for message in messages {
        let recorded = message["header"]["recorded_us"].as_i64().context("recorded_us")? - zero;
        while recorded > due {
            if due <= LONGEST * step {
                line(&mut text, due, &newest)?;
            }
            due += step;
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
    let live = identity["liveness"].as_str().unwrap_or("-");
    writeln!(text, "  identity {}, {live}  expression {}", word(identity), word(expression))?;
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
