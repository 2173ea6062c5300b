//! The only bridge between ndarray and candle; checks shapes and refuses what is not finite.
//! And between the order of axes outside and that of the layers.

use candle_core::{Device, Tensor};
use ndarray::ArrayRefD;

use super::Error;

/// `input` as a tensor with a batch axis of one in front.
///
/// Shapes: `input[shape..]` in, `[1, shape..]` out, in the same order of axes.
pub(super) fn from_array(
    network: &'static str,
    input: &ArrayRefD<f32>,
    shape: &[usize],
) -> Result<Tensor, Error> {
    if input.shape() != shape {
        let (got, expected) = (input.shape().to_vec(), shape.to_vec());
        return Err(Error::Input { network, got, expected });
    }
    if !input.iter().all(|value| value.is_finite()) {
        return Err(Error::NotFinite { network, what: "the input" });
    }
    let batch = [&[1], shape].concat();
    match input.as_slice() {
        Some(values) => Tensor::from_slice(values, batch, &Device::Cpu),
        None => Tensor::from_vec(input.iter().copied().collect(), batch, &Device::Cpu),
    }
    .map_err(Error::candle(network))
}

/// Moves the axis of channels from the second to the last place, as the layers want it.
///
/// Shapes: `[batch, channel, ..]` in, `[batch, .., channel]` out, contiguous.
pub(super) fn channels_last(x: &Tensor) -> candle_core::Result<Tensor> {
    let axes = (0..1).chain(2..x.rank()).chain(1..2);
    x.permute(axes.collect::<Vec<_>>())?.contiguous()
}

/// Copies the scores of a batch of one.
///
/// Shapes: `output[1, score]` in, `scores[score]` out.
pub(super) fn to_scores(
    network: &'static str,
    output: &Tensor,
    scores: &mut [f32],
) -> Result<(), Error> {
    let values =
        output.flatten_all().and_then(|flat| flat.to_vec1()).map_err(Error::candle(network))?;
    if values.len() != scores.len() {
        return Err(Error::Scores { network, got: values.len(), room: scores.len() });
    }
    if !values.iter().all(|value: &f32| value.is_finite()) {
        return Err(Error::NotFinite { network, what: "a score" });
    }
    scores.copy_from_slice(&values);
    Ok(())
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, ArrayD};

    use super::*;

    #[test]
    fn a_transposed_array_arrives_in_the_order_of_its_axes() {
        let array = Array2::from_shape_fn((2, 3), |(row, column)| {
            f32::from(u8::from(row == 0)) + if column == 2 { 4.0 } else { 0.0 }
        });
        let tensor = from_array("x", &array.t().into_dyn(), &[3, 2]).unwrap();
        assert_eq!(tensor.to_vec3::<f32>().unwrap(), [[[1.0, 0.0], [1.0, 0.0], [5.0, 4.0]]]);
    }

    #[test]
    fn a_wrong_shape_or_a_nan_is_refused() {
        let mut array = ArrayD::<f32>::zeros(vec![2, 3]);
        let wrong = from_array("x", &array, &[3, 2]).unwrap_err();
        assert_eq!(wrong.to_string(), "input has shape [2, 3], but `x` takes [3, 2]");
        array[[1, 1]] = f32::NAN;
        assert!(matches!(from_array("x", &array, &[2, 3]), Err(Error::NotFinite { .. })));
    }

    #[test]
    fn scores_that_do_not_fit_or_are_infinite_are_refused() {
        let output = Tensor::new(&[[1.0f32, f32::INFINITY]], &Device::Cpu).unwrap();
        assert!(matches!(to_scores("x", &output, &mut [0.0; 3]), Err(Error::Scores { .. })));
        assert!(matches!(to_scores("x", &output, &mut [0.0; 2]), Err(Error::NotFinite { .. })));
    }
}
