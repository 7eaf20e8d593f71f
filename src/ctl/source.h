/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_CTL_SOURCE_H
#define GANGER_CTL_SOURCE_H

/* Where the body of a request comes from: a text, a file, or standard input; never held whole. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/error.h"

struct source;

/* `data`: a text (which must outlive the source), "@FILE", or "-" and "@-" for standard input.
 * 0 with *ret, or negative. */
int source_open(struct source **ret, const char *data, struct error *err);
/* As above, from a file; "-" is standard input. */
int source_open_file(struct source **ret, const char *path, struct error *err);
/* Read a source whose length is not known to its end, into a file without a name, so that it is known
 * and the source can be read again; nothing when it is known.  Waits for whoever writes the other end of a
 * pipe.  0 or negative. */
int source_spool(struct source *s, struct error *err);
/* When the file was changed last, in seconds since 1970; 0 when there is none. */
uint64_t source_modified(const struct source *s);
/* NULL is allowed; returns NULL. */
struct source *source_free(struct source *s);
/* True when the size is known before reading (a text, a regular file). */
bool source_length(const struct source *s, uint64_t *ret);
/* Back to the beginning, for the next request.  -ESPIPE when that cannot be. */
int source_rewind(struct source *s, struct error *err);
/* The descriptor to wait for before reading, or -1 when reading never waits. */
int source_fd(const struct source *s);
/* The next bytes, at most `size`, and never more than source_length() in all.  Their number; 0 at
 * the end; negative, also when a file turns out shorter than it was. */
ssize_t source_read(struct source *s, void *buffer, size_t size, struct error *err);

#endif
