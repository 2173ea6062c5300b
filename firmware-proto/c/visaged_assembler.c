/* See visaged_assembler.h. The twin of src/assembler.rs. */
#include "visaged_assembler.h"

#include <string.h>

void vp_assembler_init(vp_assembler *a, uint16_t *samples, size_t capacity)
{
    memset(a, 0, sizeof *a);
    a->samples = samples;
    a->capacity = capacity;
}

/* Counts the begun frame as lost, once. */
static void abandon(vp_assembler *a, vp_loss why)
{
    if (a->begun && !a->lost) {
        a->lost = true;
        a->losses[why]++;
    }
}

void vp_assembler_restart(vp_assembler *a)
{
    abandon(a, VP_LOST_INTERRUPTED);
    a->begun = a->number_known = a->dropped_known = false;
}

static void count_unseen(vp_assembler *a, uint32_t frame_number)
{
    uint32_t step = frame_number - a->last_number;
    if (a->number_known && step >= UINT32_C(0x80000000)) {
        a->restarts++;
        a->dropped_known = false;
    } else if (a->number_known && step > 0) {
        a->unseen += step - 1;
    }
    a->number_known = true;
    a->last_number = frame_number;
}

static void begin(vp_assembler *a, const vp_radar_slice *slice, uint64_t time_us)
{
    abandon(a, VP_LOST_MISSING_END);
    count_unseen(a, slice->frame_number);
    a->begun = true;
    a->lost = false;
    a->config_id = slice->config_id;
    a->frame_number = slice->frame_number;
    a->time_us = time_us;
    a->temperature_centi_c = slice->temperature_centi_c;
    a->shape = slice->shape;
    a->shape.chirps = 0;
    a->slices = 0;
}

static void append(vp_assembler *a, const vp_radar_slice *slice)
{
    size_t chirp_len = (size_t)slice->shape.samples * slice->shape.rx;
    size_t used = chirp_len * a->shape.chirps;
    if (a->lost) {
        return;
    }
    if (slice->config_id != a->config_id || slice->shape.samples != a->shape.samples ||
        slice->shape.rx != a->shape.rx) {
        abandon(a, VP_LOST_SHAPE_CHANGED);
    } else if (slice->slice_index != a->slices || slice->first_chirp != a->shape.chirps) {
        abandon(a, VP_LOST_MISSING_SLICE);
    } else if (chirp_len != 0 && slice->shape.chirps > (a->capacity - used) / chirp_len) {
        abandon(a, VP_LOST_TOO_LARGE);
    } else if (!vp_slice_get_samples(slice, a->samples + used, a->capacity - used)) {
        abandon(a, VP_LOST_BAD_SAMPLES);
    } else if (slice->shape.chirps > UINT16_MAX - a->shape.chirps || a->slices == UINT8_MAX) {
        abandon(a, VP_LOST_TOO_LARGE);
    } else {
        a->shape.chirps = (uint16_t)(a->shape.chirps + slice->shape.chirps);
        a->slices++;
    }
}

static bool end_frame(vp_assembler *a, const vp_frame_end *end)
{
    if (a->begun && a->frame_number != end->frame_number) {
        abandon(a, VP_LOST_MISSING_END);
        a->begun = false;
    }
    if (!a->begun && !(a->number_known && a->last_number == end->frame_number)) {
        count_unseen(a, end->frame_number);
        a->losses[VP_LOST_MISSING_SLICE]++;
    }
    if (a->dropped_known) {
        a->device_dropped += end->dropped_frames - a->last_dropped;
    }
    a->dropped_known = true;
    a->last_dropped = end->dropped_frames;
    bool whole = a->begun && !a->lost;
    a->begun = false;
    if (!whole) {
        return false;
    }
    if (a->slices != end->slice_count || a->shape.chirps != end->chirp_count ||
        a->config_id != end->config_id) {
        a->losses[VP_LOST_COUNT_MISMATCH]++;
        return false;
    }
    a->complete++;
    return true;
}

bool vp_assembler_push(vp_assembler *a, const vp_header *header, const vp_message *message)
{
    const vp_sensor_event *event = &message->as.sensor_event;
    switch (message->type) {
    case VP_RADAR_SLICE:
        if (!a->begun || a->frame_number != message->as.radar_slice.frame_number) {
            begin(a, &message->as.radar_slice, header->time_us);
        }
        append(a, &message->as.radar_slice);
        return false;
    case VP_FRAME_END: return end_frame(a, &message->as.frame_end);
    case VP_SENSOR_EVENT:
        if (event->source == VP_SOURCE_RADAR && event->kind == VP_OVERFLOW) {
            abandon(a, VP_LOST_INTERRUPTED);
        } else if (event->source == VP_SOURCE_RADAR && event->kind == VP_RESTART) {
            vp_assembler_restart(a);
        }
        return false;
    default: return false;
    }
}
