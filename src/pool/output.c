/* SPDX-License-Identifier: Apache-2.0 */
/* Invariant: `line` never holds a newline, and at most OUTPUT_LINE_MAX bytes. */
#include "pool/output.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include "base/descriptor.h"
#include "base/log.h"

/* Less than this in one turn is no flood, however small the pipe is. */
#define FLOOD_LEAST 4096u

static const struct pace_law law = {.burst = OUTPUT_BURST, .per_second = OUTPUT_LINES};

void output_init(struct output *o)
{
    *o = (struct output){.fd = -1};
    bytes_init(&o->line, OUTPUT_LINE_MAX + 4);
}

int output_open(struct output *o, int *ret_write, struct error *err)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) < 0)
        return error_errno(err, errno, "no pipe for the worker's messages");
    /* The two ends are different open file descriptions: the worker cannot make ours block. */
    int r = descriptor_nonblock(ends[0], true);
    if (r < 0) {
        descriptor_close(&ends[0]);
        descriptor_close(&ends[1]);
        return error_errno(err, -r, "a pipe that does not block");
    }
    o->fd = ends[0];
    *ret_write = ends[1];
    return 0;
}

static void give_line(struct output *o, bool held, output_line *give, void *cookie)
{
    if (o->cutting)
        (void)bytes_append(&o->line, "...", 3);
    give(cookie, (const char *)bytes_front(&o->line), bytes_held(&o->line), held);
    bytes_clear(&o->line); /* thousands of quiet workers hold no memory */
    o->cutting = 0;
}

static void keep(struct output *o, const char *data, size_t length)
{
    size_t most = log_get_limit() < OUTPUT_LINE_MAX ? log_get_limit() : OUTPUT_LINE_MAX;
    size_t held = bytes_held(&o->line);
    size_t room = held < most ? most - held : 0;

    if (length > room) {
        length = room;
        o->cutting = 1;
    }
    if (length > 0 && bytes_append(&o->line, data, length) < 0)
        o->cutting = 1; /* no memory: the line is short, the worker goes on */
}

/* Newlines, eight bytes at a time: a flood is counted faster than it is written. */
static uint64_t count_lines(const char *data, size_t length)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), lows = UINT64_C(0x7f7f7f7f7f7f7f7f);
    uint64_t lines = 0;

    for (; length >= 8; data += 8, length -= 8) {
        uint64_t word;

        memcpy(&word, data, 8);
        word ^= ones * '\n'; /* a newline is 0 now; whatever is not gets its highest bit */
        word = ((word & lows) + lows) | word | lows;
        lines += ((~word >> 7) * ones) >> 56;
    }
    for (; length > 0; data++, length--)
        lines += *data == '\n';
    return lines;
}

/* The line that ends at `newline` may not pass, and so may none of those behind it: they are counted,
 * and the last one is looked at.  How many bytes that took. */
static size_t skip(struct output *o, uint64_t now, const char *data, const char *newline,
                   size_t length, output_line *give, void *cookie)
{
    const char *last = memrchr(data, '\n', length);
    const char *begin = data;

    if (last != newline) {
        const char *before = memrchr(data, '\n', (size_t)(last - data));

        pace_hold(&o->pace, count_lines(newline + 1, (size_t)(last - newline)), now);
        bytes_clear(&o->line);
        o->cutting = 0;
        begin = before + 1;
    }
    keep(o, begin, (size_t)(last - begin));
    give_line(o, true, give, cookie);
    return (size_t)(last + 1 - data);
}

static void split(struct output *o, uint64_t now, const char *data, size_t length,
                  output_line *give, void *cookie)
{
    while (length > 0) {
        const char *newline = memchr(data, '\n', length);
        size_t part;

        if (newline == NULL) {
            keep(o, data, length);
            return;
        }
        if (pace_pass(&o->pace, &law, now)) {
            part = (size_t)(newline - data);
            keep(o, data, part);
            give_line(o, false, give, cookie);
            part++;
        } else
            part = skip(o, now, data, newline, length, give, cookie);
        data += part;
        length -= part;
    }
}

/* A full pipe, or nearly: its worker waits, or is about to. */
static bool is_flood(const struct output *o, size_t done)
{
    int size;

    return done >= FLOOD_LEAST &&
           (done >= 65536 || ((size = fcntl(o->fd, F_GETPIPE_SZ)) > 0 && done >= (size_t)size / 2));
}

int output_read(struct output *o, uint64_t now, output_line *give, void *cookie)
{
    static char chunk[65536];
    size_t done = 0;
    int outcome = OUTPUT_MORE;

    while (done < OUTPUT_TURN) {
        ssize_t n = read(o->fd, chunk, sizeof(chunk));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            outcome = n < 0 && errno == EAGAIN ? OUTPUT_MORE : OUTPUT_END;
            break;
        }
        split(o, now, chunk, (size_t)n, give, cookie);
        done += (size_t)n;
    }
    o->flooding = is_flood(o, done);
    return outcome;
}

void output_enlarge(struct output *o, bool large)
{
    if (o->fd >= 0 && large != o->enlarged &&
        fcntl(o->fd, F_SETPIPE_SZ, large ? OUTPUT_TURN : 65536) > 0)
        o->enlarged = large;
}

void output_close(struct output *o, output_line *give, void *cookie)
{
    bool held = o->pace.begun && o->pace.credit == 0;

    if (bytes_held(&o->line) > 0 && give != NULL) {
        pace_hold(&o->pace, held, 0);
        give_line(o, held, give, cookie);
    }
    bytes_clear(&o->line);
    o->cutting = 0;
    descriptor_close(&o->fd);
}
