//! Events to EVT3.0 RAW files that other decoders read as well.

use crate::data::{Event, Geometry};

/// Pixels of the vector triple `VECT_12`, `VECT_12`, `VECT_8`: real sensors send no other.
const TRIPLE: u16 = 32;
/// Events from which a triple with its base, four words, beats one word each.
const WORTHWHILE: usize = 5;
/// Longest recording, in microseconds (12.7 days): bounds the `TIME_HIGH` words of a gap.
const LONGEST: i64 = 1 << 40;

/// Why events cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Time runs from the first event on, and not for longer than 12.7 days.
    #[error(
        "event {0} lies before the one before it, before time 0 or 12.7 days after the first; sort and cut the events"
    )]
    Time(usize),
    /// EVT3.0 has 11 bits for a coordinate, and the sensor may have fewer pixels.
    #[error("event {0} lies off the sensor; check the geometry")]
    Pixel(usize),
}

/// The bytes of an EVT3.0 RAW file with `events`.
///
/// EVT3.0 keeps 24 bits of time: read back, the times lack the whole turns of 16.777216 s before
/// the first event.
///
/// # Errors
/// When an event cannot be written.
pub fn raw(geometry: Geometry, events: &[Event]) -> Result<Vec<u8>, Error> {
    let Geometry { width, height } = geometry;
    let header = format!(
        "% evt 3.0\n% format EVT3;height={height};width={width}\n% geometry {width}x{height}\n% end\n"
    );
    let mut bytes = header.into_bytes();
    words(geometry, events, |word| bytes.extend(word.to_le_bytes()))?;
    Ok(bytes)
}

/// Gives the words of `events` to `emit`.
///
/// # Errors
/// When an event cannot be written.
pub(crate) fn words(
    geometry: Geometry,
    events: &[Event],
    mut emit: impl FnMut(u16),
) -> Result<(), Error> {
    let start = events.first().map_or(0, |event| event.t);
    let (mut time, mut row) = (None, None);
    let mut n = 0;
    while let Some(event) = events.get(n) {
        let before = time.unwrap_or(start);
        if event.t < before || event.t < 0 || event.t - start >= LONGEST {
            return Err(Error::Time(n));
        }
        if event.x >= geometry.width.min(2048) || event.y >= geometry.height.min(2048) {
            return Err(Error::Pixel(n));
        }
        if time != Some(event.t) {
            write_time(time, event.t, &mut emit);
            time = Some(event.t);
        }
        if row != Some(event.y) {
            emit(event.y);
            row = Some(event.y);
        }
        n += write_run(geometry.width, &events[n..], &mut emit);
    }
    Ok(())
}

/// Writes `t`, with every wrap since `before` as the step from 0xFFF to 0 that all decoders know.
fn write_time(before: Option<i64>, t: i64, emit: &mut impl FnMut(u16)) {
    let target = t >> 12;
    let mut high = before.map_or(target, |before| before >> 12);
    while high >> 12 != target >> 12 {
        emit(0x8FFF);
        emit(0x8000);
        high = (high | 0xFFF) + 1;
    }
    if before.is_none_or(|before| before >> 12 != target) {
        emit(0x8000 | bits(target));
    }
    emit(0x6000 | bits(t));
}

/// The low 12 bits.
#[expect(clippy::cast_sign_loss, reason = "masked")]
const fn bits(value: i64) -> u16 {
    (value & 0xFFF) as u16
}

/// Writes the first of `events`, with those behind it that fit into one vector triple if that is
/// shorter; returns how many.
fn write_run(width: u16, events: &[Event], emit: &mut impl FnMut(u16)) -> usize {
    let Some(&first) = events.first() else { return 0 };
    let polarity = if first.on { 0x800 } else { 0 };
    let base = first.x.min(width.saturating_sub(TRIPLE));
    let (mut mask, mut taken, mut last) = (1_u32 << (first.x - base), 1, first.x);
    for event in &events[1..] {
        let same = (event.t, event.y, event.on) == (first.t, first.y, first.on);
        if !same || event.x <= last || event.x - base >= TRIPLE {
            break;
        }
        mask |= 1 << (event.x - base);
        taken += 1;
        last = event.x;
    }
    if taken < WORTHWHILE || width < TRIPLE || first.x - base >= TRIPLE {
        emit(0x2000 | polarity | first.x);
        return 1;
    }
    emit(0x3000 | polarity | base);
    emit(0x4000 | bits(i64::from(mask)));
    emit(0x4000 | bits(i64::from(mask >> 12)));
    emit(0x5000 | bits(i64::from(mask >> 24)));
    taken
}
