//! Microseconds between whole numbers and floats, and medians.

/// Microseconds as a float.
#[expect(clippy::cast_precision_loss, reason = "spans, which are exact up to 285 years")]
pub(super) const fn float(micros: i64) -> f64 {
    micros as f64
}

/// A count as a float.
#[expect(clippy::cast_precision_loss, reason = "counts of a window are far below 2^53")]
pub(super) const fn count(items: usize) -> f64 {
    items as f64
}

/// The nearest whole microsecond.
#[expect(clippy::cast_possible_truncation, reason = "`as` saturates, which is what we want")]
pub(super) const fn whole(micros: f64) -> i64 {
    micros.round() as i64
}

/// The nearest number that fits.
pub(super) fn saturate(micros: i128) -> i64 {
    i64::try_from(micros).unwrap_or(if micros < 0 { i64::MIN } else { i64::MAX })
}

/// The middle value (the mean of the two middle ones); sorts `values`; `None` without any.
pub(super) fn median(values: &mut [f64]) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    let upper = values.get(values.len() / 2)?;
    let lower = values.get((values.len() - 1) / 2)?;
    Some(f64::midpoint(*lower, *upper))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_number_of_values_lies_between_the_middle_ones() {
        assert_eq!(median(&mut [4.0, 1.0, 3.0, 2.0]), Some(2.5));
        assert_eq!(median(&mut [9.0, 1.0, 3.0]), Some(3.0));
        assert_eq!(median(&mut []), None);
    }
}
