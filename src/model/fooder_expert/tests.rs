//! The network against `PyTorch`: gradients, loss curve, scores after training.

use super::*;
use crate::model::golden::{class_loss, map_pixel, trains_as_pytorch_does};

#[test]
fn it_trains_as_pytorch_does() {
    let config = |preset: &str, _| FooderExpert::preset(preset).unwrap();
    trains_as_pytorch_does::<FooderExpert>(config, map_pixel, class_loss);
}
