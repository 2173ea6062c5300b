//! What was asked for, and whether it was reached.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use serde::{Deserialize, Serialize};

use super::expression::Expressions;
use super::identity::Identities;
use crate::evaluate::baselines::detector::FOODER;
use crate::evaluate::metrics::Estimate;
use crate::evaluate::table::Of;

/// A figure that was asked for.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Target {
    pub(crate) what: String,
    /// The bar, in words.
    pub(crate) bar: String,
    /// Measured on simulated persons.
    pub(crate) sim: Measured,
    /// Measured on a bench: reflectors, phantoms, screens.
    pub(crate) bench: Measured,
    /// Measured on people.
    pub(crate) real: Measured,
}

/// What was measured, and how it compares.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Measured {
    pub(crate) verdict: Verdict,
    /// In words; empty if nothing was measured.
    pub(crate) value: String,
}

/// How a figure compares with its bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Verdict {
    Met,
    Missed,
    NotMeasured,
}

/// What is known of C3D beside CS3D, from a file that `--comparison` names.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Cost {
    /// Accuracy of CS3D on the test, 0 to 1.
    pub(crate) cs3d_accuracy: f64,
    /// Accuracy of C3D, trained and tested on the same recordings.
    pub(crate) c3d_accuracy: f64,
    /// Multiplications of CS3D over those of C3D.
    pub(crate) cost_share: f64,
}

impl Cost {
    /// Reads a TOML file with the three numbers.
    ///
    /// # Errors
    /// When it is absent or malformed, or a number is no share.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("{}", path.display()))?;
        let cost: Self = toml::from_str(&text).with_context(|| format!("{}", path.display()))?;
        let numbers = [cost.cs3d_accuracy, cost.c3d_accuracy, cost.cost_share];
        ensure!(
            numbers.iter().all(|number| (0.0..=1.0).contains(number)),
            "{}: all three numbers must lie in 0..=1",
            path.display()
        );
        Ok(cost)
    }
}

/// One bar: what it is of, its words, and the figure with whether it holds.
type Bar = (&'static str, &'static str, Option<(String, bool)>);

/// All bars.
pub(super) fn targets(
    of: &Of,
    identity: &Identities,
    expression: &Expressions,
    cost: Option<&Cost>,
) -> Vec<Target> {
    let row = |grain: &str| {
        let mut rows = identity.rows.iter();
        rows.find(|row| {
            row.detector == FOODER && row.grain == grain && row.subset == "all strangers"
        })
    };
    let fused = |grain: &str| {
        let row = expression.rows.iter().find(|row| row.is_main("fused", grain))?;
        Some((percent(&row.accuracy), row.accuracy.value >= 0.947))
    };
    let beats = |second: &str| {
        let mut pairs = expression.pairs.iter();
        let pair = pairs.find(|pair| pair.is_main() && pair.second == second)?;
        let is_better = pair.difference.low.is_some_and(|low| low > 0.0);
        Some((signed(&pair.difference), is_better))
    };
    let bars: [Bar; 8] = [
        (
            "authentication, AUROC per frame",
            "at least 0.95",
            row("frame").map(|row| (plain(&row.auroc), row.auroc.value >= 0.95)),
        ),
        (
            "authentication, FPR95 per frame",
            "below 18.1 %",
            row("frame").map(|row| (percent(&row.fpr95), row.fpr95.value < 0.181)),
        ),
        (
            "authentication, FAR per 2 s at the frozen threshold",
            "below 2 %",
            row("2 s")
                .and_then(|row| row.false_accept)
                .map(|far| (percent(&far), far.value < 0.02)),
        ),
        (
            "expressions of the enrolled person, fused, as the daemon follows them",
            "at least 94.7 %",
            fused("followed"),
        ),
        (
            "expressions of the enrolled person, fused, of each window alone",
            "at least 94.7 %",
            fused("window"),
        ),
        ("fused better than radar alone", "difference above 0, interval included", beats("radar")),
        (
            "fused better than the camera alone",
            "difference above 0, interval included",
            beats("event"),
        ),
        (
            "CS3D against C3D",
            "no less accurate at 22 % of the multiplications at most",
            cost.map(|cost| {
                let is_met = cost.cs3d_accuracy >= cost.c3d_accuracy && cost.cost_share <= 0.22;
                (words(cost), is_met)
            }),
        ),
    ];
    let target = |(what, bar, measured): &Bar| {
        let measured = measured.as_ref().map_or_else(Measured::nothing, |(value, is_met)| {
            let verdict = if *is_met { Verdict::Met } else { Verdict::Missed };
            Measured { verdict, value: value.clone() }
        });
        let (sim, real) = if of.simulated {
            (measured, Measured::nothing())
        } else {
            (Measured::nothing(), measured)
        };
        let (what, bar) = ((*what).to_owned(), (*bar).to_owned());
        Target { what, bar, sim, bench: Measured::nothing(), real }
    };
    bars.iter().map(target).collect()
}

impl Measured {
    const fn nothing() -> Self {
        Self { verdict: Verdict::NotMeasured, value: String::new() }
    }

    /// The value and what it is worth.
    pub(crate) fn words(&self) -> String {
        match self.verdict {
            Verdict::Met => format!("{}: met", self.value),
            Verdict::Missed => format!("{}: missed", self.value),
            Verdict::NotMeasured => "not measured".to_owned(),
        }
    }
}

fn words(cost: &Cost) -> String {
    format!(
        "{:.1} % against {:.1} % at {:.1} % of the multiplications",
        100.0 * cost.cs3d_accuracy,
        100.0 * cost.c3d_accuracy,
        100.0 * cost.cost_share
    )
}

/// `0.941 (0.902 to 0.968)`
pub(crate) fn plain(estimate: &Estimate) -> String {
    interval(estimate, |value| format!("{value:.3}"), "")
}

/// `18.1 % (9.2 to 30.4 %)`
pub(crate) fn percent(estimate: &Estimate) -> String {
    interval(estimate, |value| format!("{:.1}", 100.0 * value), " %")
}

fn signed(estimate: &Estimate) -> String {
    interval(estimate, |value| format!("{:+.1}", 100.0 * value), " points")
}

fn interval(estimate: &Estimate, number: impl Fn(f64) -> String, unit: &str) -> String {
    let value = number(estimate.value);
    match (estimate.low, estimate.high) {
        (Some(low), Some(high)) => {
            format!("{value}{unit} ({} to {}{unit})", number(low), number(high))
        }
        _ => format!("{value}{unit}"),
    }
}
