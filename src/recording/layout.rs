//! One [`Input`] as the bytes that `LAYOUT.md` describes, and back.

use ndarray::Array3;

use crate::data::{
    Counts, Input, LockoutRecord, Loss, Notice, RadarFrame, Reading, Samples, TimeAnswer,
};
use crate::units::{HostClock, Micros, Stamp};

use super::bytes::{Broken, Fields, put_count, put_text};
use super::events;

const RADAR: u8 = 0;
const EVENTS: u8 = 1;
const NOTICE: u8 = 2;
const COUNTS: u8 = 3;
const LOST: u8 = 4;
const CLOCK: u8 = 5;
const END: u8 = 6;
const RESTART: u8 = 7;
const DROPPED: u8 = 8;
const BOOT: u8 = 9;
const LOCKOUT: u8 = 10;

const IDLE: u8 = 0;
const RESTARTED: u8 = 1;
const TIME: u8 = 2;

const LOSSES: [Loss; 4] = [Loss::Absent, Loss::Protocol, Loss::Configuration, Loss::Hung];

/// The source an input speaks of.
pub(super) const fn source(input: &Input) -> Option<usize> {
    match input {
        Input::Reading { source, .. }
        | Input::Counts { source, .. }
        | Input::Lost { source, .. }
        | Input::End { source } => Some(*source),
        Input::Clock { .. }
        | Input::Boot { .. }
        | Input::Lockout { .. }
        | Input::Restart { .. }
        | Input::Dropped { .. } => None,
    }
}

/// The bytes of input `number`.
pub(super) fn encode(number: u64, input: &Input) -> Vec<u8> {
    let mut out = number.to_le_bytes().to_vec();
    match input {
        Input::Reading { source, reading, arrival } => {
            let tag = match reading {
                Reading::Radar(_) => RADAR,
                Reading::Events(_) => EVENTS,
                Reading::Notice(_) => NOTICE,
            };
            head(tag, *source, &mut out);
            put_arrival(*arrival, &mut out);
            match reading {
                Reading::Radar(frame) => put_frame(frame, &mut out),
                Reading::Events(batch) => events::encode(batch, &mut out),
                Reading::Notice(notice) => put_notice(*notice, &mut out),
            }
        }
        Input::Counts { source, counts } => {
            head(COUNTS, *source, &mut out);
            put_counts(counts, &mut out);
        }
        Input::Lost { source, loss, now } => {
            head(LOST, *source, &mut out);
            out.push(match loss {
                Loss::Absent => 0,
                Loss::Protocol => 1,
                Loss::Configuration => 2,
                Loss::Hung => 3,
            });
            put_time(now.as_micros(), &mut out);
        }
        Input::Clock { now } => {
            out.push(CLOCK);
            put_time(now.as_micros(), &mut out);
        }
        Input::End { source } => head(END, *source, &mut out),
        Input::Restart { gap } => {
            out.push(RESTART);
            put_time(gap.0, &mut out);
        }
        Input::Dropped { counts } => {
            out.push(DROPPED);
            put_counts(counts, &mut out);
        }
        Input::Boot { now } => {
            out.push(BOOT);
            put_time(now.as_micros(), &mut out);
        }
        Input::Lockout { record } => {
            out.push(LOCKOUT);
            out.extend(record.rejections.to_le_bytes());
            out.push(record.served.into());
        }
    }
    out
}

fn head(tag: u8, source: usize, out: &mut Vec<u8>) {
    out.push(tag);
    // A configuration with 65536 sensors is refused when the recording starts.
    out.extend(u16::try_from(source).unwrap_or(u16::MAX).to_le_bytes());
}

fn put_time(micros: i64, out: &mut Vec<u8>) {
    out.extend(micros.to_le_bytes());
}

fn put_arrival(arrival: Option<Stamp<HostClock>>, out: &mut Vec<u8>) {
    out.push(arrival.is_some().into());
    if let Some(arrival) = arrival {
        put_time(arrival.as_micros(), out);
    }
}

fn put_frame(frame: &RadarFrame, out: &mut Vec<u8>) {
    out.extend(frame.number.to_le_bytes());
    put_time(frame.stamp.as_micros(), out);
    out.push(frame.has_holes.into());
    out.push(matches!(frame.samples, Samples::Complex(_)).into());
    let (rx, chirps, samples) = frame.samples.dim();
    for length in [rx, chirps, samples] {
        put_count(length, out);
    }
    match &frame.samples {
        Samples::Real(real) => out.extend(real.iter().flat_map(|sample| sample.to_le_bytes())),
        Samples::Complex(complex) => {
            out.extend(complex.iter().flatten().flat_map(|part| part.to_le_bytes()));
        }
    }
}

fn put_notice(notice: Notice, out: &mut Vec<u8>) {
    match notice {
        Notice::Idle => out.push(IDLE),
        Notice::Restarted => out.push(RESTARTED),
        Notice::Time(TimeAnswer { host_sent, device_received, device_sent }) => {
            out.push(TIME);
            put_time(host_sent.as_micros(), out);
            put_time(device_received.as_micros(), out);
            put_time(device_sent.as_micros(), out);
        }
    }
}

fn put_counts(counts: &Counts, out: &mut Vec<u8>) {
    put_count(counts.iter().count(), out);
    for (reason, n) in counts.iter() {
        put_text(reason, out);
        out.extend(n.to_le_bytes());
    }
}

/// The number and the input in `bytes`; `None` if no writer writes that. Sources are numbers below
/// `sources`.
pub(super) fn decode(bytes: &[u8], sources: usize) -> Option<(u64, Input)> {
    let mut fields = Fields::new(bytes);
    let number = fields.u64().ok()?;
    let input = take_input(&mut fields, sources).ok()?;
    fields.end().ok()?;
    Some((number, input))
}

fn take_input(fields: &mut Fields<'_>, sources: usize) -> Result<Input, Broken> {
    let tag = fields.u8()?;
    Ok(match tag {
        RADAR | EVENTS | NOTICE => {
            let source = take_source(fields, sources)?;
            let arrival = if fields.flag()? { Some(take_time(fields)?) } else { None };
            let reading = match tag {
                RADAR => Reading::Radar(take_frame(fields)?),
                EVENTS => Reading::Events(events::decode(fields)?),
                _ => Reading::Notice(take_notice(fields)?),
            };
            Input::Reading { source, reading, arrival }
        }
        COUNTS => {
            Input::Counts { source: take_source(fields, sources)?, counts: take_counts(fields)? }
        }
        LOST => Input::Lost {
            source: take_source(fields, sources)?,
            loss: *LOSSES.get(usize::from(fields.u8()?)).ok_or(Broken)?,
            now: take_time(fields)?,
        },
        CLOCK => Input::Clock { now: take_time(fields)? },
        END => Input::End { source: take_source(fields, sources)? },
        RESTART => Input::Restart { gap: Micros(fields.i64()?) },
        DROPPED => Input::Dropped { counts: take_counts(fields)? },
        BOOT => Input::Boot { now: take_time(fields)? },
        LOCKOUT => Input::Lockout {
            record: LockoutRecord { rejections: fields.u32()?, served: fields.flag()? },
        },
        _ => return Err(Broken),
    })
}

/// The pipeline panics when it is told of a source that there is not.
fn take_source(fields: &mut Fields<'_>, sources: usize) -> Result<usize, Broken> {
    let source = usize::from(fields.u16()?);
    if source < sources { Ok(source) } else { Err(Broken) }
}

fn take_time<C>(fields: &mut Fields<'_>) -> Result<Stamp<C>, Broken> {
    fields.i64().map(Stamp::from_micros)
}

fn take_frame(fields: &mut Fields<'_>) -> Result<RadarFrame, Broken> {
    let (number, stamp) = (fields.u64()?, take_time(fields)?);
    let (has_holes, complex) = (fields.flag()?, fields.flag()?);
    let shape = (fields.count()?, fields.count()?, fields.count()?);
    let (numbers, odd) = fields.rest().as_chunks::<2>();
    if !odd.is_empty() {
        return Err(Broken);
    }
    let numbers = numbers.iter().map(|&bytes| i16::from_le_bytes(bytes));
    // A shape that is not what the bytes hold is refused by `from_shape_vec`.
    let samples = if complex {
        let numbers: Vec<_> = numbers.collect();
        let (pairs, odd) = numbers.as_chunks::<2>();
        if !odd.is_empty() {
            return Err(Broken);
        }
        Samples::Complex(Array3::from_shape_vec(shape, pairs.to_vec()).or(Err(Broken))?)
    } else {
        Samples::Real(Array3::from_shape_vec(shape, numbers.collect()).or(Err(Broken))?)
    };
    *fields = Fields::new(&[]);
    Ok(RadarFrame { number, stamp, samples, has_holes })
}

fn take_notice(fields: &mut Fields<'_>) -> Result<Notice, Broken> {
    Ok(match fields.u8()? {
        IDLE => Notice::Idle,
        RESTARTED => Notice::Restarted,
        TIME => Notice::Time(TimeAnswer {
            host_sent: take_time(fields)?,
            device_received: take_time(fields)?,
            device_sent: take_time(fields)?,
        }),
        _ => return Err(Broken),
    })
}

fn take_counts(fields: &mut Fields<'_>) -> Result<Counts, Broken> {
    let mut counts = Counts::default();
    for _ in 0..fields.count()? {
        let reason = fields.text()?.to_owned();
        counts.add(reason, fields.u64()?);
    }
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::data::{Event, EventBatch};

    fn counts() -> impl Strategy<Value = Counts> {
        prop::collection::vec(("[a-z-]{0,20}", any::<u64>()), 0..4).prop_map(|rows| {
            let mut counts = Counts::default();
            rows.into_iter().for_each(|(reason, n)| counts.add(reason, n));
            counts
        })
    }

    fn frame() -> impl Strategy<Value = Reading> {
        (
            any::<u64>(),
            any::<i64>(),
            any::<[bool; 2]>(),
            (1..3_usize, 1..4_usize, 1..5_usize),
            any::<i16>(),
        )
            .prop_map(|(number, stamp, [has_holes, complex], shape, seed)| {
                let value = |(rx, chirp, sample): (usize, usize, usize)| {
                    seed.wrapping_mul(i16::try_from(rx * 20 + chirp * 5 + sample + 1).unwrap())
                };
                let samples = if complex {
                    Samples::Complex(Array3::from_shape_fn(shape, |at| [value(at), !value(at)]))
                } else {
                    Samples::Real(Array3::from_shape_fn(shape, value))
                };
                let stamp = Stamp::from_micros(stamp);
                Reading::Radar(RadarFrame { number, stamp, samples, has_holes })
            })
    }

    fn reading() -> impl Strategy<Value = Reading> {
        let answer = any::<[i64; 3]>().prop_map(|[a, b, c]| {
            Notice::Time(TimeAnswer {
                host_sent: Stamp::from_micros(a),
                device_received: Stamp::from_micros(b),
                device_sent: Stamp::from_micros(c),
            })
        });
        let notice = prop_oneof![Just(Notice::Idle), Just(Notice::Restarted), answer];
        let events =
            prop::collection::vec((0_i64..1000, 0_u16..640, 0_u16..480, any::<bool>()), 0..30)
                .prop_map(|rows| {
                    let events =
                        rows.into_iter().map(|(t, x, y, on)| Event { t, x, y, on }).collect();
                    Reading::Events(EventBatch { events, ..EventBatch::default() })
                });
        prop_oneof![frame(), events, notice.prop_map(Reading::Notice)]
    }

    pub(super) fn input() -> impl Strategy<Value = Input> {
        let stamp = || any::<i64>().prop_map(Stamp::from_micros);
        prop_oneof![
            (0..3_usize, reading(), prop::option::of(stamp()))
                .prop_map(|(source, reading, arrival)| Input::Reading { source, reading, arrival }),
            (0..3_usize, counts()).prop_map(|(source, counts)| Input::Counts { source, counts }),
            (0..3_usize, prop::sample::select(&LOSSES), stamp())
                .prop_map(|(source, loss, now)| Input::Lost { source, loss, now }),
            stamp().prop_map(|now| Input::Clock { now }),
            (0..3_usize).prop_map(|source| Input::End { source }),
            any::<i64>().prop_map(|gap| Input::Restart { gap: Micros(gap) }),
            counts().prop_map(|counts| Input::Dropped { counts }),
            any::<i64>().prop_map(|now| Input::Boot { now: Stamp::from_micros(now) }),
            any::<(u32, bool)>().prop_map(|(rejections, served)| Input::Lockout {
                record: LockoutRecord { rejections, served },
            }),
        ]
    }

    proptest! {
        #[test]
        fn every_input_comes_back_and_no_other_length_does(number in any::<u64>(), input in input()) {
            let mut bytes = encode(number, &input);
            prop_assert_eq!(decode(&bytes, 3), Some((number, input)));
            bytes.push(0);
            prop_assert_eq!(decode(&bytes, 3), None);
        }

        #[test]
        fn any_bytes_are_decoded_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            drop(decode(&bytes, 3));
        }
    }

    #[test]
    fn a_source_that_there_is_not_is_refused() {
        let bytes = encode(0, &Input::End { source: 2 });
        assert!(decode(&bytes, 3).is_some() && decode(&bytes, 2).is_none());
    }
}
