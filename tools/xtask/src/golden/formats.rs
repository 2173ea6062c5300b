//! The events of the scene in the formats of other makers, for cases that read them.

use visaged::data::{Event, Geometry};

fn header(lines: &str, geometry: Geometry) -> Vec<u8> {
    let Geometry { width, height } = geometry;
    format!("% {lines};height={height};width={width}\n% end\n").into_bytes()
}

/// Prophesee EVT 2.0: 32-bit words, time in two parts.
pub(super) fn evt2(geometry: Geometry, events: &[Event]) -> Vec<u8> {
    let mut bytes = header("evt 2.0\n% format EVT2", geometry);
    words(events, |kind, low, event| {
        let word = event.map_or(low, |event| low | u32::from(event.x) << 11 | u32::from(event.y));
        bytes.extend((kind | word).to_le_bytes());
    });
    bytes
}

/// Prophesee EVT 2.1: a half with type, time and place, and a mask of 32 columns.
pub(super) fn evt21(geometry: Geometry, events: &[Event], little: bool) -> Vec<u8> {
    let order = if little { "little" } else { "legacy" };
    let mut bytes = header(&format!("evt 2.1\n% format EVT21;endianness={order}"), geometry);
    words(events, |kind, low, event| {
        let (half, mask) = event.map_or((low, 0), |event| {
            let base = event.x & !31;
            (low | u32::from(base) << 11 | u32::from(event.y), 1_u32 << (event.x - base))
        });
        let half = (kind | half).to_le_bytes();
        let mask = mask.to_le_bytes();
        bytes.extend(if little { [mask, half] } else { [half, mask] }.concat());
    });
    bytes
}

/// Gives type, low bits and event of each word: `TIME_HIGH` has 28 bits of time above the lowest 6,
/// which are in the words of events.
fn words(events: &[Event], mut emit: impl FnMut(u32, u32, Option<&Event>)) {
    let mut high = None;
    for event in events {
        if high != Some(event.t >> 6) {
            high = Some(event.t >> 6);
            emit(8 << 28, bits(event.t >> 6, 28), None);
        }
        emit(u32::from(event.on) << 28, bits(event.t, 6) << 22, Some(event));
    }
}

fn bits(value: i64, count: u32) -> u32 {
    u32::try_from(value & ((1 << count) - 1)).unwrap_or(0)
}

/// Prophesee DAT, type 0x0C: eight bytes an event.
pub(super) fn dat(geometry: Geometry, events: &[Event]) -> Vec<u8> {
    let Geometry { width, height } = geometry;
    let text = format!("% Data file containing CD events.\n% Width {width}\n% Height {height}\n");
    let mut bytes = text.into_bytes();
    bytes.extend([0x0C, 8]);
    for event in events {
        let place = u32::from(event.x) | u32::from(event.y) << 14 | u32::from(event.on) << 28;
        bytes.extend(bits(event.t, 32).to_le_bytes());
        bytes.extend(place.to_le_bytes());
    }
    bytes
}

/// iniVation AEDAT 4 without compression or data table, laid out as dv-processing does.
pub(super) fn aedat4(geometry: Geometry, events: &[Event]) -> Vec<u8> {
    let Geometry { width, height } = geometry;
    let info = format!(
        r#"<dv version="2.0"><node name="outInfo"><node name="0"><attr key="typeIdentifier">EVTS</attr><node name="info"><attr key="sizeX">{width}</attr><attr key="sizeY">{height}</attr><attr key="source">golden</attr></node></node></node></dv>"#
    );
    let mut head = vec![24, 0, 0, 0];
    head.extend(b"IOHE");
    head.extend([0; 6]);
    head.extend([10, 0, 24, 0, 4, 0, 12, 0, 8, 0]);
    head.extend([10, 0, 0, 0, 0, 0, 0, 0, 16, 0, 0, 0]);
    head.extend((-1_i64).to_le_bytes());
    head.extend([0; 4]);
    head.extend(length(info.len()));
    head.extend(info.as_bytes());
    head.push(0);
    let mut bytes = b"#!AER-DAT4.0\r\n".to_vec();
    bytes.extend(prefixed(&head));
    for packet in events.chunks(1000) {
        let mut body = vec![16, 0, 0, 0];
        body.extend(b"EVTS");
        body.extend([0, 0, 6, 0, 8, 0, 4, 0, 6, 0, 0, 0, 4, 0, 0, 0]);
        body.extend(length(packet.len()));
        for event in packet {
            body.extend(event.t.to_le_bytes());
            body.extend(event.x.to_le_bytes());
            body.extend(event.y.to_le_bytes());
            body.extend([u8::from(event.on), 0, 0, 0]);
        }
        bytes.extend(0_i32.to_le_bytes());
        bytes.extend(prefixed(&prefixed(&body)));
    }
    bytes
}

fn prefixed(bytes: &[u8]) -> Vec<u8> {
    [&length(bytes.len())[..], bytes].concat()
}

fn length(length: usize) -> [u8; 4] {
    u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes()
}
