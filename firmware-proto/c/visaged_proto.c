/* See visaged_proto.h. Fields are read and written in the order of schema.txt. */
#include "visaged_proto.h"

#include <string.h>

/* ---- CRC-32C, four bits a step: 64 bytes of table ---- */

static const uint32_t crc_table[16] = {
    0x00000000u, 0x105EC76Fu, 0x20BD8EDEu, 0x30E349B1u, 0x417B1DBCu, 0x5125DAD3u,
    0x61C69362u, 0x7198540Du, 0x82F63B78u, 0x92A8FC17u, 0xA24BB5A6u, 0xB21572C9u,
    0xC38D26C4u, 0xD3D3E1ABu, 0xE330A81Au, 0xF36E6F75u};

static uint32_t crc_update(uint32_t crc, const uint8_t *bytes, size_t len)
{
    for (size_t at = 0; at < len; at++) {
        crc ^= bytes[at];
        crc = crc_table[crc & 15u] ^ (crc >> 4);
        crc = crc_table[crc & 15u] ^ (crc >> 4);
    }
    return crc;
}

uint32_t vp_crc32c(const uint8_t *bytes, size_t len)
{
    return ~crc_update(UINT32_MAX, bytes, len);
}

/* ---- writing: fields go straight into COBS ---- */

typedef struct {
    uint8_t *out;
    size_t capacity, used, code_at, body;
    uint8_t run;
    uint32_t crc;
} writer;

static void emit(writer *w, uint8_t byte)
{
    if (w->used < w->capacity) {
        w->out[w->used] = byte;
    }
    w->used++;
}

static void close_run(writer *w)
{
    if (w->code_at < w->capacity) {
        w->out[w->code_at] = (uint8_t)(w->run + 1u);
    }
    w->code_at = w->used;
    w->run = 0;
}

static void put(writer *w, const uint8_t *bytes, size_t len)
{
    w->crc = crc_update(w->crc, bytes, len);
    w->body += len;
    for (size_t at = 0; at < len; at++) {
        if (w->run == 254u) {
            close_run(w);
            emit(w, 0);
        }
        if (bytes[at] == 0) {
            close_run(w);
            emit(w, 0);
        } else {
            emit(w, bytes[at]);
            w->run++;
        }
    }
}

static void put_le(writer *w, uint64_t value, unsigned bytes)
{
    uint8_t field[8];
    for (unsigned at = 0; at < bytes; at++) {
        field[at] = (uint8_t)(value >> (8u * at));
    }
    put(w, field, bytes);
}

static void put8(writer *w, uint8_t value) { put(w, &value, 1); }
static void put16(writer *w, uint16_t value) { put_le(w, value, 2); }
static void put32(writer *w, uint32_t value) { put_le(w, value, 4); }
static void put64(writer *w, uint64_t value) { put_le(w, value, 8); }

static void put_config(writer *w, const vp_config *config)
{
    put16(w, config->config_id);
    put8(w, config->kind);
    if (config->kind == VP_CONFIG_EVENT) {
        const vp_event_config *event = &config->of.event;
        put8(w, event->format);
        put16(w, event->width);
        put16(w, event->height);
        put16(w, event->sensor_model);
        for (unsigned at = 0; at < 5; at++) {
            put16(w, (uint16_t)event->biases[at]);
        }
        return;
    }
    const vp_radar_config *radar = &config->of.radar;
    put8(w, 0);
    put32(w, radar->start_frequency_khz);
    put32(w, radar->end_frequency_khz);
    put32(w, radar->sample_rate_hz);
    put32(w, radar->chirp_period_ns);
    put32(w, radar->frame_period_us);
    put32(w, radar->hp_cutoff_hz);
    put32(w, radar->aaf_cutoff_hz);
    put16(w, radar->samples_per_chirp);
    put16(w, radar->chirps_per_frame);
    put8(w, radar->rx_mask);
    put8(w, radar->tx_mask);
    put8(w, (uint8_t)radar->if_gain_db);
    put8(w, radar->tx_power_level);
    put16(w, radar->sensor_model);
    put8(w, radar->adc_bits);
    put8(w, 0);
}

static void put_hello(writer *w, const vp_hello *hello)
{
    put8(w, hello->major);
    put8(w, hello->minor);
    put16(w, hello->max_frame);
    put32(w, hello->schema_hash);
    put32(w, hello->capabilities);
    put16(w, hello->firmware_major);
    put16(w, hello->firmware_minor);
    put16(w, hello->firmware_patch);
    put16(w, 0);
    put64(w, hello->board_id);
    put64(w, hello->boot_id);
    put(w, hello->nonce, sizeof hello->nonce);
}

static void put_slice(writer *w, const vp_radar_slice *slice)
{
    put16(w, slice->config_id);
    put32(w, slice->frame_number);
    put8(w, slice->slice_index);
    put8(w, slice->encoding);
    put16(w, slice->first_chirp);
    put16(w, slice->shape.chirps);
    put16(w, slice->shape.samples);
    put8(w, slice->shape.rx);
    put8(w, 0);
    put16(w, (uint16_t)slice->temperature_centi_c);
    put16(w, slice->data_len);
    put(w, slice->data, slice->data_len);
}

static void put_frame_end(writer *w, const vp_frame_end *end)
{
    put16(w, end->config_id);
    put32(w, end->frame_number);
    put8(w, end->slice_count);
    put8(w, end->flags);
    put16(w, end->chirp_count);
    put16(w, end->saturated_samples);
    put32(w, end->dropped_frames);
}

static void put_event_block(writer *w, const vp_event_block *block)
{
    put16(w, block->config_id);
    put8(w, block->format);
    put8(w, 0);
    put16(w, block->width);
    put16(w, block->height);
    put16(w, block->data_len);
    put(w, block->data, block->data_len);
}

static void put_ack(writer *w, const vp_ack *ack, bool nak)
{
    put8(w, ack->acked_type);
    put8(w, ack->acked_stream);
    put16(w, ack->acked_sequence);
    if (nak) {
        put8(w, ack->reason);
        put8(w, 0);
    }
}

static bool put_message(writer *w, const vp_message *message)
{
    switch (message->type) {
    case VP_HELLO: put_hello(w, &message->as.hello); return true;
    case VP_HELLO_REQUEST:
        put(w, message->as.hello_request.nonce, sizeof message->as.hello_request.nonce);
        put8(w, message->as.hello_request.major);
        put8(w, message->as.hello_request.minor);
        put16(w, message->as.hello_request.max_frame);
        return true;
    case VP_CONFIG: put_config(w, &message->as.config); return true;
    case VP_TIME_REQUEST: put64(w, message->as.time_request.host_send_ns); return true;
    case VP_TIME_REPLY:
        put64(w, message->as.time_reply.host_send_ns);
        put64(w, message->as.time_reply.device_receive_us);
        put64(w, message->as.time_reply.device_send_us);
        return true;
    case VP_LOG:
        put8(w, message->as.log.level);
        put8(w, 0);
        put16(w, message->as.log.text_len);
        put(w, message->as.log.text, message->as.log.text_len);
        return true;
    case VP_ACK: put_ack(w, &message->as.ack, false); return true;
    case VP_NAK: put_ack(w, &message->as.ack, true); return true;
    case VP_RADAR_SLICE: put_slice(w, &message->as.radar_slice); return true;
    case VP_FRAME_END: put_frame_end(w, &message->as.frame_end); return true;
    case VP_EVENT_BLOCK: put_event_block(w, &message->as.event_block); return true;
    case VP_SENSOR_EVENT:
        put8(w, message->as.sensor_event.kind);
        put8(w, message->as.sensor_event.source);
        put16(w, 0);
        put32(w, message->as.sensor_event.count);
        put32(w, message->as.sensor_event.frame_number);
        return true;
    default: return false;
    }
}

size_t vp_encode(const vp_header *header, const vp_message *message, uint8_t *out, size_t capacity)
{
    writer w = {out, capacity, 0, 1, 0, 0, UINT32_MAX};
    emit(&w, 0);
    emit(&w, 0); /* place of the first code byte */
    put8(&w, VP_MAGIC_VERSION);
    put8(&w, header->flags & 0x0Fu);
    put8(&w, message->type);
    put8(&w, header->stream);
    put16(&w, header->sequence);
    put64(&w, header->time_us);
    if (!put_message(&w, message)) {
        return 0;
    }
    put32(&w, ~w.crc);
    close_run(&w);
    emit(&w, 0);
    return w.body > VP_MAX_FRAME || w.used > capacity ? 0 : w.used;
}

/* ---- reading ---- */

typedef struct {
    const uint8_t *at;
    size_t left;
    bool short_of; /* a field lay behind the end */
} reader;

static const uint8_t *get(reader *r, size_t len)
{
    const uint8_t *field = r->at;
    if (len > r->left) {
        r->short_of = true;
        r->left = 0;
        return NULL;
    }
    r->at += len;
    r->left -= len;
    return field;
}

static uint64_t get_le(reader *r, unsigned bytes)
{
    const uint8_t *field = get(r, bytes);
    uint64_t value = 0;
    for (unsigned at = 0; field != NULL && at < bytes; at++) {
        value |= (uint64_t)field[at] << (8u * at);
    }
    return value;
}

static uint8_t get8(reader *r) { return (uint8_t)get_le(r, 1); }
static uint16_t get16(reader *r) { return (uint16_t)get_le(r, 2); }
static uint32_t get32(reader *r) { return (uint32_t)get_le(r, 4); }
static uint64_t get64(reader *r) { return get_le(r, 8); }

static int16_t get_i16(reader *r)
{
    uint16_t bits = get16(r);
    return (int16_t)(bits < 0x8000u ? (int32_t)bits : (int32_t)bits - 0x10000);
}

static void get_bytes(reader *r, uint8_t *to, size_t len)
{
    const uint8_t *field = get(r, len);
    if (field != NULL) {
        memcpy(to, field, len);
    }
}

static bool within(uint8_t value, uint8_t last) { return value >= 1 && value <= last; }

/* Each of these returns whether the enumerated values are known. Truncation is told by the reader
 * and goes before it. */
static bool get_config(reader *r, vp_config *config)
{
    config->config_id = get16(r);
    config->kind = get8(r);
    if (config->kind == VP_CONFIG_EVENT) {
        vp_event_config *event = &config->of.event;
        event->format = get8(r);
        if (r->short_of || !within(event->format, VP_EVT3)) {
            return false;
        }
        event->width = get16(r);
        event->height = get16(r);
        event->sensor_model = get16(r);
        for (unsigned at = 0; at < 5; at++) {
            event->biases[at] = get_i16(r);
        }
        return true;
    }
    if (config->kind != VP_CONFIG_RADAR) {
        return false;
    }
    vp_radar_config *radar = &config->of.radar;
    (void)get8(r);
    radar->start_frequency_khz = get32(r);
    radar->end_frequency_khz = get32(r);
    radar->sample_rate_hz = get32(r);
    radar->chirp_period_ns = get32(r);
    radar->frame_period_us = get32(r);
    radar->hp_cutoff_hz = get32(r);
    radar->aaf_cutoff_hz = get32(r);
    radar->samples_per_chirp = get16(r);
    radar->chirps_per_frame = get16(r);
    radar->rx_mask = get8(r);
    radar->tx_mask = get8(r);
    uint8_t gain = get8(r);
    radar->if_gain_db = (int8_t)(gain < 0x80u ? (int)gain : (int)gain - 0x100);
    radar->tx_power_level = get8(r);
    radar->sensor_model = get16(r);
    radar->adc_bits = get8(r);
    (void)get8(r);
    return true;
}

static bool get_hello(reader *r, vp_hello *hello)
{
    hello->major = get8(r);
    hello->minor = get8(r);
    hello->max_frame = get16(r);
    hello->schema_hash = get32(r);
    hello->capabilities = get32(r);
    hello->firmware_major = get16(r);
    hello->firmware_minor = get16(r);
    hello->firmware_patch = get16(r);
    (void)get16(r);
    hello->board_id = get64(r);
    hello->boot_id = get64(r);
    get_bytes(r, hello->nonce, sizeof hello->nonce);
    return true;
}

static bool get_slice(reader *r, vp_radar_slice *slice)
{
    slice->config_id = get16(r);
    slice->frame_number = get32(r);
    slice->slice_index = get8(r);
    slice->encoding = get8(r);
    if (!r->short_of && !within(slice->encoding, VP_DELTA_RICE)) {
        return false;
    }
    slice->first_chirp = get16(r);
    slice->shape.chirps = get16(r);
    slice->shape.samples = get16(r);
    slice->shape.rx = get8(r);
    (void)get8(r);
    slice->temperature_centi_c = get_i16(r);
    slice->data_len = get16(r);
    slice->data = get(r, slice->data_len);
    return true;
}

static bool get_event_block(reader *r, vp_event_block *block)
{
    static const uint8_t word_len[] = {0, 4, 8, 8, 2};
    block->config_id = get16(r);
    block->format = get8(r);
    if (!r->short_of && !within(block->format, VP_EVT3)) {
        return false;
    }
    (void)get8(r);
    block->width = get16(r);
    block->height = get16(r);
    block->data_len = get16(r);
    block->data = get(r, block->data_len);
    return r->short_of || block->data_len % word_len[block->format] == 0;
}

static bool get_frame_end(reader *r, vp_frame_end *end)
{
    end->config_id = get16(r);
    end->frame_number = get32(r);
    end->slice_count = get8(r);
    end->flags = get8(r);
    end->chirp_count = get16(r);
    end->saturated_samples = get16(r);
    end->dropped_frames = get32(r);
    return true;
}

static bool get_log(reader *r, vp_log *log)
{
    log->level = get8(r);
    if (!r->short_of && !within(log->level, VP_DEBUG)) {
        return false;
    }
    (void)get8(r);
    log->text_len = get16(r);
    log->text = get(r, log->text_len);
    return true;
}

static bool get_ack(reader *r, vp_ack *ack, bool nak)
{
    ack->acked_type = get8(r);
    ack->acked_stream = get8(r);
    ack->acked_sequence = get16(r);
    ack->reason = 0;
    if (nak) {
        ack->reason = get8(r);
        if (!r->short_of && !within(ack->reason, VP_SENSOR_FAULT)) {
            return false;
        }
        (void)get8(r);
    }
    return true;
}

static bool get_sensor_event(reader *r, vp_sensor_event *event)
{
    event->kind = get8(r);
    if (!r->short_of && !within(event->kind, VP_DROPPED)) {
        return false;
    }
    event->source = get8(r);
    if (!r->short_of && !within(event->source, VP_SOURCE_EVENT)) {
        return false;
    }
    (void)get16(r);
    event->count = get32(r);
    event->frame_number = get32(r);
    return true;
}

static vp_outcome get_message(reader *r, vp_message *message)
{
    bool known = true;
    switch (message->type) {
    case VP_HELLO: known = get_hello(r, &message->as.hello); break;
    case VP_HELLO_REQUEST:
        get_bytes(r, message->as.hello_request.nonce, sizeof message->as.hello_request.nonce);
        message->as.hello_request.major = get8(r);
        message->as.hello_request.minor = get8(r);
        message->as.hello_request.max_frame = get16(r);
        break;
    case VP_CONFIG: known = get_config(r, &message->as.config); break;
    case VP_TIME_REQUEST: message->as.time_request.host_send_ns = get64(r); break;
    case VP_TIME_REPLY:
        message->as.time_reply.host_send_ns = get64(r);
        message->as.time_reply.device_receive_us = get64(r);
        message->as.time_reply.device_send_us = get64(r);
        break;
    case VP_LOG: known = get_log(r, &message->as.log); break;
    case VP_ACK: known = get_ack(r, &message->as.ack, false); break;
    case VP_NAK: known = get_ack(r, &message->as.ack, true); break;
    case VP_RADAR_SLICE: known = get_slice(r, &message->as.radar_slice); break;
    case VP_FRAME_END: known = get_frame_end(r, &message->as.frame_end); break;
    case VP_EVENT_BLOCK: known = get_event_block(r, &message->as.event_block); break;
    case VP_SENSOR_EVENT: known = get_sensor_event(r, &message->as.sensor_event); break;
    default: return VP_REFUSED_UNKNOWN_TYPE;
    }
    if (r->short_of) {
        return VP_REFUSED_TRUNCATED;
    }
    return known ? VP_FRAME : VP_REFUSED_UNKNOWN_VALUE;
}

vp_outcome vp_decode(const uint8_t *frame, size_t len, vp_header *header, vp_message *message)
{
    if (len < VP_HEADER_LEN + VP_CRC_LEN) {
        return VP_REFUSED_TRUNCATED;
    }
    reader sum = {frame + len - VP_CRC_LEN, VP_CRC_LEN, false};
    if (vp_crc32c(frame, len - VP_CRC_LEN) != get32(&sum)) {
        return VP_REFUSED_CRC;
    }
    reader r = {frame, len - VP_CRC_LEN, false};
    if (get8(&r) != VP_MAGIC_VERSION) {
        return VP_REFUSED_VERSION;
    }
    uint8_t flags = get8(&r);
    if ((flags & 0x70u) != 0) {
        return VP_REFUSED_INCOMPATIBLE_FLAGS;
    }
    header->flags = flags & 0x0Fu;
    header->tagged = (flags & 0x80u) != 0;
    message->type = get8(&r);
    header->stream = get8(&r);
    header->sequence = get16(&r);
    header->time_us = get64(&r);
    if (header->tagged) {
        if (r.left < VP_TAG_LEN) {
            return VP_REFUSED_TRUNCATED;
        }
        r.left -= VP_TAG_LEN;
    }
    return get_message(&r, message);
}

void vp_decoder_init(vp_decoder *decoder, uint8_t *buffer, size_t capacity)
{
    memset(decoder, 0, sizeof *decoder);
    decoder->buffer = buffer;
    decoder->capacity = capacity;
}

static void append(vp_decoder *d, uint8_t byte)
{
    if (d->used < d->capacity) {
        d->buffer[d->used] = byte;
        d->used++;
    } else {
        d->overgrown = true;
    }
}

static vp_outcome end_frame(vp_decoder *d, vp_header *header, vp_message *message)
{
    vp_outcome outcome = VP_MORE;
    if (d->overgrown) {
        outcome = VP_REFUSED_TOO_LONG;
    } else if (d->left > 0) {
        outcome = VP_REFUSED_COBS;
    } else if (d->open) {
        outcome = vp_decode(d->buffer, d->used, header, message);
    }
    d->used = 0;
    d->left = 0;
    d->open = d->owes_zero = d->overgrown = false;
    if (outcome < VP_OUTCOMES) {
        d->counts[outcome]++;
    }
    return outcome;
}

vp_outcome vp_decoder_push(vp_decoder *d, uint8_t byte, vp_header *header, vp_message *message)
{
    if (byte == 0) {
        return end_frame(d, header, message);
    }
    if (d->overgrown) {
        return VP_MORE;
    }
    if (d->left > 0) {
        d->left--;
        append(d, byte);
        return VP_MORE;
    }
    if (d->owes_zero) {
        append(d, 0);
    }
    d->open = true;
    d->left = (uint8_t)(byte - 1u);
    d->owes_zero = byte < 255u;
    return VP_MORE;
}

/* ---- 12-bit packing ---- */

size_t vp_raw12_len(size_t count) { return count / 2 * 3 + count % 2 * 2; }

size_t vp_raw12_encode(const uint16_t *samples, size_t count, uint8_t *out, size_t capacity)
{
    if (vp_raw12_len(count) > capacity) {
        return 0;
    }
    size_t used = 0;
    for (size_t at = 0; at < count; at += 2) {
        uint16_t first = samples[at];
        uint16_t second = at + 1 < count ? samples[at + 1] : 0;
        out[used++] = (uint8_t)(first >> 4);
        out[used++] = (uint8_t)((first & 15u) << 4 | (second >> 8 & 15u));
        if (at + 1 < count) {
            out[used++] = (uint8_t)second;
        }
    }
    return used;
}

bool vp_raw12_decode(const uint8_t *data, size_t len, uint16_t *samples, size_t count)
{
    if (len != vp_raw12_len(count)) {
        return false;
    }
    for (size_t at = 0; at < count; at++) {
        const uint8_t *bytes = data + at / 2 * 3 + at % 2;
        samples[at] = (uint16_t)(at % 2 == 0 ? bytes[0] << 4 | bytes[1] >> 4
                                             : (bytes[0] & 15) << 8 | bytes[1]);
    }
    return true;
}

/* ---- delta-rice: the same choices, so the same bytes, as the Rust encoder ---- */

enum { RICE_ESCAPE = 12, RICE_MAX_K = 11, RICE_MIDDLE = 2048, RICE_SPARSE = 4 };
enum rice_predictor { BY_SAMPLE = 0, BY_CHIRP = 1, BY_GRADIENT = 2, BY_MEAN = 3 };

/* What a sample is compared with: `sample` points at it, `number` earlier chirps lie before. */
static int32_t rice_reference(const uint16_t *sample, size_t chirp_len, unsigned number,
                              unsigned predictor)
{
    if (predictor == BY_SAMPLE) {
        return RICE_MIDDLE;
    }
    int32_t a = *(sample - chirp_len);
    if (predictor != BY_MEAN || number < 2) {
        return a;
    }
    int32_t b = *(sample - 2 * chirp_len);
    if (number < 4) {
        return (a + b + 1) >> 1;
    }
    return (a + b + *(sample - 3 * chirp_len) + *(sample - 4 * chirp_len) + 2) >> 2;
}

typedef struct {
    uint8_t *out;
    size_t capacity, used;
    uint32_t held;
    unsigned held_bits;
} bit_writer;

static bool put_bits(bit_writer *w, uint32_t value, unsigned width)
{
    w->held = w->held << width | value;
    w->held_bits += width;
    while (w->held_bits >= 8) {
        if (w->used == w->capacity) {
            return false;
        }
        w->held_bits -= 8;
        w->out[w->used++] = (uint8_t)(w->held >> w->held_bits);
    }
    return true;
}

static uint32_t magnitude(int32_t value) { return (uint32_t)(value < 0 ? -value : value); }

/* The predictor that misses least on every fourth sample, and its total. */
static unsigned rice_choose(const uint16_t *chirp, vp_shape shape, unsigned rx, unsigned number,
                            uint32_t *total)
{
    size_t chirp_len = (size_t)shape.samples * shape.rx;
    uint32_t totals[4] = {0, 0, 0, 0};
    for (size_t at = rx + shape.rx; at < chirp_len; at += (size_t)RICE_SPARSE * shape.rx) {
        const uint16_t *sample = chirp + at, *before = sample - shape.rx;
        int32_t difference = (int32_t)*sample - *before;
        totals[BY_SAMPLE] += magnitude(difference);
        if (number > 0) {
            int32_t expected = (int32_t)*(sample - chirp_len) - *(before - chirp_len);
            int32_t mean = rice_reference(sample, chirp_len, number, BY_MEAN);
            totals[BY_GRADIENT] += magnitude(difference - expected);
            totals[BY_MEAN] += magnitude(*sample - mean);
        }
    }
    unsigned best = BY_SAMPLE;
    if (number > 0 && totals[BY_GRADIENT] < totals[best]) {
        best = BY_GRADIENT;
    }
    if (number > 0 && totals[BY_MEAN] < totals[best]) {
        best = BY_MEAN;
    }
    *total = totals[best];
    return best;
}

static int32_t wrapped(int32_t value) { return (int32_t)((uint32_t)(value + 2048) & 4095u) - 2048; }

static bool rice_write_line(bit_writer *w, const uint16_t *chirp, vp_shape shape, unsigned rx,
                            unsigned number)
{
    size_t chirp_len = (size_t)shape.samples * shape.rx;
    uint32_t total, k = 0;
    unsigned predictor = rice_choose(chirp, shape, rx, number, &total);
    uint32_t seen = (shape.samples + RICE_SPARSE / 2u) / RICE_SPARSE;
    while (k < RICE_MAX_K && seen << k < total) {
        k++;
    }
    if (!put_bits(w, k << 2 | predictor, 6)) {
        return false;
    }
    bool carry = predictor == BY_SAMPLE || predictor == BY_GRADIENT;
    int32_t missed = 0;
    for (size_t at = rx; at < chirp_len; at += shape.rx) {
        int32_t miss = chirp[at] - rice_reference(chirp + at, chirp_len, number, predictor);
        int32_t residual = wrapped(miss - (carry ? missed : 0));
        uint32_t folded = residual < 0 ? (uint32_t)(-2 * residual - 1) : (uint32_t)(2 * residual);
        uint32_t quotient = folded >> k;
        missed = miss;
        bool fits = quotient < RICE_ESCAPE
                        ? put_bits(w, 1u << k | (folded & ((1u << k) - 1u)), quotient + 1 + k)
                        : put_bits(w, folded, 24);
        if (!fits) {
            return false;
        }
    }
    return true;
}

size_t vp_rice_encode(const uint16_t *samples, vp_shape shape, uint8_t *out, size_t capacity)
{
    size_t chirp_len = (size_t)shape.samples * shape.rx;
    bit_writer w = {out, capacity, 0, 0, 0};
    for (size_t at = 0; at < chirp_len * shape.chirps; at++) {
        if (samples[at] > 4095) {
            return 0;
        }
    }
    for (unsigned number = 0; number < shape.chirps; number++) {
        for (unsigned rx = 0; rx < shape.rx; rx++) {
            if (!rice_write_line(&w, samples + number * chirp_len, shape, rx, number)) {
                return 0;
            }
        }
    }
    return w.held_bits == 0 || put_bits(&w, 0, 8 - w.held_bits) ? w.used : 0;
}

typedef struct {
    const uint8_t *data;
    size_t bits, at;
} bit_reader;

/* The next bits as a number; false behind the end. At most 12 bits. */
static bool get_bits(bit_reader *r, unsigned width, uint32_t *value)
{
    if (r->bits - r->at < width) {
        return false;
    }
    *value = 0;
    for (unsigned bit = 0; bit < width; bit++, r->at++) {
        *value = *value << 1 | ((uint32_t)r->data[r->at / 8] >> (7 - r->at % 8) & 1u);
    }
    return true;
}

static bool rice_read_code(bit_reader *r, uint32_t k, uint32_t *folded)
{
    uint32_t quotient = 0, bit = 0, low = 0;
    while (quotient < RICE_ESCAPE) {
        if (!get_bits(r, 1, &bit)) {
            return false;
        }
        if (bit == 1) {
            break;
        }
        quotient++;
    }
    if (quotient == RICE_ESCAPE) {
        return get_bits(r, 12, folded);
    }
    if (!get_bits(r, k, &low)) {
        return false;
    }
    *folded = quotient << k | low;
    return true;
}

static bool rice_read_line(bit_reader *r, uint16_t *chirp, vp_shape shape, unsigned rx,
                           unsigned number)
{
    size_t chirp_len = (size_t)shape.samples * shape.rx;
    uint32_t k, predictor, folded;
    if (!get_bits(r, 4, &k) || !get_bits(r, 2, &predictor) || k > RICE_MAX_K ||
        (number == 0 && predictor != BY_SAMPLE)) {
        return false;
    }
    bool carry = predictor == BY_SAMPLE || predictor == BY_GRADIENT;
    int32_t missed = 0;
    for (size_t at = rx; at < chirp_len; at += shape.rx) {
        if (!rice_read_code(r, k, &folded)) {
            return false;
        }
        int32_t half = (int32_t)(folded >> 1);
        int32_t residual = (folded & 1u) == 1u ? -half - 1 : half;
        /* All that counts is the value modulo 4096: no overflow on hostile data. */
        missed = wrapped(residual + (carry ? missed : 0));
        int32_t expected = rice_reference(chirp + at, chirp_len, number, predictor);
        chirp[at] = (uint16_t)((uint32_t)(expected + missed) & 4095u);
    }
    return true;
}

bool vp_rice_decode(const uint8_t *data, size_t len, vp_shape shape, uint16_t *samples)
{
    size_t chirp_len = (size_t)shape.samples * shape.rx;
    bit_reader r = {data, len * 8, 0};
    if (chirp_len == 0) {
        return len == 0;
    }
    for (unsigned number = 0; number < shape.chirps; number++) {
        for (unsigned rx = 0; rx < shape.rx; rx++) {
            if (!rice_read_line(&r, samples + number * chirp_len, shape, rx, number)) {
                return false;
            }
        }
    }
    uint32_t filling = 0;
    size_t rest = r.bits - r.at;
    return rest < 8 && get_bits(&r, (unsigned)rest, &filling) && filling == 0;
}

/* ---- slices ---- */

bool vp_slice_set_samples(vp_radar_slice *slice, const uint16_t *samples, uint8_t *out,
                          size_t capacity)
{
    size_t count = (size_t)slice->shape.chirps * slice->shape.samples * slice->shape.rx;
    size_t packed = vp_raw12_len(count);
    if (count == 0 || packed > capacity || packed > UINT16_MAX) {
        return false;
    }
    size_t used = vp_rice_encode(samples, slice->shape, out, packed - 1);
    slice->encoding = VP_DELTA_RICE;
    if (used == 0) {
        used = vp_raw12_encode(samples, count, out, capacity);
        slice->encoding = VP_RAW12;
    }
    slice->data = out;
    slice->data_len = (uint16_t)used;
    return true;
}

bool vp_slice_get_samples(const vp_radar_slice *slice, uint16_t *samples, size_t capacity)
{
    size_t chirp_len = (size_t)slice->shape.samples * slice->shape.rx;
    if (chirp_len != 0 && slice->shape.chirps > capacity / chirp_len) {
        return false;
    }
    size_t count = chirp_len * slice->shape.chirps;
    switch (slice->encoding) {
    case VP_RAW12: return vp_raw12_decode(slice->data, slice->data_len, samples, count);
    case VP_DELTA_RICE:
        return vp_rice_decode(slice->data, slice->data_len, slice->shape, samples);
    case VP_U16:
        if (slice->data_len != 2 * count) {
            return false;
        }
        for (size_t at = 0; at < count; at++) {
            samples[at] = (uint16_t)(slice->data[2 * at] | slice->data[2 * at + 1] << 8);
        }
        return true;
    default: return false;
    }
}
