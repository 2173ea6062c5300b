//! What no threshold enters: AUROC, AUPR and FPR95, with a weight on each recording.
//!
//! Genuine is the positive class of AUROC and AUPR-in, the stranger that of AUPR-out. Scores are
//! strangeness: accepted is whoever scores no more than the threshold. FPR95 takes its threshold
//! from the judged genuine scores themselves, an oracle no deployed system has: it stands beside
//! papers, and decides nothing.

use serde::Serialize;

/// One judged frame or window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Trial {
    /// Strangeness, finite.
    pub(crate) score: f64,
    /// True if the enrolled person sat there.
    pub(crate) is_genuine: bool,
    /// Index of the recording it is from: trials of one recording are drawn together.
    pub(crate) recording: usize,
}

/// Trials from least to most strange.
#[derive(Debug, Clone)]
pub(crate) struct Ranking {
    trials: Vec<Trial>,
}

/// What a ranking is worth.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Figures {
    /// Chance that a stranger scores higher than the enrolled person, ties counting one half.
    pub(crate) auroc: f64,
    /// Average precision with the enrolled person as the positive class.
    pub(crate) aupr_in: f64,
    /// Average precision with strangers as the positive class.
    pub(crate) aupr_out: f64,
    /// Share of strangers accepted when 95 % of the genuine trials are.
    pub(crate) fpr95: f64,
    /// Share of genuine trials, the value of AUPR-in at chance.
    pub(crate) prevalence: f64,
}

/// A point of a DET curve: what would be at one threshold.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct DetPoint {
    /// Threshold.
    pub(crate) threshold: f64,
    /// Share of strangers accepted.
    pub(crate) false_accept: f64,
    /// Share of genuine trials rejected.
    pub(crate) false_reject: f64,
}

/// Trials of one score, and what lies below.
#[derive(Debug, Clone, Copy, Default)]
struct Step {
    score: f64,
    genuine: f64,
    strange: f64,
    genuine_below: f64,
    strange_below: f64,
}

impl Ranking {
    /// Sorts `trials`.
    pub(crate) fn new(mut trials: Vec<Trial>) -> Self {
        // the total order puts -0 below 0, which are a tie; the sum makes 0 of both
        trials.iter_mut().for_each(|trial| trial.score += 0.0);
        trials.sort_by(|a, b| a.score.total_cmp(&b.score));
        Self { trials }
    }

    /// The trials, least strange first.
    pub(crate) fn trials(&self) -> &[Trial] {
        &self.trials
    }

    /// The figures when recording `r` counts `weight(r)` times; `None` unless both kinds are there.
    pub(crate) fn figures(&self, weight: impl Fn(usize) -> f64) -> Option<Figures> {
        let (mut genuine, mut strange) = (0.0, 0.0);
        for trial in &self.trials {
            *(if trial.is_genuine { &mut genuine } else { &mut strange }) +=
                weight(trial.recording);
        }
        if genuine <= 0.0 || strange <= 0.0 {
            return None;
        }
        let (mut area, mut aupr_in, mut aupr_out) = (0.0, 0.0, 0.0);
        let mut fpr95 = None;
        self.steps(weight, |step| {
            area += step.strange * (step.genuine_below + step.genuine / 2.0);
            let accepted = step.genuine_below + step.genuine;
            let let_in = step.strange_below + step.strange;
            if step.genuine > 0.0 {
                aupr_in += step.genuine * accepted / (accepted + let_in);
            }
            if step.strange > 0.0 {
                let caught = strange - step.strange_below;
                aupr_out += step.strange * caught / (caught + genuine - step.genuine_below);
            }
            // Whole weights make this comparison exact.
            if fpr95.is_none() && 20.0 * accepted >= 19.0 * genuine {
                fpr95 = Some(let_in / strange);
            }
        });
        Some(Figures {
            auroc: area / (genuine * strange),
            aupr_in: aupr_in / genuine,
            aupr_out: aupr_out / strange,
            fpr95: fpr95.unwrap_or(1.0),
            prevalence: genuine / (genuine + strange),
        })
    }

    /// About `count` points of the DET curve, evenly spaced in the rank of the threshold; empty
    /// unless both kinds are there.
    pub(crate) fn det(&self, count: usize) -> Vec<DetPoint> {
        let genuine = super::real(self.trials.iter().filter(|trial| trial.is_genuine).count());
        let strange = super::real(self.trials.len()) - genuine;
        if genuine <= 0.0 || strange <= 0.0 {
            return Vec::new();
        }
        let mut points = Vec::new();
        self.steps(
            |_| 1.0,
            |step| {
                points.push(DetPoint {
                    threshold: step.score,
                    false_accept: (step.strange_below + step.strange) / strange,
                    false_reject: 1.0 - (step.genuine_below + step.genuine) / genuine,
                });
            },
        );
        let every = points.len().div_ceil(count.max(1));
        let last = points.len() - 1;
        let kept = points.iter().enumerate();
        kept.filter(|(at, _)| at % every == 0 || *at == last).map(|(_, point)| *point).collect()
    }

    /// Walks over groups of equal scores, upwards.
    fn steps(&self, weight: impl Fn(usize) -> f64, mut visit: impl FnMut(Step)) {
        let mut step = Step::default();
        for group in self.trials.chunk_by(|a, b| a.score.total_cmp(&b.score).is_eq()) {
            step.genuine_below += step.genuine;
            step.strange_below += step.strange;
            (step.genuine, step.strange, step.score) = (0.0, 0.0, group[0].score);
            for trial in group {
                *(if trial.is_genuine { &mut step.genuine } else { &mut step.strange }) +=
                    weight(trial.recording);
            }
            visit(step);
        }
    }
}
