//! The dv-processing stream: AEDAT 4 without its first line, over TCP, to whoever connects.

use visaged::data::{Event, Geometry};

/// Bytes of an event in a packet: `i64` time, `i16` x and y, a byte of polarity, padding.
const EVENT: usize = 16;

/// The header, sent once per connection: no compression, no data table, one stream of events.
#[must_use]
pub fn header(geometry: Geometry) -> Vec<u8> {
    let Geometry { width, height } = geometry;
    let path = "/mainloop/vdev/outInfo/";
    let xml = format!(
        "<dv version=\"2.0\"><node name=\"outInfo\" path=\"{path}\">\
         <node name=\"0\" path=\"{path}0/\">\
         <attr key=\"compression\" type=\"string\">NONE</attr>\
         <attr key=\"typeIdentifier\" type=\"string\">EVTS</attr>\
         <node name=\"info\" path=\"{path}0/info/\">\
         <attr key=\"sizeX\" type=\"int\">{width}</attr>\
         <attr key=\"sizeY\" type=\"int\">{height}</attr>\
         <attr key=\"source\" type=\"string\">vdev</attr>\
         </node></node></node></dv>"
    );
    // A FlatBuffer with one table of three fields, laid out by hand; offsets count from behind
    // the size. The table lies at 20 so that its 64-bit field is aligned, size included.
    let mut buffer = Vec::new();
    put32(&mut buffer, 20); // where the table is
    buffer.extend_from_slice(b"IOHE");
    // Sizes of this list and of the table; where in the table compression, the data table's
    // position and the text are.
    for entry in [10_u16, 20, 4, 8, 16, 0] {
        buffer.extend_from_slice(&entry.to_le_bytes());
    }
    put32(&mut buffer, 12); // from the table back to the list
    put32(&mut buffer, 0); // compression: none
    buffer.extend_from_slice(&(-1_i64).to_le_bytes()); // no data table
    put32(&mut buffer, 4); // from here to the text
    put_length(&mut buffer, xml.len());
    buffer.extend_from_slice(xml.as_bytes());
    buffer.push(0);
    prefixed(buffer)
}

/// A packet of the stream with `events`, whose times are microseconds.
#[must_use]
pub fn packet(events: &[Event]) -> Vec<u8> {
    let mut buffer = Vec::with_capacity(28 + events.len() * EVENT);
    put32(&mut buffer, 16); // where the table is
    buffer.extend_from_slice(b"EVTS");
    for entry in [6_u16, 8, 4, 0] {
        buffer.extend_from_slice(&entry.to_le_bytes());
    }
    put32(&mut buffer, 8); // from the table back to the list
    put32(&mut buffer, 4); // from here to the events
    put_length(&mut buffer, events.len());
    for event in events {
        buffer.extend_from_slice(&event.t.to_le_bytes());
        buffer.extend_from_slice(&event.x.to_le_bytes());
        buffer.extend_from_slice(&event.y.to_le_bytes());
        buffer.extend_from_slice(&[u8::from(event.on), 0, 0, 0]);
    }
    let body = prefixed(buffer);
    let mut packet = 0_i32.to_le_bytes().to_vec(); // the stream's number
    put_length(&mut packet, body.len());
    packet.extend_from_slice(&body);
    packet
}

/// The buffer behind its size.
fn prefixed(buffer: Vec<u8>) -> Vec<u8> {
    let mut whole = Vec::with_capacity(4 + buffer.len());
    put_length(&mut whole, buffer.len());
    whole.extend(buffer);
    whole
}

fn put32(buffer: &mut Vec<u8>, value: u32) {
    buffer.extend_from_slice(&value.to_le_bytes());
}

/// Lengths here are far below 2^32: packets are cut by the millisecond.
fn put_length(buffer: &mut Vec<u8>, length: usize) {
    put32(buffer, u32::try_from(length).unwrap_or(u32::MAX));
}

#[cfg(test)]
mod tests {
    use visaged::data::{Reading, View};
    use visaged::sensor;

    use super::*;

    #[test]
    fn behind_the_first_line_of_a_file_it_is_an_aedat_4_recording() {
        let geometry = Geometry { width: 640, height: 480 };
        let events: Vec<_> = (0..1_000_u16)
            .map(|n| Event { t: 1_000_000 + i64::from(n), x: n % 640, y: n % 480, on: n % 3 == 0 })
            .collect();
        let mut bytes = b"#!AER-DAT4.0\r\n".to_vec();
        bytes.extend(header(geometry));
        events.chunks(300).for_each(|run| bytes.extend(packet(run)));
        let file = std::env::temp_dir().join(format!("vdev-dv-{}.aedat4", std::process::id()));
        std::fs::write(&file, bytes).unwrap();
        let mut recording = sensor::open(&file).unwrap();
        assert_eq!(recording.description().view, View::Event(geometry));
        let mut read = Vec::new();
        while let Some(reading) = recording.read().unwrap() {
            let Reading::Events(batch) = reading else { panic!("no events") };
            read.extend(batch.events);
        }
        assert_eq!(read, events);
        assert!(recording.counts().is_empty(), "{:?}", recording.counts());
        std::fs::remove_file(&file).unwrap();
    }
}
