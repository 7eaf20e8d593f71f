/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_BASE_STATE_H
#define GANGER_BASE_STATE_H

/*
 * What one image of a program leaves to the next one that the same process runs: a list of records in
 * one block.
 *
 *     8 bytes "ganger\0S", version (32 bits), then records: kind (32 bits), length (32 bits), and as
 *     many bytes; the last has kind STATE_END and no bytes, and nothing follows it.
 *
 * Numbers are in the machine's own order: the block never leaves it.  Every length is explicit, so
 * that no content, however long or odd, can be taken for another record (systemd's CVE-2018-15686 was
 * a line that was too long).  Most records hold a settings block (base/settings.h), and a table says
 * how a struct becomes one: there are names, numbers and texts in it, and never a pointer.
 *
 * Whoever reads a state takes it for hostile: every record must be of one piece, every number within
 * its row's bounds, every text short enough.
 */

#include <stddef.h>
#include <stdint.h>
#include "base/bytes.h"
#include "base/error.h"
#include "base/settings.h"

#define STATE_MAX (64u << 20)
#define STATE_END 0u

/* ---- writing ---- */
struct state {
    struct bytes block;
};
/* Begin one.  0 or negative; to be cleared in any case. */
int state_begin(struct state *s, uint32_t version);
/* Add a record (`kind` is not STATE_END), of bytes or of settings.  0; -ENOBUFS, -ENOMEM, -EINVAL. */
int state_add(struct state *s, uint32_t kind, const void *data, size_t length);
int state_add_settings(struct state *s, uint32_t kind, const struct settings *settings);
int state_finish(struct state *s);
void state_clear(struct state *s);

/* ---- reading ---- */
struct state_reader { /* borrows the block */
    const uint8_t *at;
    size_t left;
    uint32_t version;
};
struct state_record {
    uint32_t kind;
    const uint8_t *data;
    size_t length;
};
/* Look through the whole block: 0, or -EINVAL when it is not of one piece. */
int state_open(struct state_reader *r, const void *data, size_t length, struct error *err);
/* The next record, or one of kind STATE_END, again and again. */
void state_next(struct state_reader *r, struct state_record *ret);

/* ---- structs as settings ---- */
enum state_type {
    STATE_U32,  /* uint32_t, or an enum */
    STATE_U64,  /* uint64_t */
    STATE_I32,  /* int, within least … most */
    STATE_FLAG, /* bool */
    STATE_TEXT, /* char[most] */
};
struct state_field {
    const char *name;
    enum state_type type;
    size_t offset;
    int64_t least; /* STATE_I32 alone */
    uint64_t most; /* greatest number; size of the array */
};
/* Add every field of the struct at `from`.  0, or negative. */
int state_write_fields(struct settings *to, const struct state_field *fields, size_t count,
                       const void *from);
/* Every field must be there and within its bounds: 0, or -EINVAL with err naming it. */
int state_read_fields(const struct settings *from, const struct state_field *fields, size_t count,
                      void *to, struct error *err);
/* Bytes of any value, as hexadecimal digits.  Read: the count, at most `room`; or -EINVAL. */
int state_write_bytes(struct settings *to, const char *name, const void *data, size_t length);
long state_read_bytes(const struct settings *from, const char *name, void *to, size_t room,
                      struct error *err);

#endif
