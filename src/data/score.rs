//! What networks say, and what their scores are worth: the nouns between models and decisions.
//!
//! Networks compute, decisions are made elsewhere, and neither knows the other: a pipeline hands
//! these over. None of them is ever published; a stranger who sees a score can climb it.

use serde::{Deserialize, Serialize};

use super::message::ExpressionLabel;

/// What the radar's networks say of one frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RadarScores {
    /// How far the frame lies from the enrolled person: the out-of-distribution score of the
    /// authentication network, in its own unit; bigger is stranger.
    pub stranger: f32,
    /// The expression networks; absent while they are not run.
    pub expression: Option<RadarExpression>,
}

/// What FOODER's gate and experts say of one frame.
///
/// The paper runs one expert, that which the gate has chosen. Soft routing needs both.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RadarExpression {
    /// Logits of the gate: dynamic, static.
    pub gate: [f32; 2],
    /// Probabilities of the dynamic expert: smile, shock.
    pub dynamic: Option<[f32; 2]>,
    /// Probabilities of the static expert: neutral, anger.
    pub still: Option<[f32; 2]>,
}

/// What the event network says of one window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EventScores {
    /// Probabilities in the order of [`ExpressionLabel::ALL`], temperature applied.
    pub probabilities: [f32; ExpressionLabel::COUNT],
    /// Events a second in the face region of this window, after the noise filters: how much there
    /// was to see.
    pub rate_ev_s: f32,
}

/// What scores are worth, measured once on people who were not trained on; part of a bundle.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Calibration {
    /// Scores of the authentication network.
    pub identity: IdentityCalibration,
    /// Scores of the expression networks.
    pub expression: ExpressionCalibration,
}

/// How scores of the authentication network are distributed, each averaged over one window.
///
/// Frames of one window are near copies of each other, and what counts is how far *windows* differ.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct IdentityCalibration {
    /// Length of those windows, milliseconds: `decision.window-ms` must be the same.
    #[serde(default = "half_a_second")]
    pub window_ms: u32,
    /// Of the enrolled person, in sessions other than those trained on.
    pub enrolled: Normal,
    /// Of reference impostors: people who are neither enrolled nor in any test.
    pub reference: Normal,
}

/// The window of bundles that do not state it.
const fn half_a_second() -> u32 {
    500
}

/// A normal distribution of scores.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Normal {
    /// Mean, in the unit of the score.
    pub mean: f64,
    /// Standard deviation, above zero.
    pub deviation: f64,
}

/// What the expression networks are worth.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ExpressionCalibration {
    /// Temperature by which the gate's logits are divided, above zero.
    pub gate_temperature: f64,
    /// Share of radar answers that carry information, 0 to 0.99: what is left to doubt even when
    /// an expert is certain.
    pub radar_reliability: f64,
    /// The same of the event network when it has seen plenty of events, 0 to 0.99.
    pub event_reliability: f64,
    /// Events a second in the face region at which the event network is worth half of that.
    pub half_rate_ev_s: f64,
    /// Time constant with which belief fades while nothing new is said: how long expressions last,
    /// milliseconds, 100 to 60000.
    #[serde(default = "Memory::persistence_ms")]
    pub persistence_ms: u32,
    /// Answers of the radar's networks that lie closer than this count as one, milliseconds, 1 to
    /// 60000.
    #[serde(default = "Memory::repeat_ms")]
    pub radar_repeat_ms: u32,
    /// The same of the event network.
    #[serde(default = "Memory::repeat_ms")]
    pub event_repeat_ms: u32,
    /// Belief from which a label is told, above 0.5 and below 1: below it the answer is `unknown`.
    pub least_confidence: f64,
}

/// The memory of what states none.
pub struct Memory;

impl Memory {
    /// How long belief lasts.
    #[must_use]
    pub const fn persistence_ms() -> u32 {
        1_000
    }

    /// Over which time answers count as one.
    #[must_use]
    pub const fn repeat_ms() -> u32 {
        500
    }
}

/// A value of a calibration that cannot be: the key, and what is wrong with its value.
pub type Miscalibrated = (&'static str, String);

impl Calibration {
    /// Checks the ranges.
    ///
    /// # Errors
    /// When a value lies outside its range, or strangers are no stranger than the enrolled person.
    pub fn check(&self) -> Result<(), Miscalibrated> {
        self.identity.check()?;
        self.expression.check()
    }
}

impl IdentityCalibration {
    /// Checks the ranges.
    ///
    /// # Errors
    /// When a number is not finite, a deviation is not above zero, or strangers score no higher
    /// than the enrolled person.
    pub fn check(&self) -> Result<(), Miscalibrated> {
        for (key, normal) in [("enrolled", self.enrolled), ("reference", self.reference)] {
            let Normal { mean, deviation } = normal;
            if !mean.is_finite() || !deviation.is_finite() || deviation <= 0.0 {
                let problem = format!("mean {mean} and deviation {deviation} are no distribution");
                return Err((key, problem));
            }
        }
        if self.reference.mean <= self.enrolled.mean {
            let problem = format!(
                "mean {} must lie above that of the enrolled person, {}; the network tells nobody \
                 apart",
                self.reference.mean, self.enrolled.mean
            );
            return Err(("reference", problem));
        }
        Ok(())
    }
}

impl ExpressionCalibration {
    /// Checks the ranges.
    ///
    /// # Errors
    /// When a value lies outside the range stated at its key.
    pub fn check(&self) -> Result<(), Miscalibrated> {
        let share = |x: f64| (0.0..=0.99).contains(&x);
        let positive = |x: f64| x.is_finite() && x > 0.0;
        let confident = |x: f64| x > 0.5 && x < 1.0;
        let minute = |x: f64| (1.0..=60_000.0).contains(&x);
        let tenth_to_minute = |x: f64| (100.0..=60_000.0).contains(&x);
        let [persistence, radar_repeat, event_repeat] =
            [self.persistence_ms, self.radar_repeat_ms, self.event_repeat_ms].map(f64::from);
        let rows = [
            ("gate-temperature", self.gate_temperature, positive as fn(f64) -> bool, "above 0"),
            ("radar-reliability", self.radar_reliability, share, "in 0..=0.99"),
            ("event-reliability", self.event_reliability, share, "in 0..=0.99"),
            ("half-rate-ev-s", self.half_rate_ev_s, positive, "above 0"),
            ("persistence-ms", persistence, tenth_to_minute, "in 100..=60000"),
            ("radar-repeat-ms", radar_repeat, minute, "in 1..=60000"),
            ("event-repeat-ms", event_repeat, minute, "in 1..=60000"),
            ("least-confidence", self.least_confidence, confident, "above 0.5 and below 1"),
        ];
        match rows.iter().find(|(_, value, is_good, _)| !is_good(*value)) {
            Some((key, value, _, range)) => Err((key, format!("{value} must be {range}"))),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Change = fn(&mut ExpressionCalibration);

    const GOOD: Calibration = Calibration {
        identity: IdentityCalibration {
            window_ms: 500,
            enrolled: Normal { mean: 0.0, deviation: 1.0 },
            reference: Normal { mean: 3.0, deviation: 1.6 },
        },
        expression: ExpressionCalibration {
            gate_temperature: 1.0,
            radar_reliability: 0.9,
            event_reliability: 0.9,
            half_rate_ev_s: 2_000.0,
            persistence_ms: 1_000,
            radar_repeat_ms: 400,
            event_repeat_ms: 300,
            least_confidence: 0.6,
        },
    };

    #[test]
    fn a_network_that_tells_nobody_apart_is_no_calibration() {
        assert_eq!(GOOD.check(), Ok(()));
        let mut same = GOOD;
        same.identity.reference.mean = 0.0;
        assert_eq!(same.check().unwrap_err().0, "reference");
        let mut nan = GOOD;
        nan.identity.enrolled.deviation = f64::NAN;
        assert_eq!(nan.check().unwrap_err().0, "enrolled");
    }

    #[test]
    fn each_value_out_of_range_is_refused_by_its_key() {
        let wrong: [(&str, Change); 8] = [
            ("gate-temperature", |c| c.gate_temperature = 0.0),
            ("radar-reliability", |c| c.radar_reliability = 1.0),
            ("event-reliability", |c| c.event_reliability = f64::NAN),
            ("half-rate-ev-s", |c| c.half_rate_ev_s = f64::INFINITY),
            ("persistence-ms", |c| c.persistence_ms = 99),
            ("radar-repeat-ms", |c| c.radar_repeat_ms = 0),
            ("event-repeat-ms", |c| c.event_repeat_ms = 60_001),
            ("least-confidence", |c| c.least_confidence = 0.5),
        ];
        for (key, change) in wrong {
            let mut calibration = GOOD;
            change(&mut calibration.expression);
            assert_eq!(calibration.check().unwrap_err().0, key);
        }
    }
}
