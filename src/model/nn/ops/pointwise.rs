//! Functions of one number, attention, spikes and the mean squared error as nodes of the graph.

use candle_core::{Result, Shape, Tensor, bail};

use super::operator::{Known, Operator, apply1, apply2, apply3};
use super::threads;
use crate::model::nn::kernels::{Activation, Attention, HeadRows, Isa, SoftSpike, each_item};

/// Multiplications a function of one number is worth.
const COST: usize = 8;
/// Floats handed to a thread at a time: whole vectors of every instruction set.
const PIECE: usize = 4096;

pub(super) fn activation(x: &Tensor, activation: Activation) -> Result<Tensor> {
    apply1(x, Pointwise { activation, shape: x.shape().clone() })
}

struct Pointwise {
    activation: Activation,
    shape: Shape,
}

impl Pointwise {
    /// Calls `work` with pieces of `out` and where they start.
    fn pieces(out: &mut [f32], work: impl Fn(usize, &mut [f32]) + Sync) {
        let len = PIECE.min(out.len());
        let tail = out.len() - out.len() % len.max(1);
        let (whole, rest) = out.split_at_mut(tail);
        each_item(threads(), COST * len, (whole, len), |piece, out| work(piece * len, out));
        work(tail, rest);
    }
}

impl Operator<1> for Pointwise {
    const NAME: &'static str = "activation";

    fn shape(&self) -> Shape {
        self.shape.clone()
    }

    fn forward(&self, [x]: [&[f32]; 1], output: &mut [f32]) {
        Self::pieces(output, |at, out| {
            self.activation.run(Isa::best(), &x[at..at + out.len()], out);
        });
    }

    fn backward(&self, known: &Known<'_, 1>) -> [Option<Vec<f32>>; 1] {
        let [x] = known.inputs;
        let mut of_x = vec![0.0; x.len()];
        Self::pieces(&mut of_x, |at, out| {
            let here = at..at + out.len();
            let gradient = &known.gradient[here.clone()];
            self.activation.gradient(Isa::best(), &x[here], gradient, out);
        });
        [Some(of_x)]
    }
}

pub(super) fn attention(q: &Tensor, k: &Tensor, v: &Tensor) -> Result<Tensor> {
    let (_, _, tokens, dim) = q.dims4()?;
    if k.dims() != q.dims() || v.dims() != q.dims() {
        bail!("queries of {:?}, keys of {:?}, values of {:?}", q.dims(), k.dims(), v.dims());
    }
    if tokens * dim == 0 {
        bail!("attention of {tokens} tokens of {dim} numbers");
    }
    let head = Attention::plan(Isa::best(), tokens, dim);
    apply3([q, k, v], Heads { head, len: tokens * dim, dim, tokens, shape: q.shape().clone() })
}

struct Heads {
    head: Attention,
    /// Floats of a head.
    len: usize,
    dim: usize,
    tokens: usize,
    shape: Shape,
}

impl Heads {
    fn cost(&self) -> usize {
        2 * self.len * self.tokens
    }

    fn rows<'a>(&self, inputs: [&'a [f32]; 3], head: usize) -> [HeadRows<'a>; 3] {
        inputs.map(|all| HeadRows { rows: &all[head * self.len..][..self.len], stride: self.dim })
    }
}

impl Operator<3> for Heads {
    const NAME: &'static str = "attention";

    fn shape(&self) -> Shape {
        self.shape.clone()
    }

    fn forward(&self, inputs: [&[f32]; 3], output: &mut [f32]) {
        each_item(threads(), self.cost(), (output, self.len), |first, out| {
            let mut scratch = vec![0.0; self.head.scratch()];
            for (head, out) in (first..).zip(out.chunks_exact_mut(self.len)) {
                self.head.run(self.rows(inputs, head), (out, self.dim), &mut scratch);
            }
        });
    }

    fn backward(&self, known: &Known<'_, 3>) -> [Option<Vec<f32>>; 3] {
        let mut all = vec![0.0; 3 * known.output.len()];
        each_item(threads(), 4 * self.cost(), (&mut all, 3 * self.len), |first, out| {
            for (head, out) in (first..).zip(out.chunks_exact_mut(3 * self.len)) {
                let gradient = &known.gradient[head * self.len..][..self.len];
                self.head.gradient(self.rows(known.inputs, head), gradient, out);
            }
        });
        [0, 1, 2].map(|which| {
            let heads = all.chunks_exact(3 * self.len);
            let mine = heads.flat_map(|head| &head[which * self.len..][..self.len]);
            Some(mine.copied().collect())
        })
    }
}

pub(super) fn soft_spike(current: &Tensor, decay: &Tensor, bias: &Tensor) -> Result<Tensor> {
    let (_, frames, height, width, channels) = current.dims5()?;
    if decay.dims() != [channels] || bias.dims() != [channels] {
        bail!("decay {:?} and bias {:?} for {channels} channels", decay.dims(), bias.dims());
    }
    if frames * height * width * channels == 0 {
        bail!("spikes in a clip of {:?}", current.dims());
    }
    let clip = [frames, height * width];
    apply3([current, decay, bias], Neurons { clip, shape: current.shape().clone() })
}

struct Neurons {
    /// Frames, pixels.
    clip: [usize; 2],
    shape: Shape,
}

impl Operator<3> for Neurons {
    const NAME: &'static str = "soft-spike";

    fn shape(&self) -> Shape {
        self.shape.clone()
    }

    fn forward(&self, [current, decay, bias]: [&[f32]; 3], output: &mut [f32]) {
        let plan = SoftSpike::plan(Isa::best(), self.clip, decay, bias);
        let len = self.clip[0] * self.clip[1] * decay.len();
        output.copy_from_slice(current);
        each_item(threads(), COST * len, (output, len), |_, out| {
            let mut scratch = vec![0.0; plan.scratch()];
            for clip in out.chunks_exact_mut(len.max(1)) {
                plan.run_in_place(clip, &mut scratch);
            }
        });
    }

    fn backward(&self, known: &Known<'_, 3>) -> [Option<Vec<f32>>; 3] {
        let [current, decay, bias] = known.inputs;
        let plan = SoftSpike::plan(Isa::best(), self.clip, decay, bias);
        let mut of_current = vec![0.0; current.len()];
        let inputs = [current, known.output, known.gradient];
        let [of_decay, of_bias] = plan.gradient(threads(), inputs, &mut of_current);
        [Some(of_current), Some(of_decay), Some(of_bias)]
    }
}

pub(super) fn mse(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    if a.dims() != b.dims() || a.elem_count() == 0 {
        bail!("the mean squared error of {:?} and {:?}", a.dims(), b.dims());
    }
    apply2([a, b], MeanSquare)
}

/// Mean of the squared differences.
struct MeanSquare;

impl Operator<2> for MeanSquare {
    const NAME: &'static str = "mse";

    fn shape(&self) -> Shape {
        Shape::from(())
    }

    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "a loss")]
    fn forward(&self, [a, b]: [&[f32]; 2], output: &mut [f32]) {
        let squares = a.iter().zip(b).map(|(a, b)| f64::from(a - b) * f64::from(a - b));
        output[0] = (squares.sum::<f64>() / a.len() as f64) as f32;
    }

    fn backward(&self, known: &Known<'_, 2>) -> [Option<Vec<f32>>; 2] {
        let [a, b] = known.inputs;
        #[expect(clippy::cast_precision_loss, reason = "rounded to 24 bits, as all of this is")]
        let by = 2.0 * known.gradient[0] / a.len() as f32;
        let signed = |by: f32| a.iter().zip(b).map(move |(a, b)| by * (a - b)).collect();
        [known.wanted[0].then(|| signed(by)), known.wanted[1].then(|| signed(-by))]
    }
}
