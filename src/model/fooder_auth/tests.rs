//! The network against `PyTorch`, and what its options mean.

use super::*;
use crate::model::golden::{map_pixel, trains_as_pytorch_does};

#[test]
fn it_trains_as_pytorch_does_with_leaves_joined_and_stopped() {
    let config = |preset: &str, stopped| Config {
        leaves: if stopped { Leaves::Stopped } else { Leaves::Joint },
        ..FooderAuth::preset(preset).unwrap()
    };
    trains_as_pytorch_does::<FooderAuth>(config, map_pixel, |output| output.loss().unwrap());
}
