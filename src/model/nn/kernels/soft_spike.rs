//! Soft spiking neurons over time, forward and back through time.

use super::simd::{Isa, Kernel, Simd, dispatch, sigmoid};

/// Neurons that step through time together: each step waits for the one before, so some hundred of
/// them keep the CPU busy, while their state stays in the first-level cache.
const TOGETHER: usize = 512;

/// Planned neurons, one for each pixel and channel of a clip, at rest before its first frame:
/// `s_t = current_t + decay s_{t-1} (1 - y_{t-1})`, `y_t = sigmoid(s_t + bias)`.
///
/// The soft Spiking Neural Unit of Wozniak et al. (Nature Machine Intelligence 2, 2020) without
/// recurrent weights and with the identity as input activation, as in the authors' code.
#[derive(Debug, Clone)]
pub struct SoftSpike {
    isa: Isa,
    frames: usize,
    frame: usize,
    channels: usize,
    /// Decay and bias of neurons that step together: whole pixels.
    decay: Vec<f32>,
    bias: Vec<f32>,
}

impl SoftSpike {
    /// Shapes: clips are `[frames, pixels, channel]`; `decay[channel]`, `bias[channel]`.
    ///
    /// # Panics
    /// Where a length does not fit.
    #[must_use]
    pub fn plan(isa: Isa, [frames, pixels]: [usize; 2], decay: &[f32], bias: &[f32]) -> Self {
        let channels = decay.len();
        assert!(channels > 0 && bias.len() == channels, "one of each for each channel");
        let repeated = |x: &[f32]| x.repeat((TOGETHER / channels).max(1));
        let frame = pixels * channels;
        Self { isa, frames, frame, channels, decay: repeated(decay), bias: repeated(bias) }
    }

    /// Floats of scratch that [`run_in_place`](Self::run_in_place) needs.
    #[must_use]
    pub fn scratch(&self) -> usize {
        self.decay.len()
    }

    /// Currents of one clip become spikes.
    ///
    /// # Panics
    /// Where a length does not fit.
    pub fn run_in_place(&self, clip: &mut [f32], scratch: &mut [f32]) {
        assert_eq!(clip.len(), self.frames * self.frame, "one clip");
        assert_eq!(scratch.len(), self.scratch(), "room for the state");
        dispatch(self.isa, Forward { plan: self, clip, kept: scratch });
    }

    /// Gradient of the currents, `out`, and, behind each other in the result, of decay and bias.
    ///
    /// Shapes: `current`, `spikes`, `gradient`, `out[clip, frame, pixel, channel]`.
    ///
    /// # Panics
    /// Where a length does not fit.
    pub fn gradient(
        &self,
        threads: usize,
        [current, spikes, gradient]: [&[f32]; 3],
        out: &mut [f32],
    ) -> [Vec<f32>; 2] {
        let clip = self.frames * self.frame;
        let same = [spikes.len(), gradient.len(), out.len()] == [current.len(); 3];
        assert!(same && current.len().is_multiple_of(clip.max(1)), "whole clips");
        let run = |first: usize, out: &mut [f32], sums: &mut [f32]| {
            for (at, out) in (first..).zip(out.chunks_exact_mut(clip.max(1))) {
                let here = at * clip..(at + 1) * clip;
                let inputs = [&current[here.clone()], &spikes[here.clone()], &gradient[here]];
                let scratch = vec![0.0; (self.frames + 3) * self.decay.len()];
                dispatch(self.isa, Backward { plan: self, inputs, out, sums, scratch });
            }
        };
        // Sums are taken clip by clip, and the clips' sums added in order.
        let clips = current.len() / clip.max(1);
        let mut sums = vec![0.0; clips * 2 * self.channels];
        let mut both: Vec<_> = out
            .chunks_exact_mut(clip.max(1))
            .zip(sums.chunks_exact_mut(2 * self.channels))
            .collect();
        let share = clips.div_ceil(threads.max(1)).max(1);
        if share >= clips {
            for (at, (out, sums)) in both.into_iter().enumerate() {
                run(at, out, sums);
            }
            return self.total(&sums);
        }
        std::thread::scope(|scope| {
            let run = &run;
            for (piece, clips) in both.chunks_mut(share).enumerate() {
                scope.spawn(move || {
                    for (at, (out, sums)) in (piece * share..).zip(clips) {
                        run(at, out, sums);
                    }
                });
            }
        });
        self.total(&sums)
    }

    /// Gradients of decay and bias from those of each clip.
    fn total(&self, sums: &[f32]) -> [Vec<f32>; 2] {
        let mut decay = vec![0.0; self.channels];
        let mut bias = vec![0.0; self.channels];
        for sums in sums.chunks_exact(2 * self.channels) {
            for channel in 0..self.channels {
                decay[channel] += sums[channel];
                bias[channel] += sums[self.channels + channel];
            }
        }
        [decay, bias]
    }
}

struct Forward<'a> {
    plan: &'a SoftSpike,
    clip: &'a mut [f32],
    kept: &'a mut [f32],
}

impl Kernel for Forward<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let SoftSpike { frames, frame, ref decay, ref bias, .. } = *self.plan;
        let one = simd.splat(1.0);
        for start in (0..frame).step_by(decay.len()) {
            let count = decay.len().min(frame - start);
            let kept = &mut self.kept[..count];
            kept.fill(0.0);
            for step in 0..frames {
                let neurons = &mut self.clip[step * frame + start..][..count];
                for (at, current) in (0..count).step_by(S::LANES).zip(neurons.chunks_mut(S::LANES))
                {
                    let here = at..at + current.len();
                    let state = simd.add(simd.load(current), simd.load(&kept[here.clone()]));
                    let spike = sigmoid(simd, simd.add(state, simd.load(&bias[here.clone()])));
                    let left = simd.mul(state, simd.sub(one, spike));
                    let left = simd.mul(left, simd.load(&decay[here.clone()]));
                    simd.store(left, &mut kept[here]);
                    simd.store(spike, current);
                }
            }
        }
    }
}

struct Backward<'a> {
    plan: &'a SoftSpike,
    /// Currents, spikes, gradient of the spikes.
    inputs: [&'a [f32]; 3],
    out: &'a mut [f32],
    /// Of decay, then of bias.
    sums: &'a mut [f32],
    /// States of all frames, then three rows more.
    scratch: Vec<f32>,
}

impl Kernel for Backward<'_> {
    #[inline(always)]
    fn run<S: Simd>(mut self, simd: S) {
        let SoftSpike { frames, frame, channels, ref decay, ref bias, .. } = *self.plan;
        debug_assert_eq!(decay.len(), bias.len(), "as planned");
        let [current, spikes, gradient] = self.inputs;
        let width = decay.len();
        let (states, rows) = self.scratch.split_at_mut(frames * width);
        let (of_next, rows) = rows.split_at_mut(width);
        let (of_decay, rows) = rows.split_at_mut(width);
        let (of_bias, _) = rows.split_at_mut(width);
        let one = simd.splat(1.0);
        for start in (0..frame).step_by(width) {
            let count = width.min(frame - start);
            let lanes = (0..count).step_by(S::LANES).map(|at| (at, count.min(at + S::LANES)));
            for step in 0..frames {
                for (at, end) in lanes.clone() {
                    let now = step * frame + start;
                    let mut state = simd.load(&current[now + at..now + end]);
                    if step > 0 {
                        let before = now - frame;
                        let last = simd.load(&states[(step - 1) * width + at..][..end - at]);
                        let silent = simd.sub(one, simd.load(&spikes[before + at..before + end]));
                        let left = simd.mul(simd.mul(last, silent), simd.load(&decay[at..end]));
                        state = simd.add(state, left);
                    }
                    simd.store(state, &mut states[step * width + at..][..end - at]);
                }
            }
            for row in [&mut *of_next, &mut *of_decay, &mut *of_bias] {
                row.fill(0.0);
            }
            for step in (0..frames).rev() {
                for (at, end) in lanes.clone() {
                    let now = step * frame + start;
                    let spike = simd.load(&spikes[now + at..now + end]);
                    let silent = simd.sub(one, spike);
                    let state = simd.load(&states[step * width + at..][..end - at]);
                    let next = simd.load(&of_next[at..end]);
                    let decays = simd.load(&decay[at..end]);
                    let kept = simd.mul(decays, next);
                    let of_spike = simd.load(&gradient[now + at..now + end]);
                    let of_spike = simd.sub(of_spike, simd.mul(kept, state));
                    let of_sum = simd.mul(of_spike, simd.mul(spike, silent));
                    let of_state = simd.mul_add(kept, silent, of_sum);
                    simd.store(of_state, &mut self.out[now + at..now + end]);
                    simd.store(of_state, &mut of_next[at..end]);
                    let so_far = simd.load(&of_bias[at..end]);
                    simd.store(simd.add(so_far, of_sum), &mut of_bias[at..end]);
                    let so_far = simd.load(&of_decay[at..end]);
                    let sum = simd.mul_add(next, simd.mul(state, silent), so_far);
                    simd.store(sum, &mut of_decay[at..end]);
                }
            }
            let (decay_sums, bias_sums) = self.sums.split_at_mut(channels);
            for at in 0..count {
                decay_sums[at % channels] += of_decay[at];
                bias_sums[at % channels] += of_bias[at];
            }
        }
    }
}
