//! A sensor board that keeps to WIRE.md, for both ends of a conversation in one process.

use firmware_proto::{
    Ack, Config, ConfigBody, Decoder, Direction, Encoder, EventBlock, EventConfig, EventFormat,
    FrameEnd, Hello, MAX_WIRE, Message, Nak, NakReason, Nonce, PROTOCOL_VERSION, RadarConfig,
    RadarSlice, SCHEMA_HASH, Shape, Signer, TimeReply, Verifier, capability, encode_samples,
    message_type,
};

/// Chirps in each slice of a frame.
pub const CHIRPS_PER_SLICE: u16 = 2;

/// A small radar: 2 receivers, 6 chirps, 8 samples.
pub const RADAR: RadarConfig = RadarConfig {
    start_frequency_khz: 58_000_000,
    end_frequency_khz: 63_500_000,
    sample_rate_hz: 2_000_000,
    chirp_period_ns: 500_000,
    frame_period_us: 20_000,
    hp_cutoff_hz: 80_000,
    aaf_cutoff_hz: 500_000,
    samples_per_chirp: 8,
    chirps_per_frame: 6,
    rx_mask: 0b101,
    tx_mask: 1,
    if_gain_db: 23,
    tx_power_level: 31,
    sensor_model: 1,
    adc_bits: 12,
};

/// The settings that want [`RADAR`].
pub const RADAR_KEYS: &str = "preset = \"face\"\nchirp-period-ns = 500000\n\
    frame-period-us = 20000\nsamples-per-chirp = 8\nchirps-per-frame = 6\nrx-antennas = [1, 3]\n";

/// A small camera.
pub const CAMERA: EventConfig = EventConfig {
    format: EventFormat::Evt3,
    width: 320,
    height: 240,
    sensor_model: 101,
    biases: [25, -28, 34, -40, 10],
};

/// What the board does otherwise than it should.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quirk {
    None,
    /// Keeps its configuration and has never said that it takes another.
    Fixed,
    /// Acknowledges a configuration and keeps its own.
    Stubborn,
    /// Refuses every configuration.
    Refusing,
}

#[derive(Debug)]
pub struct Board {
    pub body: ConfigBody,
    pub config_id: u16,
    pub boot_id: u64,
    pub clock_us: u64,
    pub quirk: Quirk,
    pub hello: Hello,
    key: Option<[u8; 32]>,
    encoder: Encoder,
    decoder: Decoder<128>,
    wire: Box<[u8; MAX_WIRE]>,
    /// Messages of the sensor's stream sent so far.
    pub sent: u64,
}

impl Board {
    pub fn new(body: ConfigBody) -> Self {
        let hello = Hello {
            version: PROTOCOL_VERSION,
            max_frame: 128,
            schema_hash: SCHEMA_HASH,
            capabilities: capability::RADAR | capability::EVENTS | capability::CONFIG,
            firmware: (1, 2, 3),
            board_id: 77,
            boot_id: 1,
            nonce: [0; 16],
        };
        Self {
            body,
            config_id: 7,
            boot_id: 1,
            clock_us: 1_000_000,
            quirk: Quirk::None,
            hello,
            key: None,
            encoder: Encoder::new(),
            decoder: Decoder::new(),
            wire: Box::new([0; MAX_WIRE]),
            sent: 0,
        }
    }

    pub fn radar() -> Self {
        Self::new(ConfigBody::Radar(RADAR))
    }

    pub fn camera() -> Self {
        Self::new(ConfigBody::Event(CAMERA))
    }

    pub fn with_key(mut self, key: [u8; 32]) -> Self {
        self.key = Some(key);
        self.decoder.require_auth(Verifier::device(key, self.boot_id));
        self
    }

    /// Starts anew: another boot id, clock and numbers from the start.
    pub fn reboot(&mut self) {
        self.boot_id += 1;
        self.clock_us = 2_000;
        self.encoder = Encoder::new();
        self.decoder = Decoder::new();
        if let Some(key) = self.key {
            self.decoder.require_auth(Verifier::device(key, self.boot_id));
        }
    }

    /// What it answers to `bytes` of the host.
    pub fn answer(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut rest = bytes;
        let mut said = Vec::new();
        let mut decoder = core::mem::replace(&mut self.decoder, Decoder::new());
        while let Some(found) = decoder.push(&mut rest) {
            let Ok(frame) = found else { continue };
            let to = |kind| Ack {
                acked_type: kind,
                acked_stream: frame.header.stream,
                acked_sequence: frame.header.sequence,
            };
            match frame.message {
                Message::HelloRequest(request) => {
                    said.extend(self.introduce(request.nonce));
                }
                Message::TimeRequest(request) => {
                    let device_receive_us = self.clock_us;
                    self.clock_us += 20;
                    said.extend(self.say(
                        0,
                        &Message::TimeReply(TimeReply {
                            host_send_ns: request.host_send_ns,
                            device_receive_us,
                            device_send_us: self.clock_us,
                        }),
                    ));
                }
                Message::Config(_) if self.quirk == Quirk::Refusing => {
                    let to = to(message_type::CONFIG);
                    let nak = Nak { to, reason: NakReason::BadValue };
                    said.extend(self.say(0, &Message::Nak(nak)));
                }
                Message::Config(wish) => {
                    if self.quirk == Quirk::None {
                        self.body = wish.body;
                    }
                    self.config_id += 1;
                    said.extend(self.say(0, &Message::Ack(to(message_type::CONFIG))));
                    said.extend(self.tell_config());
                }
                other => panic!("the host said {other:?}"),
            }
        }
        self.decoder = decoder;
        said
    }

    /// A hello and what the sensor runs with.
    pub fn introduce(&mut self, nonce: Nonce) -> Vec<u8> {
        if let Some(key) = self.key {
            let to_host = Signer::new(&key, Direction::DeviceToHost, &nonce, self.boot_id);
            self.encoder.sign_with(Some(to_host));
        }
        let mut hello = Hello { boot_id: self.boot_id, nonce, ..self.hello };
        if self.quirk == Quirk::Fixed {
            hello.capabilities &= !capability::CONFIG;
        }
        let mut said = self.say(0, &Message::Hello(hello));
        said.extend(self.tell_config());
        said
    }

    pub fn tell_config(&mut self) -> Vec<u8> {
        self.say(0, &Message::Config(Config { config_id: self.config_id, body: self.body }))
    }

    /// One message as bytes.
    pub fn say(&mut self, stream: u8, message: &Message<'_>) -> Vec<u8> {
        self.sent += u64::from(stream > 0);
        let wire = self.wire.as_mut_slice();
        let used = self.encoder.encode(stream, self.clock_us, message, wire).unwrap();
        wire[..used].to_vec()
    }

    /// The messages of one radar frame.
    pub fn frame(&mut self, number: u32) -> Vec<Vec<u8>> {
        let ConfigBody::Radar(radar) = self.body else { panic!("no radar") };
        self.clock_us += u64::from(radar.frame_period_us);
        let rx = u8::try_from(radar.rx_mask.count_ones()).unwrap();
        let per_slice = usize::from(CHIRPS_PER_SLICE * radar.samples_per_chirp) * usize::from(rx);
        let samples = chip_samples(number, &radar);
        let mut messages = Vec::new();
        for (index, part) in samples.chunks(per_slice).enumerate() {
            let slice_index = u8::try_from(index).unwrap();
            let shape = Shape { chirps: CHIRPS_PER_SLICE, samples: radar.samples_per_chirp, rx };
            let mut data = vec![0; 2 * part.len()];
            let (encoding, used) = encode_samples(part, shape, &mut data).unwrap();
            messages.push(self.say(
                1,
                &Message::RadarSlice(RadarSlice {
                    config_id: self.config_id,
                    frame_number: number,
                    slice_index,
                    encoding,
                    first_chirp: CHIRPS_PER_SLICE * u16::from(slice_index),
                    shape,
                    temperature_centi_c: None,
                    data: &data[..used],
                }),
            ));
        }
        messages.push(self.say(
            1,
            &Message::FrameEnd(FrameEnd {
                config_id: self.config_id,
                frame_number: number,
                slice_count: u8::try_from(messages.len()).unwrap(),
                flags: 0,
                chirp_count: radar.chirps_per_frame,
                saturated_samples: 0,
                dropped_frames: 0,
            }),
        ));
        messages
    }

    /// A block of event words.
    pub fn block(&mut self, words: &[u8]) -> Vec<u8> {
        let ConfigBody::Event(camera) = self.body else { panic!("no camera") };
        let EventConfig { format, width, height, .. } = camera;
        let config_id = self.config_id;
        self.say(2, &Message::EventBlock(EventBlock { config_id, format, width, height, words }))
    }
}

/// The samples of frame `number`, `[chirp, sample, rx]`: every one tells where it belongs.
pub fn chip_samples(number: u32, radar: &RadarConfig) -> Vec<u16> {
    let rx = u16::try_from(radar.rx_mask.count_ones()).unwrap();
    let (chirps, samples) = (radar.chirps_per_frame, radar.samples_per_chirp);
    (0..chirps * samples * rx)
        .map(|at| u16::try_from((u32::from(at) * 13 + number * 101) % 4096).unwrap())
        .collect()
}
