/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_BASE_JOURNALD_H
#define GANGER_BASE_JOURNALD_H

/*
 * One entry of systemd's journal as the datagram that journald reads from its socket
 * (systemd.io/JOURNAL_NATIVE_PROTOCOL): fields, each "NAME=value\n" or, where the value holds a
 * newline, "NAME\n", its length in 64 bits little-endian, the value, "\n".
 * sd_journal_sendv(3) is not used: it waits for as long as the reader of a full socket does not read.
 */

#include <stddef.h>

#define JOURNALD_SOCKET "/run/systemd/journal/socket"

struct journald_entry {
    char *data;
    size_t size; /* room */
    size_t used;
};

/* Append a field.  0; -ENOBUFS, and nothing is appended. */
int journald_field(struct journald_entry *e, const char *name, const void *value, size_t length);
int journald_text(struct journald_entry *e, const char *name, const char *value);
int journald_number(struct journald_entry *e, const char *name, long value);

#endif
