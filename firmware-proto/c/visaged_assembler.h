/*
 * Puts the slices of one stream together to radar frames, by the rules of WIRE.md section 4: for a
 * relay or a test bench in C. A sensor that only sends needs visaged_proto alone.
 */
#ifndef VISAGED_ASSEMBLER_H
#define VISAGED_ASSEMBLER_H

#include "visaged_proto.h"

/* Why a begun frame was not handed out; index of vp_assembler.losses. */
typedef enum {
    VP_LOST_MISSING_SLICE,
    VP_LOST_MISSING_END,
    VP_LOST_COUNT_MISMATCH,
    VP_LOST_SHAPE_CHANGED,
    VP_LOST_TOO_LARGE,
    VP_LOST_BAD_SAMPLES,
    VP_LOST_INTERRUPTED,
    VP_LOSSES
} vp_loss;

typedef struct {
    uint16_t *samples; /* the caller's buffer, [chirp, sample, rx] */
    size_t capacity;

    /* The frame being put together; valid after vp_assembler_push() returned true. */
    uint16_t config_id;
    uint32_t frame_number;
    uint64_t time_us; /* of its first slice */
    int16_t temperature_centi_c;
    vp_shape shape;

    uint32_t complete;       /* frames handed out */
    uint32_t unseen;         /* frame numbers of which nothing arrived */
    uint32_t device_dropped; /* frames the device says it dropped */
    uint32_t restarts;       /* times the frame number went back */
    uint32_t losses[VP_LOSSES];

    bool begun, lost, number_known, dropped_known; /* private from here on */
    uint8_t slices;
    uint32_t last_number, last_dropped;
} vp_assembler;

void vp_assembler_init(vp_assembler *assembler, uint16_t *samples, size_t capacity);

/* After a new boot id or a reopened port: numbers before and after do not connect. */
void vp_assembler_restart(vp_assembler *assembler);

/* Takes the next frame of the stream. True: `samples` holds the whole frame that ended here. */
bool vp_assembler_push(vp_assembler *assembler, const vp_header *header,
                       const vp_message *message);

#endif
