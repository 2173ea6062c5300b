//! The network against `PyTorch`: gradients, loss curve, scores after training.

use super::*;
use crate::model::golden::{class_loss, trains_as_pytorch_does, voxel};

#[test]
fn it_trains_as_pytorch_does() {
    let config = |preset: &str, _| Cs3d::preset(preset).unwrap();
    trains_as_pytorch_does::<Cs3d>(config, voxel, class_loss);
}
