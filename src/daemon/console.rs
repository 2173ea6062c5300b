//! One readable line a second for a person who watches the daemon in a terminal.

use crate::data::message::{
    EventSummary, Expression, Identity, Message, Payload, RadarSummary, RadarTarget, Status,
};

/// Remembers the newest message of each kind and says them in one line per status.
#[derive(Debug, Default)]
pub struct Console {
    radar: Option<RadarSummary>,
    event: Option<EventSummary>,
    identity: Option<Identity>,
    expression: Option<Expression>,
}

impl Console {
    /// Takes a message; a status gives a line to print.
    pub fn see(&mut self, message: &Message) -> Option<String> {
        match &message.payload {
            Payload::Radar(radar) => self.radar = Some(radar.clone()),
            Payload::Event(event) => self.event = Some(event.clone()),
            Payload::Identity(identity) => self.identity = Some(*identity),
            Payload::Expression(expression) => self.expression = Some(*expression),
            // An interval is told when it is over; the line says what is.
            Payload::Interval(_) | Payload::Health(_) | Payload::Hello(_) => {}
            Payload::Status(status) => {
                return Some(self.line(message.recorded.as_micros(), status));
            }
        }
        None
    }

    fn line(&self, micros: i64, status: &Status) -> String {
        #[expect(clippy::cast_precision_loss, reason = "shown with one decimal")]
        let mut line = format!("{:8.1} s", micros as f64 / 1e6);
        if let Some(radar) = &self.radar {
            say_target(&mut line, "moving", radar.moving.as_ref());
            say_target(&mut line, "slow", radar.slow.as_ref());
            if let Some(breath) = &radar.respiration {
                line.push_str(&format!(" | breath {:4.1}/min", breath.rate_per_min));
            }
        }
        if let Some(event) = &self.event {
            let region = event.region;
            line.push_str(&format!(
                " | events {:5.3} M/s, face {}x{} at {},{}",
                event.rate_mev_s, region.width, region.height, region.x, region.y
            ));
        }
        if let Some(identity) = &self.identity {
            line.push_str(&format!(" | identity {}", word(&identity.state)));
            if let Some(reason) = &identity.reason {
                line.push_str(&format!(" ({})", word(reason)));
            }
            line.push_str(&format!(", {}", word(&identity.liveness)));
        }
        if let Some(expression) = &self.expression {
            line.push_str(&format!(" | expression {}", word(&expression.state)));
            if let Some(label) = &expression.label {
                line.push_str(&format!(" {}", word(label)));
            }
        }
        for sensor in &status.sensors {
            if let Some(trouble) = &sensor.trouble {
                line.push_str(&format!(
                    " | {} {} ({})",
                    sensor.name,
                    word(&sensor.state),
                    word(trouble)
                ));
            }
        }
        for (reason, n) in status.dropped.iter() {
            line.push_str(&format!(" | {reason}: {n}"));
        }
        line
    }
}

fn say_target(line: &mut String, name: &str, target: Option<&RadarTarget>) {
    if let Some(target) = target {
        line.push_str(&format!(
            " | {name} {:4.2} m {:+6.3} m/s {:4.1} dB",
            target.range_m, target.velocity_m_s, target.snr_db
        ));
    }
}

/// The word used in messages, so that console and topics speak alike.
fn word(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}
