/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_POOL_OUTPUT_H
#define GANGER_POOL_OUTPUT_H

/*
 * What a worker writes to its descriptor 2: a pipe of its own, cut into lines.  Everything in it is
 * foreign: a line is at most OUTPUT_LINE_MAX bytes (the rest of a longer one is dropped and the line
 * ends in "..."), it may hold any byte, and it must be escaped before it is shown.
 */

#include <stddef.h>
#include "base/bytes.h"
#include "base/error.h"

#define OUTPUT_LINE_MAX 4096u
/* Read at most so many bytes in one call: a worker that floods must not keep the master. */
#define OUTPUT_TURN 65536u

struct output {
    int fd;            /* the reading end; -1: closed */
    struct bytes line; /* the beginning of a line whose end has not come yet */
    int cutting;       /* the rest of this line is being dropped */
};

/* One line without its newline; the bytes live until the callback returns. */
typedef void output_line(void *cookie, const char *line, size_t length);

/* Closed, empty. */
void output_init(struct output *o);
/* A pipe: the reading end (non-blocking) stays in *o, *ret_write goes to the worker and is the
 * caller's to close.  0 or negative. */
int output_open(struct output *o, int *ret_write, struct error *err);
/*
 * Read what is there, at most OUTPUT_TURN bytes, and give out whole lines.  OUTPUT_MORE: come back when it is
 * readable again; OUTPUT_END: nobody holds the other end any more (what was left of a line has been
 * given out, and the descriptor is still to be closed by output_close()).
 */
enum output_outcome { OUTPUT_MORE = 1, OUTPUT_END = 2 };
int output_read(struct output *o, output_line *give, void *cookie);
/* Give out what is left of a line, close, forget.  Safe on a closed one. */
void output_close(struct output *o, output_line *give, void *cookie);

#endif
