/* Prints the frames of a byte stream as JSON: cc -std=c99 *.c && ./a.out < x.bin
 *
 * Every accepted frame is encoded again ("wire_again"), and the samples of a slice compressed
 * again ("rice_again"), so a test can hold the C encoder to the Rust encoder. */
#include "visaged_assembler.h"

#include <inttypes.h>
#include <stdio.h>

static uint16_t samples[VP_MAX_FRAME * 8];
static uint8_t scratch[VP_MAX_FRAME * 16];

static void hex(const char *name, const uint8_t *bytes, size_t len)
{
    printf("\"%s\":\"", name);
    for (size_t at = 0; at < len; at++) {
        printf("%02x", bytes[at]);
    }
    printf("\"");
}

#define NUMBER(name, value) printf("\"%s\":%" PRIu64 ",", name, (uint64_t)(value))
#define SIGNED(name, value) printf("\"%s\":%d,", name, (int)(value))

static const char *print_hello(const vp_hello *m)
{
    NUMBER("major", m->major);
    NUMBER("minor", m->minor);
    NUMBER("max_frame", m->max_frame);
    NUMBER("schema_hash", m->schema_hash);
    NUMBER("capabilities", m->capabilities);
    NUMBER("firmware_major", m->firmware_major);
    NUMBER("firmware_minor", m->firmware_minor);
    NUMBER("firmware_patch", m->firmware_patch);
    NUMBER("board_id", m->board_id);
    NUMBER("boot_id", m->boot_id);
    hex("nonce", m->nonce, 16);
    return "hello";
}

static const char *print_config(const vp_config *m)
{
    NUMBER("config_id", m->config_id);
    if (m->kind == VP_CONFIG_EVENT) {
        const vp_event_config *e = &m->of.event;
        NUMBER("format", e->format);
        NUMBER("width", e->width);
        NUMBER("height", e->height);
        NUMBER("sensor_model", e->sensor_model);
        SIGNED("bias_diff_on", e->biases[0]);
        SIGNED("bias_diff_off", e->biases[1]);
        SIGNED("bias_fo", e->biases[2]);
        SIGNED("bias_hpf", e->biases[3]);
        printf("\"bias_refr\":%d", e->biases[4]);
        return "config_event";
    }
    const vp_radar_config *r = &m->of.radar;
    NUMBER("start_frequency_khz", r->start_frequency_khz);
    NUMBER("end_frequency_khz", r->end_frequency_khz);
    NUMBER("sample_rate_hz", r->sample_rate_hz);
    NUMBER("chirp_period_ns", r->chirp_period_ns);
    NUMBER("frame_period_us", r->frame_period_us);
    NUMBER("hp_cutoff_hz", r->hp_cutoff_hz);
    NUMBER("aaf_cutoff_hz", r->aaf_cutoff_hz);
    NUMBER("samples_per_chirp", r->samples_per_chirp);
    NUMBER("chirps_per_frame", r->chirps_per_frame);
    NUMBER("rx_mask", r->rx_mask);
    NUMBER("tx_mask", r->tx_mask);
    SIGNED("if_gain_db", r->if_gain_db);
    NUMBER("tx_power_level", r->tx_power_level);
    NUMBER("sensor_model", r->sensor_model);
    printf("\"adc_bits\":%u", (unsigned)r->adc_bits);
    return "config_radar";
}

static const char *print_slice(const vp_radar_slice *m)
{
    NUMBER("config_id", m->config_id);
    NUMBER("frame_number", m->frame_number);
    NUMBER("slice_index", m->slice_index);
    NUMBER("encoding", m->encoding);
    NUMBER("first_chirp", m->first_chirp);
    NUMBER("chirp_count", m->shape.chirps);
    NUMBER("samples_per_chirp", m->shape.samples);
    NUMBER("rx_count", m->shape.rx);
    SIGNED("temperature_centi_c", m->temperature_centi_c);
    hex("data", m->data, m->data_len);
    return "radar_slice";
}

static const char *print_fields(const vp_message *message)
{
    switch (message->type) {
    case VP_HELLO: return print_hello(&message->as.hello);
    case VP_HELLO_REQUEST:
        NUMBER("major", message->as.hello_request.major);
        NUMBER("minor", message->as.hello_request.minor);
        NUMBER("max_frame", message->as.hello_request.max_frame);
        hex("nonce", message->as.hello_request.nonce, 16);
        return "hello_request";
    case VP_CONFIG: return print_config(&message->as.config);
    case VP_TIME_REQUEST:
        printf("\"host_send_ns\":%" PRIu64, message->as.time_request.host_send_ns);
        return "time_request";
    case VP_TIME_REPLY:
        NUMBER("host_send_ns", message->as.time_reply.host_send_ns);
        NUMBER("device_receive_us", message->as.time_reply.device_receive_us);
        printf("\"device_send_us\":%" PRIu64, message->as.time_reply.device_send_us);
        return "time_reply";
    case VP_LOG:
        NUMBER("level", message->as.log.level);
        hex("text", message->as.log.text, message->as.log.text_len);
        return "log";
    case VP_ACK:
    case VP_NAK:
        NUMBER("acked_type", message->as.ack.acked_type);
        NUMBER("acked_stream", message->as.ack.acked_stream);
        if (message->type == VP_NAK) {
            NUMBER("reason", message->as.ack.reason);
        }
        printf("\"acked_sequence\":%u", (unsigned)message->as.ack.acked_sequence);
        return message->type == VP_NAK ? "nak" : "ack";
    case VP_RADAR_SLICE: return print_slice(&message->as.radar_slice);
    case VP_FRAME_END:
        NUMBER("config_id", message->as.frame_end.config_id);
        NUMBER("frame_number", message->as.frame_end.frame_number);
        NUMBER("slice_count", message->as.frame_end.slice_count);
        NUMBER("flags", message->as.frame_end.flags);
        NUMBER("chirp_count", message->as.frame_end.chirp_count);
        NUMBER("saturated_samples", message->as.frame_end.saturated_samples);
        printf("\"dropped_frames\":%" PRIu32, message->as.frame_end.dropped_frames);
        return "frame_end";
    case VP_EVENT_BLOCK:
        NUMBER("config_id", message->as.event_block.config_id);
        NUMBER("format", message->as.event_block.format);
        NUMBER("width", message->as.event_block.width);
        NUMBER("height", message->as.event_block.height);
        hex("data", message->as.event_block.data, message->as.event_block.data_len);
        return "event_block";
    case VP_SENSOR_EVENT:
        NUMBER("kind", message->as.sensor_event.kind);
        NUMBER("source", message->as.sensor_event.source);
        NUMBER("count", message->as.sensor_event.count);
        printf("\"frame_number\":%" PRIu32, message->as.sensor_event.frame_number);
        return "sensor_event";
    default: return "";
    }
}

static void print_samples(const vp_radar_slice *slice)
{
    size_t count = (size_t)slice->shape.chirps * slice->shape.samples * slice->shape.rx;
    if (!vp_slice_get_samples(slice, samples, sizeof samples / sizeof samples[0])) {
        printf(",\"samples\":null");
        return;
    }
    printf(",\"samples\":[");
    for (size_t at = 0; at < count; at++) {
        printf("%s%u", at == 0 ? "" : ",", (unsigned)samples[at]);
    }
    printf("],");
    hex("rice_again", scratch, vp_rice_encode(samples, slice->shape, scratch, sizeof scratch));
}

static void print_frame(const vp_header *header, const vp_message *message)
{
    static uint8_t again[VP_MAX_WIRE];
    printf("{\"fields\":{");
    const char *type = print_fields(message);
    printf("},\"type\":\"%s\",", type);
    NUMBER("flags", header->flags);
    NUMBER("stream", header->stream);
    NUMBER("sequence", header->sequence);
    NUMBER("time_us", header->time_us);
    hex("wire_again", again, vp_encode(header, message, again, sizeof again));
    if (message->type == VP_RADAR_SLICE) {
        print_samples(&message->as.radar_slice);
    }
    printf("}");
}

/* The assembled frames are printed to `frames`, comma separated. */
static void print_assembled(const vp_assembler *a, char *frames, size_t capacity, size_t *used)
{
    size_t count = (size_t)a->shape.chirps * a->shape.samples * a->shape.rx;
    if (*used + 256 > capacity) {
        return; /* full: the rest is not printed */
    }
    *used += (size_t)snprintf(frames + *used, capacity - *used,
                              "%s{\"frame_number\":%" PRIu32 ",\"time_us\":%" PRIu64
                              ",\"samples\":[",
                              *used == 0 ? "" : ",", a->frame_number, a->time_us);
    for (size_t at = 0; at < count && *used + 16 < capacity; at++) {
        *used += (size_t)snprintf(frames + *used, capacity - *used, "%s%u", at == 0 ? "" : ",",
                                  (unsigned)a->samples[at]);
    }
    *used += (size_t)snprintf(frames + *used, capacity - *used, "]}");
}

static void print_counts(const char *const *names, const uint32_t *counts, int from, int to)
{
    bool first = true;
    for (int reason = from; reason < to; reason++) {
        if (counts[reason] > 0) {
            printf("%s\"%s\":%" PRIu32, first ? "" : ",", names[reason], counts[reason]);
            first = false;
        }
    }
}

int main(void)
{
    static const char *const lost[] = {"missing-slice", "missing-end", "count-mismatch",
                                       "shape-changed", "too-large",   "bad-samples",
                                       "interrupted"};
    static char assembled[1 << 16];
    static uint16_t whole[1 << 14];
    size_t assembled_used = 0;
    vp_assembler assembler;
    vp_assembler_init(&assembler, whole, sizeof whole / sizeof whole[0]);
    static const char *const names[] = {"frames", "cobs", "too-long", "truncated", "crc", "version",
                                  "incompatible-flags", "unknown-type", "unknown-value"};
    static uint8_t buffer[VP_MAX_FRAME];
    vp_decoder decoder;
    vp_header header;
    vp_message message;
    bool first = true;
    vp_decoder_init(&decoder, buffer, sizeof buffer);
    printf("{\"schema_hash\":%u,\"frames\":[", (unsigned)VP_SCHEMA_HASH);
    for (int byte = getchar(); byte != EOF; byte = getchar()) {
        if (vp_decoder_push(&decoder, (uint8_t)byte, &header, &message) == VP_FRAME) {
            printf("%s", first ? "" : ",");
            print_frame(&header, &message);
            first = false;
            if (vp_assembler_push(&assembler, &header, &message)) {
                print_assembled(&assembler, assembled, sizeof assembled, &assembled_used);
            }
        }
    }
    printf("],\"refused\":{");
    print_counts(names, decoder.counts, 1, VP_OUTCOMES);
    printf("},\"assembled\":{\"frames\":[%s],\"lost\":{", assembled);
    print_counts(lost, assembler.losses, 0, VP_LOSSES);
    printf("},\"unseen\":%" PRIu32 ",\"device_dropped\":%" PRIu32 ",\"restarts\":%" PRIu32,
           assembler.unseen, assembler.device_dropped, assembler.restarts);
    printf("}}\n");
    return 0;
}
