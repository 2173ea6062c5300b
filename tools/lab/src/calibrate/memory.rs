//! How long belief lasts, and how much of an answer is news: what makes the true poses likeliest.

use std::path::Path;

use anyhow::{Context as _, Result};
use visaged::data::score::ExpressionCalibration;
use visaged::fusion::{Follower, Routing};

use crate::evaluate::labels;
use crate::evaluate::networks::{Answer, Networks, Said, follow, stamp};
use crate::split::Member;

/// Choices of the persistence, milliseconds.
const PERSISTENCES: [u32; 7] = [250, 500, 1_000, 1_500, 2_000, 3_000, 5_000];
/// Choices of the repeats: from each answer being news to next to none of it.
const REPEATS: [u32; 8] = [100, 200, 400, 800, 1_600, 3_200, 6_400, 60_000];

/// The answers of one recording, and what was posed at some of them.
struct Timeline {
    answers: Vec<Answer>,
    /// As many as answers; absent where nothing is judged.
    truths: Vec<Option<usize>>,
}

/// Sets the memory of `worth` to what fits the `members` best, by the networks of the bundle in
/// `folder`, whose other calibration is done. Choices are few and far apart: the likelihood is flat.
///
/// # Errors
/// When a network refuses an input, or nothing is posed.
pub(super) fn fit(
    folder: &Path,
    members: &[&Member],
    worth: &mut ExpressionCalibration,
) -> Result<()> {
    let mut networks = Networks::load(folder)?;
    let mut timelines = Vec::with_capacity(members.len());
    for member in members {
        let answers = networks.answers(&member.inputs()?)?;
        let truth = |answer: &Answer| {
            labels::at(&member.recording.labels, answer.time).map(|(_, truth)| truth)
        };
        timelines.push(Timeline { truths: answers.iter().map(truth).collect(), answers });
    }
    let has = |is: fn(&Said) -> bool| {
        timelines.iter().flat_map(|one| &one.answers).any(|answer| is(&answer.said))
    };
    // What never speaks keeps what it had.
    let repeats = |has: bool, kept: u32| if has { REPEATS.to_vec() } else { vec![kept] };
    let of_radar = repeats(has(|said| matches!(said, Said::Radar(_))), worth.radar_repeat_ms);
    let of_event = repeats(has(|said| matches!(said, Said::Event(_))), worth.event_repeat_ms);
    let mut best: Option<(f64, ExpressionCalibration)> = None;
    for persistence_ms in PERSISTENCES {
        for &radar_repeat_ms in &of_radar {
            for &event_repeat_ms in &of_event {
                let choice = ExpressionCalibration {
                    persistence_ms,
                    radar_repeat_ms,
                    event_repeat_ms,
                    ..*worth
                };
                let cost = cost(&timelines, choice).context("no answer about a known pose")?;
                if best.as_ref().is_none_or(|(least, _)| cost < *least) {
                    best = Some((cost, choice));
                }
            }
        }
    }
    if let Some((_, choice)) = best {
        *worth = choice;
    }
    Ok(())
}

/// Mean negative log-likelihood of what was posed, at every answer about it.
fn cost(timelines: &[Timeline], worth: ExpressionCalibration) -> Option<f64> {
    let (mut sum, mut count) = (0.0, 0_u32);
    for Timeline { answers, truths } in timelines {
        let mut follower = Follower::new(Routing::default(), worth);
        for (Answer { time, said }, truth) in answers.iter().zip(truths) {
            follow(&mut follower, *time, said, [true; 2]);
            if let Some(truth) = truth {
                sum -= follower.belief(stamp(*time))[*truth].max(1e-12).ln();
                count += 1;
            }
        }
    }
    (count > 0).then(|| sum / f64::from(count))
}

#[cfg(test)]
mod tests {
    use visaged::data::score::EventScores;

    use super::*;

    const WORTH: ExpressionCalibration = ExpressionCalibration {
        gate_temperature: 1.0,
        radar_reliability: 0.0,
        event_reliability: 0.99,
        half_rate_ev_s: 1.0,
        persistence_ms: 1_000,
        radar_repeat_ms: 500,
        event_repeat_ms: 500,
        least_confidence: 0.6,
    };

    /// Poses of two seconds; each answer is right in three of five, in runs of `run` answers.
    fn timeline(run: usize) -> Timeline {
        let answer = |n: usize| {
            let is_right = [true, false, true, true, false][(n / run) % 5];
            let truth = n / 20 % 4;
            let told = if is_right { truth } else { (truth + 1 + n / run % 3) % 4 };
            let mut probabilities = [0.4 / 3.0; 4];
            probabilities[told] = 0.6;
            let time = f64::from(u32::try_from(n).unwrap()) / 10.0;
            let said = Said::Event(EventScores { probabilities, rate_ev_s: 1e6 });
            (Answer { time, said }, Some(truth))
        };
        let (answers, truths) = (0..2_000).map(answer).unzip();
        Timeline { answers, truths }
    }

    /// The repeat that costs least at a persistence of two seconds.
    fn best(timeline: Timeline) -> u32 {
        let timelines = [timeline];
        let costs = REPEATS.map(|event_repeat_ms| {
            cost(&timelines, ExpressionCalibration { event_repeat_ms, ..WORTH }).unwrap()
        });
        let least = (0..REPEATS.len()).min_by(|&a, &b| costs[a].total_cmp(&costs[b])).unwrap();
        REPEATS[least]
    }

    #[test]
    fn answers_that_err_in_runs_are_taken_for_repeats() {
        let (alone, in_runs) = (best(timeline(1)), best(timeline(5)));
        assert!(alone < in_runs, "{alone} ms against {in_runs} ms");
    }

    #[test]
    fn nothing_posed_has_no_cost() {
        let mut silent = timeline(1);
        silent.truths.fill(None);
        assert!(cost(&[silent], WORTH).is_none());
    }
}
