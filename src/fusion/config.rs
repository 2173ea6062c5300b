//! Settings of decisions. What scores are worth is no setting: it comes with the model bundle.

use serde::Deserialize;

use crate::units::Micros;

/// `[pipeline.decision]`
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Config {
    /// Radar frames of so many milliseconds are averaged into one piece of evidence, 100 to 1000.
    /// The bundle's calibration speaks of windows of this length.
    pub window_ms: u32,
    /// Windows that must have been seen before anybody is accepted or rejected, 2 to 60.
    pub least_windows: u32,
    /// Share of strangers that may be accepted, as far as they score like the reference impostors,
    /// 0.000001 to 0.05.
    pub false_accept: f64,
    /// Share of tries at which the enrolled person may be rejected, 0.000001 to 0.2.
    pub false_reject: f64,
    /// How long the enrolled person counts as there after the last evidence for it, milliseconds,
    /// 200 to 2000 and at least two windows.
    pub lease_ms: u32,
    /// True: only somebody alive is let in, which takes the eight seconds of two breaths.
    pub require_liveness: bool,
    /// Distance up to which an echo counts as somebody in front of the radar, metres, 0.2 to 10.
    pub farthest_m: f64,
    /// `[pipeline.decision.expression]`
    pub expression: ExpressionConfig,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            window_ms: 500,
            least_windows: 4,
            false_accept: 0.001,
            false_reject: 0.01,
            lease_ms: 2_000,
            require_liveness: false,
            farthest_m: 1.0,
            expression: ExpressionConfig::default(),
        }
    }
}

/// `[pipeline.decision.expression]`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct ExpressionConfig {
    /// How the gate's answer picks an expert.
    pub routing: Routing,
}

/// How the gate's answer picks an expert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Routing {
    /// Both are asked, and weigh as much as the gate believes in them. What bundles are calibrated and
    /// evaluated with.
    #[default]
    Soft,
    /// The likelier expert alone is asked: FOODER, section on expressions. A gate that errs rules out
    /// the pose that is shown.
    Hard,
}

impl Routing {
    /// Which experts a gate with these logits, dynamic and static, asks for: dynamic, static.
    #[must_use]
    pub fn experts(self, [dynamic, still]: [f32; 2]) -> [bool; 2] {
        match self {
            Self::Hard => [dynamic >= still, dynamic < still],
            Self::Soft => [true; 2],
        }
    }
}

impl Config {
    /// Checks the ranges.
    ///
    /// # Errors
    /// The key, without its `decision.`, and what is wrong with its value.
    pub fn check(&self) -> Result<(), (&'static str, String)> {
        within("window-ms", self.window_ms, 100, 1_000)?;
        within("least-windows", self.least_windows, 2, 60)?;
        within("false-accept", self.false_accept, 1e-6, 0.05)?;
        within("false-reject", self.false_reject, 1e-6, 0.2)?;
        within("lease-ms", self.lease_ms, 200, 2_000)?;
        if self.lease_ms < 2 * self.window_ms {
            let problem = format!(
                "{} is shorter than two windows of {} ms: the lease would end between them; \
                 lengthen it or shorten `window-ms`",
                self.lease_ms, self.window_ms
            );
            return Err(("lease-ms", problem));
        }
        within("farthest-m", self.farthest_m, 0.2, 10.0)
    }

    pub(super) fn window(&self) -> Micros {
        Micros::from_millis(self.window_ms.into())
    }

    pub(super) fn lease(&self) -> Micros {
        Micros::from_millis(self.lease_ms.into())
    }
}

fn within<T: PartialOrd + Copy + std::fmt::Display>(
    key: &'static str,
    value: T,
    least: T,
    most: T,
) -> Result<(), (&'static str, String)> {
    if value >= least && value <= most {
        return Ok(()); // never for a NaN
    }
    Err((key, format!("{value} must lie in {least}..={most}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    type Change = fn(&mut Config);

    #[test]
    fn each_value_out_of_range_is_refused_by_its_key() {
        assert_eq!(Config::default().check(), Ok(()));
        let wrong: [(&str, Change); 8] = [
            ("window-ms", |c| c.window_ms = 99),
            ("least-windows", |c| c.least_windows = 1),
            ("false-accept", |c| c.false_accept = 0.5),
            ("false-reject", |c| c.false_reject = f64::NAN),
            ("lease-ms", |c| c.lease_ms = 2_001),
            ("lease-ms", |c| c.lease_ms = 999),
            ("farthest-m", |c| c.farthest_m = f64::INFINITY),
            ("farthest-m", |c| c.farthest_m = 0.0),
        ];
        for (key, change) in wrong {
            let mut config = Config::default();
            change(&mut config);
            assert_eq!(config.check().unwrap_err().0, key);
        }
    }
}
