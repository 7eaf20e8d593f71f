/* SPDX-License-Identifier: Apache-2.0 */
/* Invariant: `line` never holds a newline, and at most OUTPUT_LINE_MAX bytes. */
#include "pool/output.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include "base/descriptor.h"

void output_init(struct output *o)
{
    o->fd = -1;
    o->cutting = 0;
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

static void give_line(struct output *o, output_line *give, void *cookie)
{
    if (o->cutting)
        (void)bytes_append(&o->line, "...", 3);
    give(cookie, (const char *)bytes_front(&o->line), bytes_held(&o->line));
    bytes_clear(&o->line); /* thousands of quiet workers hold no memory */
    o->cutting = 0;
}

static void keep(struct output *o, const char *data, size_t length)
{
    size_t held = bytes_held(&o->line);
    size_t room = held < OUTPUT_LINE_MAX ? OUTPUT_LINE_MAX - held : 0;

    if (length > room) {
        length = room;
        o->cutting = 1;
    }
    if (length > 0 && bytes_append(&o->line, data, length) < 0)
        o->cutting = 1; /* no memory: the line is short, the worker goes on */
}

static void split(struct output *o, const char *data, size_t length, output_line *give,
                  void *cookie)
{
    while (length > 0) {
        const char *newline = memchr(data, '\n', length);
        size_t part = newline == NULL ? length : (size_t)(newline - data);

        keep(o, data, part);
        if (newline == NULL)
            return;
        give_line(o, give, cookie);
        data += part + 1;
        length -= part + 1;
    }
}

int output_read(struct output *o, output_line *give, void *cookie)
{
    char chunk[16384];

    for (size_t done = 0; done < OUTPUT_TURN;) {
        ssize_t n = read(o->fd, chunk, sizeof(chunk));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return OUTPUT_MORE;
        if (n <= 0)
            return OUTPUT_END;
        split(o, chunk, (size_t)n, give, cookie);
        done += (size_t)n;
    }
    return OUTPUT_MORE;
}

void output_close(struct output *o, output_line *give, void *cookie)
{
    if (bytes_held(&o->line) > 0 && give != NULL)
        give_line(o, give, cookie);
    bytes_clear(&o->line);
    o->cutting = 0;
    descriptor_close(&o->fd);
}
