//! `lab eval`: what a bundle is worth on recordings that took no part in making it.

mod analysis;
mod baselines;
mod gather;
pub(crate) mod labels;
mod leakage;
mod metrics;
pub(crate) mod networks;
mod report;
mod table;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use clap::Args;

use crate::progress::say;
use analysis::targets::Cost;
use analysis::{Draws, Report};
pub(crate) use metrics::bootstrap::RESAMPLES;
use table::Table;

/// What to judge.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Folder of the bundle to report on.
    #[arg(long, required_unless_present = "scores")]
    pub(crate) bundle: Option<PathBuf>,
    /// Split file: its recordings of the test are judged, the others teach the baselines.
    #[arg(long, required_unless_present = "scores")]
    pub(crate) split: Option<PathBuf>,
    /// Bundles trained with other seeds on the same split, for median and range.
    #[arg(long, value_name = "BUNDLE", num_args = 1..)]
    pub(crate) seeds_from: Vec<PathBuf>,
    /// Score tables of earlier evaluations on other spreads, for the curve against the spread.
    #[arg(long, value_name = "TABLE", num_args = 1..)]
    pub(crate) with: Vec<PathBuf>,
    /// Judges nothing: reports again on this score table.
    #[arg(long, value_name = "TABLE", conflicts_with_all = ["bundle", "split", "seeds_from"])]
    pub(crate) scores: Option<PathBuf>,
    /// TOML file with `cs3d-accuracy`, `c3d-accuracy` and `cost-share`, all 0 to 1.
    #[arg(long, value_name = "FILE")]
    pub(crate) comparison: Option<PathBuf>,
    /// Folder for `report.html`, `report.json` and `scores.jsonl`.
    #[arg(long)]
    pub(crate) out: PathBuf,
    /// Resamples behind each interval.
    #[arg(long, default_value_t = RESAMPLES)]
    pub(crate) resamples: usize,
    /// Seed of resamples and permutations.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Threads; all cores if 0. Each holds all bundles.
    #[arg(long, default_value_t = 0)]
    pub(crate) threads: usize,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    ensure!(options.resamples >= 100, "an interval takes at least 100 resamples");
    let cost = options.comparison.as_deref().map(Cost::read).transpose()?;
    let others: Vec<Table> =
        options.with.iter().map(|path| Table::read(path)).collect::<Result<_>>()?;
    fs::create_dir_all(&options.out)
        .with_context(|| format!("cannot create {}", options.out.display()))?;
    let table = if let Some(path) = &options.scores {
        Table::read(path)?
    } else {
        let table = gather::gather(&order(options)?)?;
        table.write(&options.out.join("scores.jsonl"))?;
        table
    };
    let draws = Draws { resamples: options.resamples, seed: options.seed };
    let report = analysis::analyse(&table, &others, cost.as_ref(), draws);
    write(&report, &options.out)?;
    say(&report::short(&report));
    Ok(())
}

fn order(options: &Options) -> Result<gather::Order<'_>> {
    let bundle = options.bundle.clone().context("say which bundle to judge")?;
    Ok(gather::Order {
        split: options.split.as_deref().context("say which split to judge on")?,
        bundles: [bundle].into_iter().chain(options.seeds_from.iter().cloned()).collect(),
        threads: options.threads,
    })
}

fn write(report: &Report, out: &std::path::Path) -> Result<()> {
    let mut json = serde_json::to_vec_pretty(report)?;
    json.push(b'\n');
    for (name, bytes) in
        [("report.json", json), ("report.html", report::html::page(report).into_bytes())]
    {
        let path = out.join(name);
        fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
