//! A batch of events as EVT3 words where these are lossless, else as plain numbers.
//!
//! EVT3 needs 2 to 6 bytes an event where plain numbers need 13, and every decoder of event
//! cameras reads it. It keeps the order, and any time that only grows, but it has 11 bits for a
//! coordinate and none for a time that steps back. A batch that needs more is written plainly.

use crate::data::{Event, EventBatch, Geometry, Trigger};
use crate::sensor::evt::{Evt3, write};

use super::bytes::{Broken, Fields, put_count};

/// All pixels that EVT3 can name: which sensor it was does not matter here.
const ANY: Geometry = Geometry { width: 2048, height: 2048 };
/// Times are base plus EVT3 time, which counts from 0.
const EVT3: u8 = 0;
const PLAIN: u8 = 1;

pub(super) fn encode(batch: &EventBatch, out: &mut Vec<u8>) {
    out.push(batch.non_monotonic.into());
    put_count(batch.triggers.len(), out);
    for trigger in &batch.triggers {
        out.extend(trigger.t.to_le_bytes());
        out.extend([trigger.id, trigger.rising.into()]);
    }
    put_count(batch.events.len(), out);
    let start = out.len();
    if encode_evt3(&batch.events, out).is_none() {
        out.truncate(start);
        encode_plain(&batch.events, out);
    }
}

/// `None` if the events cannot be written in EVT3.
fn encode_evt3(events: &[Event], out: &mut Vec<u8>) -> Option<()> {
    let base = events.first().map_or(0, |event| event.t);
    out.push(EVT3);
    out.extend(base.to_le_bytes());
    let moved: Vec<_> = events
        .iter()
        .map(|event| Some(Event { t: event.t.checked_sub(base)?, ..*event }))
        .collect::<Option<_>>()?;
    write::words(ANY, &moved, |word| out.extend(word.to_le_bytes())).ok()
}

fn encode_plain(events: &[Event], out: &mut Vec<u8>) {
    out.push(PLAIN);
    for event in events {
        out.extend(event.t.to_le_bytes());
        out.extend(event.x.to_le_bytes());
        out.extend(event.y.to_le_bytes());
        out.push(event.on.into());
    }
}

pub(super) fn decode(fields: &mut Fields<'_>) -> Result<EventBatch, Broken> {
    let non_monotonic = fields.flag()?;
    let triggers = (0..fields.count()?)
        .map(|_| Ok(Trigger { t: fields.i64()?, id: fields.u8()?, rising: fields.flag()? }))
        .collect::<Result<_, _>>()?;
    let count = fields.count()?;
    let events = match fields.u8()? {
        EVT3 => decode_evt3(fields)?,
        PLAIN => (0..count)
            .map(|_| {
                let (t, x, y) = (fields.i64()?, fields.u16()?, fields.u16()?);
                Ok(Event { t, x, y, on: fields.flag()? })
            })
            .collect::<Result<_, _>>()?,
        _ => return Err(Broken),
    };
    if events.len() != count {
        return Err(Broken);
    }
    Ok(EventBatch { events, triggers, non_monotonic })
}

fn decode_evt3(fields: &mut Fields<'_>) -> Result<Vec<Event>, Broken> {
    let base = fields.i64()?;
    let words = fields.rest();
    if !words.len().is_multiple_of(2) {
        return Err(Broken);
    }
    let mut batch = EventBatch::default();
    Evt3::new(ANY).push(words, &mut batch);
    *fields = Fields::new(&[]);
    for event in &mut batch.events {
        event.t = event.t.checked_add(base).ok_or(Broken)?;
    }
    Ok(batch.events)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bytes_of(batch: &EventBatch) -> Vec<u8> {
        let mut bytes = Vec::new();
        encode(batch, &mut bytes);
        let mut fields = Fields::new(&bytes);
        assert_eq!(decode(&mut fields).as_ref(), Ok(batch));
        assert_eq!(fields.end(), Ok(()));
        bytes
    }

    #[test]
    fn a_row_of_neighbours_takes_under_a_byte_an_event() {
        let events = (100..132).map(|x| Event { t: 1 << 50, x, y: 7, on: true }).collect();
        let bytes = bytes_of(&EventBatch { events, ..EventBatch::default() });
        assert!(bytes.len() < 40, "{} bytes for 32 events", bytes.len());
    }

    #[test]
    fn what_evt3_cannot_say_is_written_plainly_and_comes_back() {
        let fine = Event { t: 5, x: 1, y: 1, on: false };
        for odd in [
            Event { t: 4, ..fine },
            Event { x: 2048, ..fine },
            Event { y: u16::MAX, ..fine },
            Event { t: i64::MAX, ..fine },
        ] {
            let batch = EventBatch { events: vec![fine, odd], ..EventBatch::default() };
            assert_eq!(bytes_of(&batch).len(), 1 + 4 + 4 + 1 + 2 * 13, "{odd:?}");
        }
        bytes_of(&EventBatch {
            events: vec![Event { t: i64::MIN, ..fine }, fine],
            ..EventBatch::default()
        });
    }

    proptest! {
        #[test]
        fn every_batch_comes_back(
            start in any::<i64>(),
            steps in prop::collection::vec((-2_i64..9_000_000, 0_u16..2100, 0_u16..2100, any::<bool>()), 0..200),
            triggers in prop::collection::vec((any::<i64>(), any::<u8>(), any::<bool>()), 0..4),
            non_monotonic in any::<bool>(),
            forwards in any::<bool>(),
        ) {
            let mut t = start;
            let events = steps.into_iter().map(|(dt, x, y, on)| {
                t = t.saturating_add(if forwards { dt.max(0) } else { dt });
                Event { t, x, y: if forwards { y % 3 } else { y }, on }
            }).collect();
            let triggers = triggers.into_iter().map(|(t, id, rising)| Trigger { t, id, rising }).collect();
            bytes_of(&EventBatch { events, triggers, non_monotonic });
        }

        #[test]
        fn any_bytes_are_decoded_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            drop(decode(&mut Fields::new(&bytes)));
        }
    }
}
