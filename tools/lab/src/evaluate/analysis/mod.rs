//! From a table of scores to everything a report states.

pub(crate) mod expression;
pub(crate) mod identity;
pub(crate) mod targets;

#[cfg(test)]
mod tests;

use serde::Serialize;

use super::baselines::detector::{FOODER, REFERENCE};
use super::metrics::{Estimate, mean, quantile};
use super::table::{Of, Run, Table};
use expression::Expressions;
use identity::Identities;
use targets::{Cost, Target};

/// How to draw intervals.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Draws {
    /// Resamples.
    pub(crate) resamples: usize,
    /// Seed of the resamples and permutations.
    pub(crate) seed: u64,
}

/// Everything a report states.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Report {
    /// What the figures do not show; printed first.
    pub(crate) limits: Vec<String>,
    /// What was judged.
    pub(crate) of: Of,
    /// Version of this tool.
    pub(crate) tool: &'static str,
    /// Resamples behind each interval, and their seed.
    pub(crate) resamples: usize,
    pub(crate) seed: u64,
    /// The bundles; the first is reported on, all enter `seeds`.
    pub(crate) runs: Vec<Run>,
    /// What was asked for, and whether it was reached.
    pub(crate) targets: Vec<Target>,
    pub(crate) identity: Identities,
    pub(crate) expression: Expressions,
    pub(crate) seeds: Vec<Seeds>,
    /// AUROC against how far simulated persons lie apart, this table and others.
    pub(crate) spread: Vec<SpreadPoint>,
}

/// A figure over all bundles.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Seeds {
    pub(crate) figure: String,
    /// One per bundle, in the order of `runs`; absent where it was not measured.
    pub(crate) values: Vec<Option<f64>>,
    pub(crate) median: Option<f64>,
    pub(crate) least: Option<f64>,
    pub(crate) most: Option<f64>,
}

/// One table's AUROC.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct SpreadPoint {
    pub(crate) spread: f64,
    pub(crate) detector: String,
    pub(crate) auroc: Estimate,
}

/// Analyses `table`; `others` are tables of other spreads, `cost` what is known of C3D.
pub(crate) fn analyse(
    table: &Table,
    others: &[Table],
    cost: Option<&Cost>,
    draws: Draws,
) -> Report {
    let run = table.runs.first().map_or("", |run| run.run.as_str());
    let identity = identity::analyse(table, run, draws);
    let expression = expression::analyse(table, run, draws);
    Report {
        limits: limits(table),
        of: table.of.clone(),
        tool: concat!("lab ", env!("CARGO_PKG_VERSION")),
        resamples: draws.resamples,
        seed: draws.seed,
        runs: table.runs.clone(),
        targets: targets::targets(&table.of, &identity, &expression, cost),
        seeds: seeds(table),
        spread: spread(table, others, draws),
        identity,
        expression,
    }
}

fn limits(table: &Table) -> Vec<String> {
    let mut limits = Vec::new();
    if table.of.simulated {
        limits.push(
            "Everything here is simulated: persons, faces, radar and camera. It shows that the \
             code works from end to end, and nothing about people. The columns BENCH and REAL are \
             empty because nothing was measured there."
                .to_owned(),
        );
        limits.push(
            "The simulator holds the answer: persons differ by what was put into it. The control \
             rows and the curve against the spread say how much of a figure is that."
                .to_owned(),
        );
    }
    limits.push(
        "An enrolled-person check is a hint with an error rate, never an access decision; the bars \
         of biometrics standards lie at 0.01 % false accepts and below."
            .to_owned(),
    );
    limits.push(
        "Intervals resample persons and sessions. With few of them they are too narrow: of those \
         called 95 %, some 70 to 90 % hold the truth."
            .to_owned(),
    );
    limits.push(
        "FPR95 takes its threshold from the judged data and stands only beside the paper; what \
         counts is the frozen threshold. FOODER's data are private: this is a re-implementation, \
         not a comparison."
            .to_owned(),
    );
    limits.push(
        "A label says which posed expression a face resembles, never what anybody feels."
            .to_owned(),
    );
    let blind = table.runs.iter().filter(|run| run.seen == 0).count();
    if blind > 0 {
        limits.push(format!(
            "{blind} of {} bundles do not name the files they were made from: that they were not \
             tested on these rests on the split file alone.",
            table.runs.len()
        ));
    }
    if table.runs.iter().any(|run| !run.is_fusion_calibrated) {
        limits.push(
            "A bundle does not say what its expression networks are worth; radar and camera were \
             fused with equal trust (0.9, half at 2,000 events a second)."
                .to_owned(),
        );
    }
    if table.runs.len() < 5 {
        limits.push(format!(
            "{} training runs instead of at least 5: how much of a figure is luck of the seed is \
             not known.",
            table.runs.len()
        ));
    }
    limits
}

/// A figure of one run.
type Measure = fn(&Table, &str) -> Option<f64>;

fn seeds(table: &Table) -> Vec<Seeds> {
    let figures: [(&str, Measure); 8] = [
        ("AUROC per frame", |t, run| Some(identity::quick(t, run)?.auroc)),
        ("FPR95 per frame", |t, run| Some(identity::quick(t, run)?.fpr95)),
        ("FAR per frame", |t, run| Some(identity::quick_rates(t, run, None)?.false_accept)),
        ("FRR per frame", |t, run| Some(identity::quick_rates(t, run, None)?.false_reject)),
        ("FAR per 2 s", |t, run| Some(identity::quick_rates(t, run, Some(2.0))?.false_accept)),
        ("accuracy, radar", |t, run| expression::quick(t, run, "radar")),
        ("accuracy, event", |t, run| expression::quick(t, run, "event")),
        ("accuracy, fused", |t, run| expression::quick(t, run, "fused")),
    ];
    let row = |(figure, measure): &(&str, Measure)| {
        let values: Vec<_> = table.runs.iter().map(|run| measure(table, &run.run)).collect();
        let known: Vec<f64> = values.iter().copied().flatten().collect();
        Seeds {
            figure: (*figure).to_owned(),
            values,
            median: quantile(&known, 0.5),
            least: quantile(&known, 0.0),
            most: quantile(&known, 1.0),
        }
    };
    figures.iter().map(row).collect()
}

fn spread(table: &Table, others: &[Table], draws: Draws) -> Vec<SpreadPoint> {
    let mut points = Vec::new();
    for one in [table].into_iter().chain(others) {
        let Some(spread) = one.of.spread else { continue };
        let run = one.runs.first().map_or("", |run| run.run.as_str());
        for detector in [FOODER, REFERENCE] {
            let auroc = identity::auroc(one, run, detector, draws);
            points.extend(auroc.map(|auroc| SpreadPoint {
                spread,
                detector: detector.to_owned(),
                auroc,
            }));
        }
    }
    points.sort_by(|a, b| a.spread.total_cmp(&b.spread));
    points
}

/// Mean of what is there.
fn mean_of(values: impl Iterator<Item = f64>) -> Option<f64> {
    mean(&values.collect::<Vec<_>>())
}
