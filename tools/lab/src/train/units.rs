//! The action-unit loss: features that tell the class must also tell which muscles move for it.
//!
//! After AU-DFER (arXiv 2507.07678; only its abstract was available to us): a prior of how much of each
//! action unit a class shows, asked of a second linear layer on the features, which is dropped after
//! training. The form of the loss is ours:
//!
//! ```text
//!   beta * sum over units of -[w log a + (1 - w) log(1 - a)],   a = sigmoid(layer(features))
//! ```

use anyhow::Result;
use candle_core::{Device, Tensor};
use visaged::model::nn::layers::Linear;
use visaged::model::nn::ops;

use super::{Task, Weights};

/// Name of the layer among the weights; what begins so is not part of the network.
pub(super) const NAME: &str = "action-units";

/// Ekman and Friesen's numbers of the units that any pose here shows.
const UNITS: [u8; 9] = [1, 2, 4, 5, 6, 7, 12, 23, 26];
const SMILE: &[u8] = &[6, 12];
const SHOCK: &[u8] = &[1, 2, 5, 26];
const NEUTRAL: &[u8] = &[];
const ANGER: &[u8] = &[4, 5, 7, 23];

/// The layer with its prior.
pub(super) struct Units {
    layer: Linear,
    /// `[class, unit]`, 0 to 1.
    prior: Tensor,
    share: f64,
}

impl Units {
    /// For networks of `task` with so many `features`; `share` is beta.
    ///
    /// # Errors
    /// When candle fails.
    pub(super) fn new(task: Task, features: usize, share: f64, weights: &Weights) -> Result<Self> {
        let layer = Linear::new(features, UNITS.len(), &weights.builder().pp(NAME))?;
        Ok(Self { layer, prior: prior(task)?, share })
    }

    /// The loss to add, for soft `targets`.
    ///
    /// Shapes: `features[sample, feature]`, `targets[sample, class]` in; a number out.
    ///
    /// # Errors
    /// When candle fails.
    pub(super) fn loss(&self, features: &Tensor, targets: &Tensor) -> Result<Tensor> {
        let told = self.layer.forward(features)?;
        let shown = targets.matmul(&self.prior)?;
        Ok((binary_cross_entropy(&told, &shown)? * self.share)?)
    }
}

/// Sum over units of the cross-entropy of `sigmoid(logits)`, mean over the batch; no logit overflows it.
fn binary_cross_entropy(logits: &Tensor, targets: &Tensor) -> Result<Tensor> {
    let rest = (logits.abs()?.neg()?.exp()? + 1.0)?.log()?;
    let each = ((ops::relu(logits)? - (logits * targets)?)? + rest)?;
    Ok(each.sum(1)?.mean_all()?)
}

/// How much of each unit a class of `task` shows; where a class is two poses, the mean of both.
fn prior(task: Task) -> Result<Tensor> {
    let classes: &[&[&[u8]]] = match task {
        Task::Gate => &[&[SMILE, SHOCK], &[NEUTRAL, ANGER]],
        Task::ExpertDynamic => &[&[SMILE], &[SHOCK]],
        Task::ExpertStatic => &[&[NEUTRAL], &[ANGER]],
        Task::Auth | Task::Event => &[&[SMILE], &[SHOCK], &[NEUTRAL], &[ANGER]],
    };
    let mut values = Vec::with_capacity(classes.len() * UNITS.len());
    for poses in classes {
        values.extend(UNITS.iter().map(|unit| {
            let shown = poses.iter().map(|pose| f32::from(u8::from(pose.contains(unit))));
            #[expect(clippy::cast_precision_loss, reason = "one or two")]
            let count = poses.len() as f32;
            shown.sum::<f32>() / count
        }));
    }
    Ok(Tensor::from_vec(values, (classes.len(), UNITS.len()), &Device::Cpu)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cross_entropy_is_that_of_its_definition_and_bears_any_logit() {
        let logits = [-2.0_f32, 0.5, 0.0, 3.0];
        let targets = [0.0_f32, 1.0, 0.25, 0.5];
        let expected: f64 = logits
            .iter()
            .zip(&targets)
            .map(|(&z, &w)| {
                let (a, w) = (1.0 / (1.0 + f64::from(-z).exp()), f64::from(w));
                -(w * a.ln() + (1.0 - w) * (1.0 - a).ln())
            })
            .sum::<f64>()
            / 2.0;
        let tensor = |values: &[f32]| Tensor::from_slice(values, (2, 2), &Device::Cpu).unwrap();
        let loss = |logits: &[f32]| {
            let loss = binary_cross_entropy(&tensor(logits), &tensor(&targets)).unwrap();
            loss.to_scalar::<f32>().unwrap()
        };
        assert!((f64::from(loss(&logits)) - expected).abs() < 1e-6);
        assert!((loss(&[-1e30, 1e30, 0.0, 0.0]) - std::f32::consts::LN_2).abs() < 1e-6);
    }

    #[test]
    fn each_pose_shows_its_own_units_and_a_class_of_two_poses_the_mean() {
        let rows = |task| prior(task).unwrap().to_vec2::<f32>().unwrap();
        let poses = rows(Task::Event);
        for (row, units) in poses.iter().zip([2.0, 4.0, 0.0, 4.0]) {
            assert!((row.iter().sum::<f32>() - units).abs() < 1e-6, "{row:?}");
        }
        let [smile, shock, _, anger] = &poses[..] else { panic!("four classes") };
        let gate = rows(Task::Gate);
        let mean: Vec<f32> = smile.iter().zip(shock).map(|(a, b)| 0.5 * (a + b)).collect();
        assert_eq!(gate[0], mean);
        assert_eq!(rows(Task::ExpertStatic)[1], *anger);
    }
}
