//! Slow and obvious: the operators as their definitions say, in 64-bit floats.

/// Shapes: `x[n, h, w, ci]`, `weight[co, ci / groups, kh, kw]`, `bias[co]`.
pub(super) struct ConvTwin {
    pub(super) image: [usize; 4],
    pub(super) weight: [usize; 4],
    pub(super) stride: usize,
    pub(super) padding: usize,
    pub(super) groups: usize,
}

impl ConvTwin {
    pub(super) fn output(&self) -> [usize; 4] {
        let [n, h, w, _] = self.image;
        let side = |s: usize, k: usize| (s + 2 * self.padding - k) / self.stride + 1;
        [n, side(h, self.weight[2]), side(w, self.weight[3]), self.weight[0]]
    }

    /// Calls `f(output, input, weight)` for each product.
    fn each(&self, mut f: impl FnMut(usize, usize, usize)) {
        let ([_, h, w, ci], [co, per, kh, kw]) = (self.image, self.weight);
        let [n, ho, wo, _] = self.output();
        for (image, y, x, to) in product4([n, ho, wo, co]) {
            for (from, dy, dx, _) in product4([per, kh, kw, 1]) {
                let row = (y * self.stride + dy).checked_sub(self.padding).filter(|&row| row < h);
                let column =
                    (x * self.stride + dx).checked_sub(self.padding).filter(|&column| column < w);
                let (Some(row), Some(column)) = (row, column) else { continue };
                let group = to / (co / self.groups);
                let input = ((image * h + row) * w + column) * ci + group * per + from;
                let output = ((image * ho + y) * wo + x) * co + to;
                f(output, input, ((to * per + from) * kh + dy) * kw + dx);
            }
        }
    }

    pub(super) fn forward(&self, v: &[Vec<f64>]) -> Vec<f64> {
        let mut out = vec![0.0; self.output().iter().product()];
        self.each(|output, input, weight| out[output] += v[0][input] * v[1][weight]);
        add_bias(out, v.get(2))
    }

    /// The transposed convolution: `v[0]` lies on the output side.
    pub(super) fn transposed(&self, v: &[Vec<f64>]) -> Vec<f64> {
        let mut out = vec![0.0; self.image.iter().product()];
        self.each(|output, input, weight| out[input] += v[0][output] * v[1][weight]);
        add_bias(out, v.get(2))
    }
}

pub(super) fn product4(
    [a, b, c, d]: [usize; 4],
) -> impl Iterator<Item = (usize, usize, usize, usize)> {
    (0..a * b * c * d).map(move |i| (i / d / c / b, i / d / c % b, i / d % c, i % d))
}

fn add_bias(mut out: Vec<f64>, bias: Option<&Vec<f64>>) -> Vec<f64> {
    if let Some(bias) = bias {
        for (at, out) in out.iter_mut().enumerate() {
            *out += bias[at % bias.len()];
        }
    }
    out
}

/// Shapes: `x[n, t, pixels, ci]`, `weight[co, ci, kt]`, `bias[co]`.
pub(super) fn temporal(
    [n, t, pixels, ci]: [usize; 4],
    [co, kt]: [usize; 2],
    v: &[Vec<f64>],
) -> Vec<f64> {
    let mut out = vec![0.0; n * t * pixels * co];
    for (image, frame, pixel, to) in product4([n, t, pixels, co]) {
        for from in 0..ci {
            for tap in 0..kt {
                let Some(seen) = (frame + tap).checked_sub(kt / 2).filter(|&seen| seen < t) else {
                    continue;
                };
                out[((image * t + frame) * pixels + pixel) * co + to] += v[0]
                    [((image * t + seen) * pixels + pixel) * ci + from]
                    * v[1][(to * ci + from) * kt + tap];
            }
        }
    }
    add_bias(out, v.get(2))
}

pub(super) fn linear([rows, ci, co]: [usize; 3], v: &[Vec<f64>]) -> Vec<f64> {
    let mut out = vec![0.0; rows * co];
    for (row, to, from, _) in product4([rows, co, ci, 1]) {
        out[row * co + to] += v[0][row * ci + from] * v[1][to * ci + from];
    }
    add_bias(out, v.get(2))
}

/// `v`: x, gamma, beta; normalised over the rows.
pub(super) fn batch_norm(columns: usize, eps: f64, v: &[Vec<f64>]) -> Vec<f64> {
    let (mean, var) = statistics(columns, &v[0]);
    let all = [v[0].clone(), v[1].clone(), v[2].clone(), mean, var];
    fixed_norm(eps, &all)
}

pub(super) fn statistics(columns: usize, x: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let rows = (x.len() / columns) as f64;
    let column = |c: usize| x.iter().skip(c).step_by(columns);
    let mean: Vec<f64> = (0..columns).map(|c| column(c).sum::<f64>() / rows).collect();
    let off = |c: usize| column(c).map(|x| (x - mean[c]).powi(2)).sum::<f64>() / rows;
    let var = (0..columns).map(off).collect();
    (mean, var)
}

/// `v`: x, gamma, beta, mean, var.
pub(super) fn fixed_norm(eps: f64, v: &[Vec<f64>]) -> Vec<f64> {
    let columns = v[1].len();
    let of = |(at, x): (usize, &f64)| {
        let c = at % columns;
        (x - v[3][c]) / (v[4][c] + eps).sqrt() * v[1][c] + v[2][c]
    };
    v[0].iter().enumerate().map(of).collect()
}

/// `v`: x, gamma, beta; normalised over the columns.
pub(super) fn layer_norm(eps: f64, v: &[Vec<f64>]) -> Vec<f64> {
    let rows = v[0].chunks(v[1].len());
    let norm = |row: &[f64]| -> Vec<f64> {
        let (mean, var) = statistics(1, row);
        let z = row.iter().map(|x| (x - mean[0]) / (var[0] + eps).sqrt());
        z.zip(&v[1]).zip(&v[2]).map(|((z, gamma), beta)| z * gamma + beta).collect()
    };
    rows.flat_map(norm).collect()
}

pub(super) fn max_pool2d([n, h, w, c]: [usize; 4], size: usize, x: &[f64]) -> Vec<f64> {
    let largest = |(image, y, column, channel)| {
        let window = (0..size * size).map(|at| {
            let (row, column) = (y * size + at / size, column * size + at % size);
            x[((image * h + row) * w + column) * c + channel]
        });
        window.fold(f64::NEG_INFINITY, f64::max)
    };
    product4([n, h / size, w / size, c]).map(largest).collect()
}

pub(super) fn max_pool_time([n, t, frame]: [usize; 3], size: usize, x: &[f64]) -> Vec<f64> {
    let largest = |(clip, window, at, _): (usize, usize, usize, usize)| {
        let frames = (0..size).map(|f| x[(clip * t + window * size + f) * frame + at]);
        frames.fold(f64::NEG_INFINITY, f64::max)
    };
    product4([n, t / size, frame, 1]).map(largest).collect()
}

pub(super) fn mean_pixels([n, pixels, c]: [usize; 3], x: &[f64]) -> Vec<f64> {
    let mean = |(image, channel, ..): (usize, usize, usize, usize)| {
        let sum: f64 = (0..pixels).map(|p| x[(image * pixels + p) * c + channel]).sum();
        sum / pixels as f64
    };
    product4([n, c, 1, 1]).map(mean).collect()
}

pub(super) fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// `v`: q, k, v of `[heads, tokens, dim]`.
pub(super) fn attention([tokens, dim]: [usize; 2], v: &[Vec<f64>]) -> Vec<f64> {
    let heads = v[0].len() / (tokens * dim);
    let mut out = vec![0.0; v[0].len()];
    for (head, query, ..) in product4([heads, tokens, 1, 1]) {
        let row = |which: usize, token: usize| &v[which][(head * tokens + token) * dim..][..dim];
        let score =
            |key: usize| -> f64 { row(0, query).iter().zip(row(1, key)).map(|(q, k)| q * k).sum() };
        let powers: Vec<f64> =
            (0..tokens).map(|key| (score(key) / (dim as f64).sqrt()).exp()).collect();
        let sum: f64 = powers.iter().sum();
        for (key, power) in powers.iter().enumerate() {
            for (out, value) in out[(head * tokens + query) * dim..].iter_mut().zip(row(2, key)) {
                *out += power / sum * value;
            }
        }
    }
    out
}

/// `v`: currents of `[n, t, pixels * c]`, decay, bias.
pub(super) fn soft_spike([n, t, frame]: [usize; 3], v: &[Vec<f64>]) -> Vec<f64> {
    let mut out = vec![0.0; n * t * frame];
    let channels = v[1].len();
    for (clip, at, ..) in product4([n, frame, 1, 1]) {
        let (mut state, mut spike) = (0.0, 0.0);
        for step in 0..t {
            let here = (clip * t + step) * frame + at;
            state = v[0][here] + v[1][at % channels] * state * (1.0 - spike);
            spike = sigmoid(state + v[2][at % channels]);
            out[here] = spike;
        }
    }
    out
}
