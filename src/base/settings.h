/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_BASE_SETTINGS_H
#define GANGER_BASE_SETTINGS_H

/*
 * What the master tells a ganger-worker about its pool: a list of NAME=VALUE strings, each ended
 * by a NUL, in one block (the same shape as an environment block).  Names repeat for lists, in
 * order.  Names are the config's option names, so both sides speak one vocabulary.  The block
 * travels in a sealed memfd (host/handover.h says where); the reader treats it as hostile: it is
 * bounded, and every entry must hold a '=' and a NUL.
 */

#include <stddef.h>
#include <stdint.h>
#include "base/bytes.h"
#include "base/error.h"

#define SETTINGS_MAX (4u << 20)

struct settings {
    struct bytes block;
};

void settings_init(struct settings *s);
void settings_clear(struct settings *s);
/* Append one entry.  -EINVAL for a NUL or '=' in the name; -ENOBUFS, -ENOMEM. */
int settings_add(struct settings *s, const char *name, const char *value);
int settings_add_number(struct settings *s, const char *name, uint64_t value);
/* Take a block as read from the memfd (copied).  -EINVAL when it is malformed. */
int settings_load(struct settings *s, const void *data, size_t length, struct error *err);
/* The first value of `name` or `fallback`; lives as long as the settings do unchanged. */
const char *settings_get(const struct settings *s, const char *name, const char *fallback);
/* The n-th value (from 0) of a repeated name, or NULL. */
const char *settings_get_nth(const struct settings *s, const char *name, size_t n);
uint64_t settings_get_number(const struct settings *s, const char *name, uint64_t fallback);

#endif
