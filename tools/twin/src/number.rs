//! Conversions between numbers whose loss is known and harmless here.

/// A count as a real number; counts here stay far below 2^52.
#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
pub(crate) const fn real(count: usize) -> f64 {
    count as f64
}

/// A count as a 32-bit real number; for pixels, nodes and patches, far below 2^24.
#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^24")]
pub(crate) const fn single(count: usize) -> f32 {
    count as f32
}

/// The nearest 32-bit real number.
#[expect(clippy::cast_possible_truncation, reason = "rounding is the purpose")]
pub(crate) const fn narrow(value: f64) -> f32 {
    value as f32
}

/// The whole part; negative numbers and NaN become 0.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
pub(crate) const fn whole(value: f64) -> usize {
    value as usize
}

/// The whole part of a 32-bit number; negative numbers and NaN become 0.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
pub(crate) const fn whole32(value: f32) -> usize {
    value as usize
}

/// Whole microseconds of a time in seconds, rounded down.
#[expect(clippy::cast_possible_truncation, reason = "recordings last less than days")]
pub(crate) fn micros(seconds: f64) -> i64 {
    (seconds * 1e6).floor() as i64
}
