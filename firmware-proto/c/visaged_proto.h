/*
 * The wire protocol between a radar or event-camera microcontroller and visaged, in C99.
 *
 * No allocation, no global state, no dependency but the freestanding headers below. Field names
 * are those of schema.txt; WIRE.md is the specification; the golden vectors hold this file and the
 * Rust crate to the same bytes.
 *
 * Not here: authenticity tags (keyed BLAKE3). A frame with a tag is decoded, its tag is not
 * checked (`vp_header.tagged` tells), and vp_encode() writes none. Use the Rust crate with the
 * `auth` feature, or add the tag with your own BLAKE3 as WIRE.md says.
 */
#ifndef VISAGED_PROTO_H
#define VISAGED_PROTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VP_MAGIC_VERSION 0xB1u
#define VP_VERSION_MAJOR 1u
#define VP_VERSION_MINOR 0u
#define VP_SCHEMA_HASH 0xE9EF68E7u /* CRC-32C of schema.txt */
#define VP_HEADER_LEN 14u
#define VP_CRC_LEN 4u
#define VP_TAG_LEN 16u
#define VP_MAX_FRAME 4096u /* before COBS, header, tag and CRC included */
#define VP_MAX_WIRE 4115u  /* on the wire, both zeros included */
#define VP_NO_TEMPERATURE INT16_MIN

enum vp_type {
    VP_HELLO = 0x01,
    VP_HELLO_REQUEST = 0x02,
    VP_CONFIG = 0x03,
    VP_TIME_REQUEST = 0x04,
    VP_TIME_REPLY = 0x05,
    VP_LOG = 0x06,
    VP_ACK = 0x07,
    VP_NAK = 0x08,
    VP_RADAR_SLICE = 0x10,
    VP_FRAME_END = 0x11,
    VP_EVENT_BLOCK = 0x20,
    VP_SENSOR_EVENT = 0x21
};

/* Bits of vp_hello.capabilities. */
enum vp_capability {
    VP_CAN_RADAR = 1,
    VP_CAN_EVENTS = 2,
    VP_CAN_RAW12 = 4,
    VP_CAN_U16 = 8,
    VP_CAN_DELTA_RICE = 16,
    VP_CAN_AUTH = 32,
    VP_CAN_CONFIG = 64
};

enum vp_config_kind { VP_CONFIG_RADAR = 1, VP_CONFIG_EVENT = 2 };
enum vp_encoding { VP_RAW12 = 1, VP_U16 = 2, VP_DELTA_RICE = 3 };
enum vp_event_format { VP_EVT2 = 1, VP_EVT21 = 2, VP_EVT21_LEGACY = 3, VP_EVT3 = 4 };
enum vp_sensor_event_kind { VP_OVERFLOW = 1, VP_RESTART = 2, VP_DROPPED = 3 };
enum vp_source { VP_SOURCE_RADAR = 1, VP_SOURCE_EVENT = 2 };
enum vp_log_level { VP_ERROR = 1, VP_WARN = 2, VP_INFO = 3, VP_DEBUG = 4 };
enum vp_nak_reason { VP_UNSUPPORTED = 1, VP_BAD_VALUE = 2, VP_BUSY = 3, VP_SENSOR_FAULT = 4 };
enum vp_frame_flag { VP_SATURATED = 1, VP_FIFO_OVERFLOW = 2 }; /* vp_frame_end.flags */

/* Outcome of decoding, and index of vp_decoder.counts. */
typedef enum {
    VP_FRAME, /* a frame was accepted */
    VP_REFUSED_COBS,
    VP_REFUSED_TOO_LONG,
    VP_REFUSED_TRUNCATED,
    VP_REFUSED_CRC,
    VP_REFUSED_VERSION,
    VP_REFUSED_INCOMPATIBLE_FLAGS,
    VP_REFUSED_UNKNOWN_TYPE,
    VP_REFUSED_UNKNOWN_VALUE,
    VP_OUTCOMES,
    VP_MORE = VP_OUTCOMES /* no frame has ended yet */
} vp_outcome;

typedef struct {
    uint8_t flags;  /* compatible flags only; send 0 */
    uint8_t stream; /* 0 control, 1 radar, 2 events */
    uint16_t sequence;
    uint64_t time_us;
    bool tagged; /* decoded only: an unchecked tag was there */
} vp_header;

typedef struct {
    uint8_t major, minor;
    uint16_t max_frame;
    uint32_t schema_hash, capabilities;
    uint16_t firmware_major, firmware_minor, firmware_patch;
    uint64_t board_id, boot_id;
    uint8_t nonce[16];
} vp_hello;

typedef struct {
    uint8_t nonce[16];
    uint8_t major, minor;
    uint16_t max_frame;
} vp_hello_request;

typedef struct {
    uint32_t start_frequency_khz, end_frequency_khz, sample_rate_hz, chirp_period_ns;
    uint32_t frame_period_us, hp_cutoff_hz, aaf_cutoff_hz;
    uint16_t samples_per_chirp, chirps_per_frame;
    uint8_t rx_mask, tx_mask;
    int8_t if_gain_db;
    uint8_t tx_power_level;
    uint16_t sensor_model;
    uint8_t adc_bits;
} vp_radar_config;

typedef struct {
    uint8_t format; /* enum vp_event_format */
    uint16_t width, height, sensor_model;
    int16_t biases[5]; /* diff_on, diff_off, fo, hpf, refr */
} vp_event_config;

typedef struct {
    uint16_t config_id;
    uint8_t kind; /* enum vp_config_kind: which of the two follows */
    union {
        vp_radar_config radar;
        vp_event_config event;
    } of;
} vp_config;

typedef struct {
    uint64_t host_send_ns;
} vp_time_request;

typedef struct {
    uint64_t host_send_ns, device_receive_us, device_send_us;
} vp_time_reply;

typedef struct {
    uint8_t level; /* enum vp_log_level */
    uint16_t text_len;
    const uint8_t *text;
} vp_log;

typedef struct {
    uint8_t acked_type, acked_stream;
    uint16_t acked_sequence;
    uint8_t reason; /* Nak only: enum vp_nak_reason */
} vp_ack;

typedef struct {
    uint16_t chirps, samples;
    uint8_t rx;
} vp_shape;

typedef struct {
    uint16_t config_id;
    uint32_t frame_number;
    uint8_t slice_index, encoding;
    uint16_t first_chirp;
    vp_shape shape;
    int16_t temperature_centi_c;
    uint16_t data_len;
    const uint8_t *data;
} vp_radar_slice;

typedef struct {
    uint16_t config_id;
    uint32_t frame_number;
    uint8_t slice_count, flags;
    uint16_t chirp_count, saturated_samples;
    uint32_t dropped_frames;
} vp_frame_end;

typedef struct {
    uint16_t config_id;
    uint8_t format; /* enum vp_event_format */
    uint16_t width, height, data_len;
    const uint8_t *data;
} vp_event_block;

typedef struct {
    uint8_t kind, source;
    uint32_t count, frame_number;
} vp_sensor_event;

typedef struct {
    uint8_t type; /* enum vp_type: which of these is meant */
    union {
        vp_hello hello;
        vp_hello_request hello_request;
        vp_config config;
        vp_time_request time_request;
        vp_time_reply time_reply;
        vp_log log;
        vp_ack ack; /* Ack and Nak */
        vp_radar_slice radar_slice;
        vp_frame_end frame_end;
        vp_event_block event_block;
        vp_sensor_event sensor_event;
    } as;
} vp_message;

uint32_t vp_crc32c(const uint8_t *bytes, size_t len);

/* Writes one frame, both zeros included. Bytes used, or 0 when it does not fit `capacity` or is
 * above VP_MAX_FRAME. VP_MAX_WIRE bytes always suffice. Writes straight into `out`. */
size_t vp_encode(const vp_header *header, const vp_message *message, uint8_t *out,
                 size_t capacity);

/* Decodes one unstuffed frame. Pointers in `message` point into `frame`. */
vp_outcome vp_decode(const uint8_t *frame, size_t len, vp_header *header, vp_message *message);

/* Finds frames in a byte stream. `buffer` bounds the frames it can hold (128 bytes serve a device
 * that hears host requests only). */
typedef struct {
    uint8_t *buffer;
    size_t capacity, used;
    uint8_t left;
    bool open, owes_zero, overgrown;
    uint32_t counts[VP_OUTCOMES];
} vp_decoder;

void vp_decoder_init(vp_decoder *decoder, uint8_t *buffer, size_t capacity);

/* Takes one byte. VP_MORE until a frame ends; on VP_FRAME header and message are filled and stay
 * valid until the next byte. */
vp_outcome vp_decoder_push(vp_decoder *decoder, uint8_t byte, vp_header *header,
                           vp_message *message);

/* Samples of a slice are in chip order [chirp, sample, rx]. Encoders return the bytes used, or 0
 * when `capacity` is too small (or, delta-rice, a sample is above 4095). Decoders return whether
 * `data` holds exactly `count` samples. */
size_t vp_raw12_len(size_t count);
size_t vp_raw12_encode(const uint16_t *samples, size_t count, uint8_t *out, size_t capacity);
bool vp_raw12_decode(const uint8_t *data, size_t len, uint16_t *samples, size_t count);
size_t vp_rice_encode(const uint16_t *samples, vp_shape shape, uint8_t *out, size_t capacity);
bool vp_rice_decode(const uint8_t *data, size_t len, vp_shape shape, uint16_t *samples);

/* Takes delta-rice where it is smaller than 12-bit packing, else 12-bit packing, and sets
 * encoding, data and data_len of `slice`. False when `capacity` is below vp_raw12_len(). */
bool vp_slice_set_samples(vp_radar_slice *slice, const uint16_t *samples, uint8_t *out,
                          size_t capacity);

/* Decodes a slice of any encoding; false when it is damaged or above `capacity` samples. */
bool vp_slice_get_samples(const vp_radar_slice *slice, uint16_t *samples, size_t capacity);

#endif
