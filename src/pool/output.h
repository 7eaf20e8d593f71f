/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_POOL_OUTPUT_H
#define GANGER_POOL_OUTPUT_H

/*
 * What a worker writes to its descriptor 2: a pipe of its own, cut into lines.  Everything in it is
 * foreign: a line is at most as long as one of the log may be (log_get_limit(); the rest of a longer
 * one is dropped and the line ends in "..."), it may hold any byte, and it must be escaped before it
 * is shown.
 *
 * A worker that floods is not to wait for its messages to be read, nor to cost much: beyond
 * OUTPUT_LINES a second its lines are counted and no more, and its pipe is made larger, so that much
 * is read at once and seldom.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/bytes.h"
#include "base/error.h"
#include "base/pace.h"

#define OUTPUT_LINE_MAX 65536u
/* Lines of one worker that are given out in a second, and at once after a silence. */
#define OUTPUT_LINES 100u
#define OUTPUT_BURST 500u
/* Read at most so many bytes in one call: a worker that floods must not keep the master.  Also the
 * size of its pipe then. */
#define OUTPUT_TURN 1048576u

struct output {
    int fd;            /* the reading end; -1: closed */
    struct bytes line; /* the beginning of a line whose end has not come yet */
    int cutting;       /* the rest of this line is being dropped */
    bool flooding;     /* its pipe was found as good as full */
    bool enlarged;     /* … and was made larger */
    struct pace pace;  /* of its lines; who reads says what it holds back */
};

/* One line without its newline; the bytes live until the callback returns.  `held`: not to be logged,
 * it is one of many that are held back (the last ones before a silence are always among those that
 * are given out: they may be somebody's last words). */
typedef void output_line(void *cookie, const char *line, size_t length, bool held);

/* Closed, empty. */
void output_init(struct output *o);
/* A pipe: the reading end (non-blocking) stays in *o, *ret_write goes to the worker and is the
 * caller's to close.  0 or negative. */
int output_open(struct output *o, int *ret_write, struct error *err);
/*
 * Read what is there, at most OUTPUT_TURN bytes, and give out whole lines.  OUTPUT_MORE: come back
 * when it is readable again; OUTPUT_END: nobody holds the other end any more (what was left of a line
 * is given out by output_close()).
 */
enum output_outcome { OUTPUT_MORE = 1, OUTPUT_END = 2 };
int output_read(struct output *o, uint64_t now, output_line *give, void *cookie);
/* While it floods: have the pipe hold OUTPUT_TURN bytes; or as many as at first, when it does not.  As
 * far as the kernel lets us. */
void output_enlarge(struct output *o, bool large);
/* Give out what is left of a line, close, forget.  Safe on a closed one. */
void output_close(struct output *o, output_line *give, void *cookie);

#endif
