//! Bytes of one frame to samples, for each order in which TI devices send them.
//!
//! Source: TI SWRA581B, "Mmwave radar device ADC raw data capture", sections 5 and 6.

use ndarray::Array3;

use super::sidecar::{IqOrder, Sidecar};
use crate::data::Samples;

/// Decodes one frame of little-endian `i16` values.
///
/// Shapes: out `[antenna, chirp, sample]`, `antenna = transmitter * rx + receiver`. In, by lanes:
/// 2: `[chirp, transmitter, receiver, sample]`, complex samples in pairs `I0 I1 Q0 Q1`;
/// 4: `[chirp, transmitter, sample, receiver]`, complex samples as four I, then four Q.
/// [`IqOrder::Qi`] swaps the I with the Q.
///
/// `None` if `bytes` is not exactly one frame of a sidecar that passed its check.
#[must_use]
pub fn frame(bytes: &[u8], sidecar: &Sidecar) -> Option<Samples> {
    if sidecar.frame_bytes() != Some(bytes.len()) {
        return None;
    }
    let (words, _) = bytes.as_chunks::<2>();
    let place = Place::new(sidecar);
    let word = |index: usize| words.get(index).map_or(0, |&word| i16::from_le_bytes(word));
    let dim = (place.transmitters * place.receivers, sidecar.chirps, place.samples);
    Some(if sidecar.complex {
        let (i, q) = match sidecar.iq_order {
            IqOrder::Iq => (0, 1),
            IqOrder::Qi => (1, 0),
        };
        Samples::Complex(Array3::from_shape_fn(dim, |(antenna, chirp, sample)| {
            [i, q].map(|part| word(place.complex(antenna, chirp, sample, part)))
        }))
    } else {
        Samples::Real(Array3::from_shape_fn(dim, |(antenna, chirp, sample)| {
            word(place.real(antenna, chirp, sample))
        }))
    })
}

/// Where a sample lies in a frame, in words of 16 bits.
#[derive(Debug, Clone, Copy)]
struct Place {
    transmitters: usize,
    receivers: usize,
    samples: usize,
    four_lanes: bool,
}

impl Place {
    fn new(sidecar: &Sidecar) -> Self {
        Self {
            transmitters: usize::from(sidecar.transmitters),
            receivers: sidecar.rx_antennas.len(),
            samples: sidecar.samples,
            four_lanes: sidecar.lanes == 4,
        }
    }

    /// Index of a real sample.
    const fn real(self, antenna: usize, chirp: usize, sample: usize) -> usize {
        let slot = chirp * self.transmitters + antenna / self.receivers;
        let receiver = antenna % self.receivers;
        if self.four_lanes {
            (slot * self.samples + sample) * self.receivers + receiver
        } else {
            (slot * self.receivers + receiver) * self.samples + sample
        }
    }

    /// Index of the half `part` (0 first, 1 second) of a complex sample.
    const fn complex(self, antenna: usize, chirp: usize, sample: usize, part: usize) -> usize {
        // Samples that share a group: all receivers on four lanes, two in time on two.
        let group = if self.four_lanes { self.receivers } else { 2 };
        let index = self.real(antenna, chirp, sample);
        (index / group) * 2 * group + part * group + index % group
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sidecar(lanes: u8, complex: bool, iq_order: IqOrder, rx: u8, transmitters: u8) -> Sidecar {
        Sidecar {
            rx_antennas: (1..=rx).collect(),
            chirps: 2,
            samples: 4,
            lanes,
            complex,
            iq_order,
            start_frequency_ghz: 77.0,
            slope_mhz_per_us: 70.0,
            sample_rate_ksps: 5000.0,
            chirp_period_us: 60.0,
            frame_period_ms: 50.0,
            transmitters,
            adc_bits: 16,
        }
    }

    /// The words 0, 1, 2 ... decoded: each sample then names its own place.
    fn counted(sidecar: &Sidecar) -> Samples {
        let words = u16::try_from(sidecar.frame_bytes().unwrap() / 2).unwrap();
        let bytes: Vec<u8> = (0..words).flat_map(u16::to_le_bytes).collect();
        frame(&bytes, sidecar).unwrap()
    }

    fn complex(samples: Samples) -> Array3<[i16; 2]> {
        let Samples::Complex(samples) = samples else { panic!("real samples") };
        samples
    }

    fn real(samples: Samples) -> Array3<i16> {
        let Samples::Real(samples) = samples else { panic!("complex samples") };
        samples
    }

    #[test]
    fn two_lanes_send_complex_samples_in_pairs() {
        let iq = complex(counted(&sidecar(2, true, IqOrder::Iq, 2, 1)));
        // I0 I1 Q0 Q1 | I2 I3 Q2 Q3, then the second receiver, then the second chirp.
        assert_eq!(iq[[0, 0, 0]], [0, 2]);
        assert_eq!(iq[[0, 0, 1]], [1, 3]);
        assert_eq!(iq[[0, 0, 2]], [4, 6]);
        assert_eq!(iq[[1, 0, 0]], [8, 10]);
        assert_eq!(iq[[0, 1, 0]], [16, 18]);
        let swapped = complex(counted(&sidecar(2, true, IqOrder::Qi, 2, 1)));
        assert_eq!(swapped, iq.mapv(|[i, q]| [q, i]));
    }

    #[test]
    fn four_lanes_send_all_receivers_of_a_sample_together() {
        let iq = complex(counted(&sidecar(4, true, IqOrder::Iq, 4, 1)));
        // I(rx0..3) Q(rx0..3) of sample 0, then of sample 1.
        assert_eq!(iq[[0, 0, 0]], [0, 4]);
        assert_eq!(iq[[3, 0, 0]], [3, 7]);
        assert_eq!(iq[[0, 0, 1]], [8, 12]);
        assert_eq!(iq[[2, 1, 3]], [32 + 24 + 2, 32 + 24 + 6]);
        let real = real(counted(&sidecar(4, false, IqOrder::Iq, 4, 1)));
        assert_eq!(real[[1, 0, 0]], 1);
        assert_eq!(real[[0, 0, 1]], 4);
    }

    #[test]
    fn transmitters_take_turns_and_become_antennas() {
        let real = real(counted(&sidecar(2, false, IqOrder::Iq, 2, 3)));
        assert_eq!(real.dim(), (6, 2, 4));
        // One chirp slot holds 2 receivers x 4 samples = 8 words; a loop has 3 slots.
        assert_eq!(real[[1, 0, 0]], 4);
        assert_eq!(real[[2, 0, 0]], 8);
        assert_eq!(real[[5, 1, 3]], 24 + 16 + 4 + 3);
    }

    #[test]
    fn a_frame_of_the_wrong_length_is_refused() {
        let sidecar = sidecar(2, true, IqOrder::Iq, 1, 1);
        let length = sidecar.frame_bytes().unwrap();
        assert_eq!(frame(&vec![0; length - 1], &sidecar), None);
        assert_eq!(frame(&vec![0; length + 2], &sidecar), None);
        assert!(frame(&vec![0; length], &sidecar).is_some());
    }
}
