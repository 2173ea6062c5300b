//! One map's part of the authentication: encoder, decoder, and a leaf on the features of each.

use candle_core::{D, Tensor};
use candle_nn::VarBuilder;
use candle_nn::init::DEFAULT_KAIMING_NORMAL;

use super::{Config, Leaves};
use crate::model::nn::layers::linear::LinearBn;
use crate::model::nn::layers::{ConvBn, ConvTransposedBn, Iled};
use crate::model::nn::{
    Mode,
    ops::{self, Conv},
    program::{self, Activation, After, Builder, Combine, Value},
};

/// Rows and columns of a map, range by Doppler.
pub(super) const SIDE: usize = 64;
/// Rows and columns after the encoder's convolutions, each of stride 2.
const INNER: usize = SIDE / 4;
/// `PyTorch`'s default slope; HOOD does not print its own.
const LEAKY: Activation = Activation::LeakyRelu(0.01);
/// The decoder's last convolution, which keeps the size.
const IMAGE: Conv = Conv { stride: 1, padding: 1, groups: 1 };

/// Encoder, decoder and leaves of one map; field order is the order of the forward pass.
#[derive(Debug)]
pub(super) struct Modality {
    conv1: ConvBn,
    conv2: ConvBn,
    to_latent: LinearBn,
    from_latent: LinearBn,
    up1: ConvTransposedBn,
    up2: ConvTransposedBn,
    image_weight: Tensor,
    image_bias: Tensor,
    latent_leaf: Iled,
    feature_leaf: Iled,
    /// Channels between the convolutions and the latent.
    inner: usize,
    feature_pool: usize,
    leaves: Leaves,
}

/// What one map was, and what became of it at three depths. All pairs have equal shapes.
#[derive(Debug)]
pub struct Reconstruction {
    /// The map and what the decoder made of it, `[batch, 64, 64, 1]`.
    pub image: [Tensor; 2],
    /// The latent and what its leaf made of it, `[batch, latent]`.
    pub latent: [Tensor; 2],
    /// The pooled features in front of the decoder's last convolution and what their leaf made of
    /// them, `[batch, feature]`.
    pub features: [Tensor; 2],
}

impl Modality {
    pub(super) fn new(config: &Config, weights: &VarBuilder<'_>) -> candle_core::Result<Self> {
        let &Config { channels: [first, second], latent, feature_pool, .. } = config;
        let (encoder, decoder) = (weights.pp("encoder"), weights.pp("decoder"));
        let flat = INNER * INNER * second;
        let pooled = SIDE / feature_pool;
        let features = pooled * pooled * first;
        let (image, init) = (decoder.pp("image"), DEFAULT_KAIMING_NORMAL);
        Ok(Self {
            conv1: ConvBn::new(1, first, 3, 2, &encoder.pp("0"))?,
            conv2: ConvBn::new(first, second, 3, 2, &encoder.pp("1"))?,
            to_latent: LinearBn::new(flat, latent, &encoder.pp("latent"))?,
            from_latent: LinearBn::new(latent, flat, &decoder.pp("latent"))?,
            up1: ConvTransposedBn::new(second, second, &decoder.pp("0"))?,
            up2: ConvTransposedBn::new(second, first, &decoder.pp("1"))?,
            image_weight: image.get_with_hints((1, first, 3, 3), "weight", init)?,
            image_bias: image.get_with_hints(1, "bias", candle_nn::Init::Const(0.0))?,
            latent_leaf: Iled::new(latent, config.latent_leaf, &weights.pp("latent_leaf"))?,
            feature_leaf: Iled::new(features, config.feature_leaf, &weights.pp("feature_leaf"))?,
            inner: second,
            feature_pool,
            leaves: config.leaves,
        })
    }

    /// Shapes: `[batch, 64, 64, 1]` in.
    pub(super) fn forward(&self, map: &Tensor, mode: Mode) -> candle_core::Result<Reconstruction> {
        let x = self.conv1.forward(map, mode, LEAKY)?; // [batch, 32, 32, first]
        let x = self.conv2.forward(&x, mode, LEAKY)?; // [batch, 16, 16, second]
        let latent = self.to_latent.forward(&x.flatten_from(1)?, mode)?; // [batch, latent]

        let x = self.from_latent.forward(&latent, mode)?.reshape(((), INNER, INNER, self.inner))?;
        let x = self.up1.forward(&x, mode, LEAKY)?; // [batch, 32, 32, second]
        let x = self.up2.forward(&x, mode, LEAKY)?; // [batch, 64, 64, first]
        let image = ops::conv2d(&x, &self.image_weight, Some(&self.image_bias), IMAGE)?;

        Ok(Reconstruction {
            image: [map.clone(), ops::sigmoid(&image)?],
            latent: self.reconstruct(&self.latent_leaf, &latent)?,
            features: self.reconstruct(&self.feature_leaf, &self.pool(&x)?)?,
        })
    }

    /// Adds the mean squared errors of image, latent and features, each `[batch, 1]`.
    ///
    /// Shapes: `map[batch, 64, 64, 1]` in.
    pub(super) fn compile(
        &self,
        build: &mut Builder,
        map: Value,
    ) -> Result<[Value; 3], program::Error> {
        let leaky = After::then(LEAKY);
        let batch = build.shape(map)[0];
        let x = self.conv1.compile(build, map, leaky)?;
        let x = self.conv2.compile(build, x, leaky)?;
        let x = build.reshape(x, &[batch, INNER * INNER * self.inner])?;
        let latent = self.to_latent.compile(build, x, After::default())?;

        let x = self.from_latent.compile(build, latent, After::default())?;
        let x = build.reshape(x, &[batch, INNER, INNER, self.inner])?;
        let x = self.up1.compile(build, x, leaky)?;
        let x = self.up2.compile(build, x, leaky)?;
        let (weight, bias) = (&self.image_weight, Some(&self.image_bias));
        let image = build.conv2d(x, weight, bias, IMAGE, After::then(Activation::Sigmoid))?;

        let (size, cells) = (self.feature_pool, SIDE / self.feature_pool);
        let channels = build.shape(x)[3];
        let x = build.reshape(x, &[batch, cells, size, cells, size, channels])?;
        let x = build.mean(x, 4..5)?;
        let x = build.mean(x, 2..3)?;
        let features = build.reshape(x, &[batch, cells * cells * channels])?;

        let latent_made = self.latent_leaf.compile(build, latent)?;
        let features_made = self.feature_leaf.compile(build, features)?;
        Ok([
            compile_error(build, map, image)?,
            compile_error(build, latent, latent_made)?,
            compile_error(build, features, features_made)?,
        ])
    }

    /// What goes into a leaf and what comes out.
    fn reconstruct(&self, leaf: &Iled, features: &Tensor) -> candle_core::Result<[Tensor; 2]> {
        let features = match self.leaves {
            Leaves::Joint => features.clone(),
            Leaves::Stopped => features.detach(),
        };
        let made = leaf.forward(&features)?;
        Ok([features, made])
    }

    /// Means of squares, flat. FOOD does not pool; without it the leaf of the `paper` preset alone
    /// would have 8 million weights.
    ///
    /// Shapes: `[batch, 64, 64, first]` in, `[batch, feature]` out.
    fn pool(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        ops::mean_pool2d(x, self.feature_pool)?.flatten_from(1)
    }
}

impl Reconstruction {
    /// Squared errors of image, latent and features, one row per face.
    ///
    /// Shapes: `[batch, 3]` out.
    pub(super) fn errors(&self) -> candle_core::Result<Tensor> {
        let error = |[was, made]: &[Tensor; 2]| {
            (was - made)?.flatten_from(1)?.sqr()?.mean_keepdim(D::Minus1)
        };
        let errors = [error(&self.image)?, error(&self.latent)?, error(&self.features)?];
        Tensor::cat(&errors, 1)
    }

    /// Mean squared errors of image, latent and features.
    pub(super) fn losses(&self) -> candle_core::Result<[Tensor; 3]> {
        let loss = |[was, made]: &[Tensor; 2]| ops::mse(was, made);
        Ok([loss(&self.image)?, loss(&self.latent)?, loss(&self.features)?])
    }
}

/// Adds the mean squared difference of each face.
///
/// Shapes: `was` and `made` alike in, `[batch, 1]` out.
fn compile_error(build: &mut Builder, was: Value, made: Value) -> Result<Value, program::Error> {
    let difference = build.combine(Combine::Subtract, made, was)?;
    let square = build.combine(Combine::Multiply, difference, difference)?;
    let axes = build.shape(square).len();
    let batch = build.shape(square)[0];
    let mean = build.mean(square, 1..axes)?;
    build.reshape(mean, &[batch, 1])
}
