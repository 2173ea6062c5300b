//! Frames as the JSON of the vectors, field names from `schema.txt`.

use firmware_proto::{
    Config, ConfigBody, Counts, Decoder, Frame, FrameAssembler, Header, Lost, Message, Refusal,
};
use serde_json::{Map, Value, json};

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// All frames of a stream and the refusals, as the vectors tell them.
pub(crate) fn decode_all(bytes: &[u8]) -> Value {
    let mut decoder: Decoder = Decoder::new();
    let mut rest = bytes;
    let mut frames = Vec::new();
    while let Some(found) = decoder.push(&mut rest) {
        frames.extend(found.ok().map(|frame| frame_to_json(&frame)));
    }
    json!({ "frames": frames, "refused": refused(decoder.counts()) })
}

pub(crate) fn refused(counts: &Counts) -> Value {
    let seen = Refusal::ALL.into_iter().filter(|&why| counts.refused(why) > 0);
    seen.map(|why| (why.name().to_owned(), counts.refused(why).into()))
        .collect::<Map<_, _>>()
        .into()
}

/// The radar frames that the slices of a stream make, and what was lost.
pub(crate) fn assemble_all(bytes: &[u8]) -> Value {
    let mut buffer = vec![0; 1 << 14];
    let mut assembler = FrameAssembler::new(&mut buffer);
    let mut decoder: Decoder = Decoder::new();
    let mut rest = bytes;
    let mut frames = Vec::new();
    while let Some(found) = decoder.push(&mut rest) {
        let Ok(frame) = found else { continue };
        frames.extend(assembler.push(&frame).map(|whole| {
            json!({
                "frame_number": whole.frame_number, "time_us": whole.time_us,
                "samples": whole.samples,
            })
        }));
    }
    let counts = assembler.counts();
    let lost = Lost::ALL.into_iter().filter(|&why| counts.lost(why) > 0);
    let lost: Map<_, _> =
        lost.map(|why| (why.name().to_owned(), counts.lost(why).into())).collect();
    json!({
        "frames": frames, "lost": lost, "unseen": counts.unseen,
        "device_dropped": counts.device_dropped, "restarts": counts.restarts,
    })
}

fn frame_to_json(frame: &Frame<'_>) -> Value {
    let Header { flags, stream, sequence, time_us } = frame.header;
    let (name, fields) = message_to_json(&frame.message);
    let mut value = json!({
        "type": name, "flags": flags, "stream": stream, "sequence": sequence,
        "time_us": time_us, "fields": fields,
    });
    if let Message::RadarSlice(slice) = &frame.message {
        let mut samples = vec![0; 1 << 16];
        let used = slice.samples_into(&mut samples);
        value["samples"] = used.map_or(Value::Null, |used| json!(samples[..used]));
    }
    value
}

fn message_to_json(message: &Message<'_>) -> (&'static str, Value) {
    match message {
        Message::Hello(m) => (
            "hello",
            json!({
                "major": m.version.0, "minor": m.version.1, "max_frame": m.max_frame,
                "schema_hash": m.schema_hash, "capabilities": m.capabilities,
                "firmware_major": m.firmware.0, "firmware_minor": m.firmware.1,
                "firmware_patch": m.firmware.2, "board_id": m.board_id, "boot_id": m.boot_id,
                "nonce": hex(&m.nonce),
            }),
        ),
        Message::HelloRequest(m) => (
            "hello_request",
            json!({
                "nonce": hex(&m.nonce), "major": m.version.0, "minor": m.version.1,
                "max_frame": m.max_frame,
            }),
        ),
        Message::Config(m) => config_to_json(m),
        Message::TimeRequest(m) => ("time_request", json!({ "host_send_ns": m.host_send_ns })),
        Message::TimeReply(m) => (
            "time_reply",
            json!({
                "host_send_ns": m.host_send_ns, "device_receive_us": m.device_receive_us,
                "device_send_us": m.device_send_us,
            }),
        ),
        Message::Log(m) => ("log", json!({ "level": m.level.code(), "text": hex(m.text) })),
        Message::Ack(m) => (
            "ack",
            json!({
                "acked_type": m.acked_type, "acked_stream": m.acked_stream,
                "acked_sequence": m.acked_sequence,
            }),
        ),
        Message::Nak(m) => (
            "nak",
            json!({
                "acked_type": m.to.acked_type, "acked_stream": m.to.acked_stream,
                "acked_sequence": m.to.acked_sequence, "reason": m.reason.code(),
            }),
        ),
        Message::RadarSlice(m) => (
            "radar_slice",
            json!({
                "config_id": m.config_id, "frame_number": m.frame_number,
                "slice_index": m.slice_index, "encoding": m.encoding.code(),
                "first_chirp": m.first_chirp, "chirp_count": m.shape.chirps,
                "samples_per_chirp": m.shape.samples, "rx_count": m.shape.rx,
                "temperature_centi_c": m.temperature_centi_c.unwrap_or(i16::MIN),
                "data": hex(m.data),
            }),
        ),
        Message::FrameEnd(m) => (
            "frame_end",
            json!({
                "config_id": m.config_id, "frame_number": m.frame_number,
                "slice_count": m.slice_count, "flags": m.flags, "chirp_count": m.chirp_count,
                "saturated_samples": m.saturated_samples, "dropped_frames": m.dropped_frames,
            }),
        ),
        Message::EventBlock(m) => (
            "event_block",
            json!({
                "config_id": m.config_id, "format": m.format.code(), "width": m.width,
                "height": m.height, "data": hex(m.words),
            }),
        ),
        Message::SensorEvent(m) => (
            "sensor_event",
            json!({
                "kind": m.kind.code(), "source": m.source.code(), "count": m.count,
                "frame_number": m.frame_number,
            }),
        ),
    }
}

fn config_to_json(config: &Config) -> (&'static str, Value) {
    match &config.body {
        ConfigBody::Radar(m) => (
            "config_radar",
            json!({
                "config_id": config.config_id, "start_frequency_khz": m.start_frequency_khz,
                "end_frequency_khz": m.end_frequency_khz, "sample_rate_hz": m.sample_rate_hz,
                "chirp_period_ns": m.chirp_period_ns, "frame_period_us": m.frame_period_us,
                "hp_cutoff_hz": m.hp_cutoff_hz, "aaf_cutoff_hz": m.aaf_cutoff_hz,
                "samples_per_chirp": m.samples_per_chirp, "chirps_per_frame": m.chirps_per_frame,
                "rx_mask": m.rx_mask, "tx_mask": m.tx_mask, "if_gain_db": m.if_gain_db,
                "tx_power_level": m.tx_power_level, "sensor_model": m.sensor_model,
                "adc_bits": m.adc_bits,
            }),
        ),
        ConfigBody::Event(m) => (
            "config_event",
            json!({
                "config_id": config.config_id, "format": m.format.code(), "width": m.width,
                "height": m.height, "sensor_model": m.sensor_model, "bias_diff_on": m.biases[0],
                "bias_diff_off": m.biases[1], "bias_fo": m.biases[2], "bias_hpf": m.biases[3],
                "bias_refr": m.biases[4],
            }),
        ),
    }
}
