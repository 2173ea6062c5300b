//! Where the antennas are: one transmitter, three receivers in an L.

/// Number of receivers.
pub(crate) const RECEIVERS: usize = 3;

/// Transmitter, metres: x right as the person sees it in the image, y down.
const TRANSMITTER: [f64; 3] = [0.0, -5.0e-3, 0.0];
/// RX1, RX2, RX3: 2.5 mm apart, RX1-RX3 across (azimuth), RX2-RX3 along (elevation).
const RECEIVER: [[f64; 3]; RECEIVERS] = [[2.5e-3, 0.0, 0.0], [0.0, 2.5e-3, 0.0], [0.0, 0.0, 0.0]];

/// Length of the way from the transmitter over `point` to each receiver, metres.
pub(crate) fn paths(point: [f64; 3]) -> [f64; RECEIVERS] {
    let out = distance(TRANSMITTER, point);
    RECEIVER.map(|receiver| out + distance(receiver, point))
}

pub(crate) fn distance(a: [f64; 3], b: [f64; 3]) -> f64 {
    ((a[0] - b[0]).powi(2) + (a[1] - b[1]).powi(2) + (a[2] - b[2]).powi(2)).sqrt()
}

/// Share of the amplitude that both antennas together pass at this direction, 1 straight ahead.
///
/// Patches of this kind have about 80 degrees between half powers, both ways together.
pub(crate) fn pattern(point: [f64; 3]) -> f64 {
    let cosine = (point[2] / distance([0.0; 3], point)).max(0.0);
    cosine * cosine
}
