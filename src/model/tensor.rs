//! The only bridge between ndarray and the networks; checks shapes and refuses what is not finite.
//! And between the order of axes outside and that of the layers.

use candle_core::Tensor;
use ndarray::ArrayRefD;

use super::Error;

/// Checks `input` and copies it, its channels moved from the first to the last axis.
///
/// Shapes: `input[channel, ..]` in, `channels_last[.., channel]` out, of the same length.
pub(super) fn to_channels_last(
    network: &'static str,
    input: &ArrayRefD<f32>,
    shape: &[usize],
    channels_last: &mut [f32],
) -> Result<(), Error> {
    if input.shape() != shape {
        let (got, expected) = (input.shape().to_vec(), shape.to_vec());
        return Err(Error::Input { network, got, expected });
    }
    let channels = shape[0];
    let mut finite = true;
    for (channel, plane) in input.outer_iter().enumerate() {
        let places = channels_last.iter_mut().skip(channel).step_by(channels);
        for (place, &value) in places.zip(&plane) {
            finite &= value.is_finite();
            *place = value;
        }
    }
    if finite { Ok(()) } else { Err(Error::NotFinite { network, what: "the input" }) }
}

/// Moves the axis of channels from the second to the last place, as the layers want it.
///
/// Shapes: `[batch, channel, ..]` in, `[batch, .., channel]` out, contiguous.
pub(super) fn channels_last(x: &Tensor) -> candle_core::Result<Tensor> {
    let axes = (0..1).chain(2..x.rank()).chain(1..2);
    x.permute(axes.collect::<Vec<_>>())?.contiguous()
}

/// Copies the scores, all or none.
pub(super) fn to_scores(
    network: &'static str,
    values: &[f32],
    scores: &mut [f32],
) -> Result<(), Error> {
    if values.len() != scores.len() {
        return Err(Error::Scores { network, got: values.len(), room: scores.len() });
    }
    if !values.iter().all(|value| value.is_finite()) {
        return Err(Error::NotFinite { network, what: "a score" });
    }
    scores.copy_from_slice(values);
    Ok(())
}

#[cfg(test)]
mod tests {
    use ndarray::{Array3, ArrayD};

    use super::*;

    #[test]
    fn channels_arrive_last_whatever_the_order_in_memory() {
        let number = |at: usize| f32::from(u8::try_from(at).unwrap());
        let array = Array3::from_shape_fn((2, 2, 3), |(channel, row, column)| {
            number(100 * channel + 10 * row + column)
        });
        let expected = [0.0, 100.0, 1.0, 101.0, 2.0, 102.0, 10.0, 110.0, 11.0, 111.0, 12.0, 112.0];
        let mut place = [f32::NAN; 12];
        to_channels_last("x", &array.clone().into_dyn(), &[2, 2, 3], &mut place).unwrap();
        assert_eq!(place.map(f32::to_bits), expected.map(f32::to_bits));
        // the same array, stored column first
        let reversed = array.reversed_axes().as_standard_layout().into_owned().reversed_axes();
        let mut place = [f32::NAN; 12];
        to_channels_last("x", &reversed.into_dyn(), &[2, 2, 3], &mut place).unwrap();
        assert_eq!(place.map(f32::to_bits), expected.map(f32::to_bits));
    }

    #[test]
    fn a_wrong_shape_or_a_nan_is_refused() {
        let mut array = ArrayD::<f32>::zeros(vec![2, 3]);
        let mut place = [0.0; 6];
        let wrong = to_channels_last("x", &array, &[3, 2], &mut place).unwrap_err();
        assert_eq!(wrong.to_string(), "input has shape [2, 3], but `x` takes [3, 2]");
        array[[1, 1]] = f32::NAN;
        let nan = to_channels_last("x", &array, &[2, 3], &mut place).unwrap_err();
        assert!(matches!(nan, Error::NotFinite { .. }));
    }

    #[test]
    fn scores_that_do_not_fit_or_are_infinite_are_refused() {
        let output = [1.0, f32::INFINITY];
        assert!(matches!(to_scores("x", &output, &mut [0.0; 3]), Err(Error::Scores { .. })));
        assert!(matches!(to_scores("x", &output, &mut [0.0; 2]), Err(Error::NotFinite { .. })));
    }
}
