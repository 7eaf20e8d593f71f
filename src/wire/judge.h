/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_WIRE_JUDGE_H
#define GANGER_WIRE_JUDGE_H

/*
 * Private to wire: the state that reader.c and judge.c share, and the verdict on one header.
 *
 * Invariants: a slot exists exactly for each active request id; content_left and padding_left are
 * counted down in full whatever becomes of the request they belong to.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"
#include "wire/params.h"
#include "wire/reader.h"
#include "wire/record.h"
#include "wire/slots.h"

enum { JUDGE_BEGIN_BODY = 8 }; /* content bytes of BEGIN_REQUEST, section 5.1 */

enum content_use { USE_SKIP, USE_BEGIN, USE_PARAMS, USE_BODY, USE_VALUES };

struct reader {
    struct reader_limits limits;
    struct slots slots;

    uint8_t raw[FCGI_HEADER_LEN];
    size_t raw_have;
    struct record_header header; /* of the record being read, once raw is complete */
    enum content_use use;
    size_t content_left;
    size_t padding_left;
    uint8_t begin[JUDGE_BEGIN_BODY];
    size_t begin_have;
    struct params *values; /* names of an FCGI_GET_VALUES being read */

    unsigned idle;         /* records in a row that made no progress */
    uint64_t taken;        /* bytes of the stream so far */
    uint64_t header_start; /* offset of the record being read */
    bool dead;
};

/*
 * Decide what the record in r->header means for the state of its id: sets r->use, fills *ev when
 * the header alone is an event.  0, or negative with err for an illegal record.
 */
int judge_header(struct reader *r, struct reader_event *ev, struct error *err);
/* Kill the reader and say why, with the offset and the header of the record being read. */
int judge_fail(struct reader *r, struct error *err, const char *what);
int judge_no_memory(struct reader *r, struct error *err);
/* The record moved its request on: the count of idle records starts again. */
void judge_progress(struct reader *r);
void judge_event(struct reader_event *ev, enum reader_event_type type, const struct slot *s);
/* READER_REFUSED. */
void judge_refuse(struct reader_event *ev, uint16_t id, uint16_t role, uint8_t flags,
                  uint8_t protocol_status, uint32_t app_status);

#endif
