//! The timing loop: warm up, then many samples, each long enough for the clock.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// Shortest sample: a thousand times what reading both clocks costs.
const SHORTEST: Duration = Duration::from_millis(1);
/// Most samples; their median does not get better with more.
const MOST_SAMPLES: usize = 10_000;

/// How long to measure.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Effort {
    warm_up: Duration,
    budget: Duration,
}

impl Effort {
    /// A third of `budget` to warm up, the rest to measure.
    pub(crate) fn thorough(budget: Duration) -> Self {
        Self { warm_up: budget / 3, budget: budget - budget / 3 }
    }

    /// One of `workloads` that share `all`: nothing is warm.
    pub(crate) fn smoke(all: Duration, workloads: usize) -> Self {
        let share = all / u32::try_from(workloads.max(1)).unwrap_or(u32::MAX);
        // Half is left for the preparation of inputs.
        Self { warm_up: Duration::ZERO, budget: share / 2 }
    }
}

/// What one call took, in nanoseconds, over all samples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Times {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
    /// Median of the CPU time of this thread: what other processes do to it is left out.
    pub(crate) cpu_median: f64,
    pub(crate) samples: usize,
    pub(crate) calls_per_sample: u32,
}

/// Calls `run` again and again. It is called at least twice, or once where nothing is warmed up.
pub(crate) fn measure(effort: Effort, run: &mut dyn FnMut()) -> Times {
    let mut longest_warm_call = Duration::ZERO;
    if !effort.warm_up.is_zero() {
        let start = now();
        while start.elapsed() < effort.warm_up || longest_warm_call.is_zero() {
            let call = now();
            run();
            longest_warm_call = call.elapsed().max(Duration::from_nanos(1));
        }
    }
    let calls_per_sample = calls_for(SHORTEST, longest_warm_call);
    let (mut wall, mut cpu) = (Vec::new(), Vec::new());
    let start = now();
    while wall.is_empty() || (start.elapsed() < effort.budget && wall.len() < MOST_SAMPLES) {
        let (wall_start, cpu_start) = (now(), thread_time());
        for _ in 0..calls_per_sample {
            run();
        }
        let (wall_time, cpu_time) = (wall_start.elapsed(), thread_time() - cpu_start);
        wall.push(per_call(wall_time, calls_per_sample));
        cpu.push(per_call(cpu_time, calls_per_sample));
    }
    wall.sort_by(f64::total_cmp);
    cpu.sort_by(f64::total_cmp);
    Times {
        median: wall[wall.len() / 2],
        min: wall[0],
        max: wall[wall.len() - 1],
        cpu_median: cpu[cpu.len() / 2],
        samples: wall.len(),
        calls_per_sample,
    }
}

/// Calls of `call` each that fill a `sample`; one where nothing is known.
fn calls_for(sample: Duration, call: Duration) -> u32 {
    let calls = sample.as_nanos().checked_div(call.as_nanos()).unwrap_or(0);
    u32::try_from(calls).unwrap_or(u32::MAX).saturating_add(1)
}

fn per_call(sample: Duration, calls: u32) -> f64 {
    sample.as_secs_f64() * 1e9 / f64::from(calls)
}

#[expect(clippy::disallowed_methods, reason = "a bench measures time; nothing decides by it")]
fn now() -> Instant {
    Instant::now()
}

/// CPU time of this thread.
fn thread_time() -> Duration {
    // The kernel counts it from 0 up, so that it is never negative.
    clock_gettime(ClockId::ThreadCPUTime).try_into().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_smoke_calls_once_when_one_call_takes_its_share() {
        let mut calls = 0;
        let times = measure(Effort::smoke(Duration::ZERO, 3), &mut || calls += 1);
        assert_eq!((calls, times.samples, times.calls_per_sample), (1, 1, 1));
    }

    #[test]
    fn the_median_lies_between_the_extremes() {
        let mut sum = 0_u64;
        let effort = Effort::thorough(Duration::from_millis(20));
        let times = measure(effort, &mut || {
            sum = std::hint::black_box((0..1000).fold(sum, |a, b| a ^ std::hint::black_box(b)));
        });
        assert!(times.min > 0.0, "{times:?}");
        assert!(times.min <= times.median && times.median <= times.max, "{times:?}");
    }

    #[test]
    fn short_calls_are_sampled_together() {
        assert_eq!(calls_for(SHORTEST, Duration::from_micros(10)), 101);
        assert_eq!(calls_for(SHORTEST, Duration::from_secs(1)), 1);
        assert_eq!(calls_for(SHORTEST, Duration::ZERO), 1);
    }
}
