//! `MobileViT` block: a transformer over patches between convolutions.

use candle_core::{IndexOp, Result, Tensor};
use candle_nn::{Init, VarBuilder};

use super::{Compiled, ConvBn, Linear};
use crate::model::nn::program::{Activation, After, Builder, Value};
use crate::model::nn::{Mode, ops};

/// Rows and columns of a patch. Pixels at the same place of all patches attend to each other.
const PATCH: usize = 2;
/// Attention heads.
const HEADS: usize = 4;
/// Dimensions of a head.
const HEAD: usize = 8;
/// `PyTorch`'s default.
const EPS: f32 = 1e-5;

/// The block of `MobileViT` (Mehta and Rastegari, ICLR 2022, figure 1): convolutions see the
/// neighbourhood, the transformer sees the whole map, and both are joined.
#[derive(Debug)]
pub struct MobileVitBlock {
    local: ConvBn,
    to_tokens: ConvBn,
    transformer: Vec<TransformerLayer>,
    from_tokens: ConvBn,
    join: ConvBn,
}

/// Sizes of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MobileVitSize {
    /// Channels of input and output.
    pub channels: usize,
    /// Channels of a token.
    pub dim: usize,
    /// Layers of the transformer.
    pub depth: usize,
    /// Width of a layer's hidden part, in token widths.
    pub widening: usize,
}

impl MobileVitBlock {
    /// Asks for `local`, `to_tokens`, `transformer.0` and so on, `from_tokens` and `join`.
    ///
    /// # Errors
    /// When the builder refuses.
    pub fn new(size: MobileVitSize, weights: &VarBuilder<'_>) -> Result<Self> {
        let MobileVitSize { channels, dim, depth, widening } = size;
        let layers = weights.pp("transformer");
        Ok(Self {
            local: ConvBn::new(channels, channels, 3, 1, &weights.pp("local"))?,
            to_tokens: ConvBn::new(channels, dim, 1, 1, &weights.pp("to_tokens"))?,
            transformer: (0..depth)
                .map(|layer| TransformerLayer::new(dim, widening * dim, &layers.pp(layer)))
                .collect::<Result<_>>()?,
            from_tokens: ConvBn::new(dim, channels, 1, 1, &weights.pp("from_tokens"))?,
            join: ConvBn::new(2 * channels, channels, 3, 1, &weights.pp("join"))?,
        })
    }

    /// Shapes: `[n, h, w, channels]` in and out; `h` and `w` are even.
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        let local = self.local.forward(x, mode, Activation::Silu)?;
        let map = self.to_tokens.forward(&local, mode, Activation::Silu)?;
        let (n, h, w, dim) = map.dims4()?;
        let (down, across) = (h / PATCH, w / PATCH);
        let mut tokens = map
            .reshape(vec![n, down, PATCH, across, PATCH, dim])?
            .permute(vec![0, 2, 4, 1, 3, 5])?
            .reshape((n * PATCH * PATCH, down * across, dim))?;
        for layer in &self.transformer {
            tokens = layer.forward(&tokens)?;
        }
        let map = tokens
            .reshape(vec![n, PATCH, PATCH, down, across, dim])?
            .permute(vec![0, 3, 1, 4, 2, 5])?
            .reshape((n, h, w, dim))?;
        let global = self.from_tokens.forward(&map, mode, Activation::Silu)?;
        let both = Tensor::cat(&[x, &global], 3)?;
        self.join.forward(&both, mode, Activation::Silu)
    }

    /// Adds the block. Shapes as in [`forward`](Self::forward).
    pub(in crate::model) fn compile(&self, build: &mut Builder, x: Value) -> Compiled {
        let silu = After::then(Activation::Silu);
        let local = self.local.compile(build, x, silu)?;
        let map = self.to_tokens.compile(build, local, silu)?;
        let whole = build.shape(map).to_vec();
        let [n, down, across, dim] = [whole[0], whole[1] / PATCH, whole[2] / PATCH, whole[3]];
        let map = build.reshape(map, &[n, down, PATCH, across, PATCH, dim])?;
        let map = build.permute(map, &[0, 2, 4, 1, 3, 5])?;
        let mut tokens = build.reshape(map, &[n * PATCH * PATCH, down * across, dim])?;
        for layer in &self.transformer {
            tokens = layer.compile(build, tokens)?;
        }
        let map = build.reshape(tokens, &[n, PATCH, PATCH, down, across, dim])?;
        let map = build.permute(map, &[0, 3, 1, 4, 2, 5])?;
        let map = build.reshape(map, &whole)?;
        let global = self.from_tokens.compile(build, map, silu)?;
        let both = build.concat(x, global)?;
        self.join.compile(build, both, silu)
    }
}

/// One layer: attention, then two linear layers, each on normalised tokens and added to them.
#[derive(Debug)]
struct TransformerLayer {
    attention_norm: LayerNorm,
    qkv: Linear,
    out: Linear,
    mlp_norm: LayerNorm,
    widen: Linear,
    narrow: Linear,
}

impl TransformerLayer {
    /// The product that gives queries, keys and values has no bias: one on the keys would shift
    /// all products of a query alike, which the softmax takes away again.
    fn new(dim: usize, hidden: usize, weights: &VarBuilder<'_>) -> Result<Self> {
        Ok(Self {
            attention_norm: LayerNorm::new(dim, &weights.pp("attention_norm"))?,
            qkv: Linear::without_bias(dim, 3 * HEADS * HEAD, &weights.pp("qkv"))?,
            out: Linear::new(HEADS * HEAD, dim, &weights.pp("out"))?,
            mlp_norm: LayerNorm::new(dim, &weights.pp("mlp_norm"))?,
            widen: Linear::new(dim, hidden, &weights.pp("widen"))?,
            narrow: Linear::new(hidden, dim, &weights.pp("narrow"))?,
        })
    }

    /// Shapes: `[b, token, dim]` in and out.
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (b, tokens, _) = x.dims3()?;
        let qkv = self
            .qkv
            .forward(&self.attention_norm.forward(x)?)?
            .reshape((b, tokens, 3, HEADS, HEAD))?
            .permute((2, 0, 3, 1, 4))?
            .contiguous()?; // [3, b, head, token, HEAD]
        let seen = ops::attention(&qkv.i(0)?, &qkv.i(1)?, &qkv.i(2)?)?;
        let seen = seen.transpose(1, 2)?.reshape((b, tokens, HEADS * HEAD))?;
        let x = (x + self.out.forward(&seen)?)?;
        let wide = ops::silu(&self.widen.forward(&self.mlp_norm.forward(&x)?)?)?;
        &x + self.narrow.forward(&wide)?
    }

    fn compile(&self, build: &mut Builder, x: Value) -> Compiled {
        let normed = self.attention_norm.compile(build, x)?;
        let qkv = self.qkv.compile(build, normed, After::default())?;
        let seen = build.attention(qkv, HEADS)?;
        let x = self.out.compile(build, seen, After::plus(x))?;
        let normed = self.mlp_norm.compile(build, x)?;
        let wide = self.widen.compile(build, normed, After::then(Activation::Silu))?;
        self.narrow.compile(build, wide, After::plus(x))
    }
}

/// Normalisation of each token.
#[derive(Debug)]
struct LayerNorm {
    gamma: Tensor,
    beta: Tensor,
}

impl LayerNorm {
    fn new(dim: usize, weights: &VarBuilder<'_>) -> Result<Self> {
        let get = |name, value| weights.get_with_hints(dim, name, Init::Const(value));
        Ok(Self { gamma: get("weight", 1.0)?, beta: get("bias", 0.0)? })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        ops::layer_norm(x, &self.gamma, &self.beta, EPS.into())
    }

    fn compile(&self, build: &mut Builder, x: Value) -> Compiled {
        build.layer_norm(x, &self.gamma, &self.beta, EPS)
    }
}
