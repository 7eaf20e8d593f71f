/* SPDX-License-Identifier: Apache-2.0 */
/* One order to a running ganger: a line to its control socket, and the lines that come back. */

#include "ctl/ctl.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/bytes.h"
#include "base/clock.h"
#include "base/descriptor.h"
#include "base/text.h"
#include "ctl/place.h"
#include "host/socket.h"

enum { LINE_MAX_BYTES = 512, ANSWER_MAX = 2 * 1024 * 1024 };

/* ganger answers at once, or ends a wait after ten minutes. */
static const uint64_t patience = 60 * CLOCK_SEC;
static const uint64_t patience_waiting = 660 * CLOCK_SEC;

static int unreachable(const struct error *err, int rc)
{
    fprintf(stderr, "gangerctl: %s%s\n", err->text,
            rc == -EACCES || rc == -EPERM
                ? "; try as root, or as a member of control.group"
                : "; is ganger running, with this runtime directory? (-r DIR names another)");
    return CTL_UNREACHABLE;
}

static int make_line(struct bytes *line, const struct ctl_order_options *o)
{
    int r = bytes_printf(line, "%s", o->words[0]);

    for (size_t i = 1; i < o->word_count && r == 0; i++)
        r = bytes_printf(line, " %s", o->words[i]);
    if (r == 0)
        r = bytes_printf(line, "%s\n", o->wait ? " wait" : "");
    return r;
}

/* Until the other end hangs up, which is how one knows that all is said, and of a quit that the
 * process is gone.  0 or negative. */
static int read_answer(int fd, struct bytes *answer, uint64_t end)
{
    for (;;) {
        uint64_t now = clock_monotonic();
        struct pollfd p = {.fd = fd, .events = POLLIN};
        int ready = poll(&p, 1, now >= end ? 0 : (int)((end - now) / CLOCK_MSEC) + 1);

        if (ready < 0 && errno == EINTR)
            continue;
        if (ready == 0)
            return -ETIMEDOUT;
        uint8_t *room = bytes_reserve(answer, 4096);
        if (room == NULL)
            return -ENOBUFS;
        ssize_t n = read(fd, room, 4096);
        if (n < 0 && errno == EINTR)
            continue;
        if (n == 0 || (n < 0 && errno == ECONNRESET))
            return 0;
        if (n < 0)
            return -errno;
        bytes_commit(answer, (size_t)n);
    }
}

/* The last line tells; those before it are for whoever ordered. */
static int report(struct bytes *answer)
{
    const char *text = bytes_string(answer);
    size_t length = text == NULL ? 0 : strlen(text);

    if (length == 0 || text[length - 1] != '\n') {
        fputs("gangerctl: ganger hung up without an answer; its log may say why\n", stderr);
        return CTL_FAILED;
    }
    size_t last = length - 1;
    while (last > 0 && text[last - 1] != '\n')
        last--;
    int rc = descriptor_write_all(STDOUT_FILENO, text, last);
    if (rc < 0) {
        fprintf(stderr, "gangerctl: cannot write: %s\n", strerror(-rc));
        return CTL_WRITE;
    }
    if (strcmp(text + last, "ok\n") == 0)
        return CTL_OK;
    const char *why = text + last;
    if (text_starts(why, "failed: "))
        why += strlen("failed: ");
    fprintf(stderr, "gangerctl: %s", why);
    return CTL_FAILED;
}

static int converse(int fd, struct bytes *line, const struct ctl_order_options *o)
{
    struct bytes answer;
    uint64_t end = clock_monotonic() + (o->wait ? patience_waiting : patience);
    /* Whoever is turned away is told so before the line is read; that answer counts. */
    int r = descriptor_write_all(fd, bytes_front(line), bytes_held(line));
    int status = CTL_FAILED;

    bytes_init(&answer, ANSWER_MAX);
    if (r < 0 && r != -EPIPE && r != -ECONNRESET)
        fprintf(stderr, "gangerctl: cannot send the order: %s\n", strerror(-r));
    else {
        r = read_answer(fd, &answer, end);
        if (r < 0)
            fprintf(stderr, "gangerctl: %s\n",
                    r == -ETIMEDOUT ? "ganger does not answer" : strerror(-r));
        else
            status = report(&answer);
    }
    bytes_clear(&answer);
    return status;
}

int ctl_order(const struct ctl_order_options *o)
{
    struct error err = ERROR_NONE;
    struct address address;
    struct bytes line;
    int status = CTL_USAGE;

    /* The socket must not become the output. */
    if (descriptor_open_standard() < 0)
        return CTL_UNREACHABLE;
    (void)signal(SIGPIPE, SIG_IGN);
    bytes_init(&line, LINE_MAX_BYTES);
    if (make_line(&line, o) < 0) {
        fputs("gangerctl: the order is too long\n", stderr);
        bytes_clear(&line);
        return status;
    }
    char *path = place_runtime(o->directory, "control.sock", &err);
    int fd = path == NULL ? -ENOENT : place_parse(&address, path, &err);
    if (fd == 0)
        fd = socket_connect(&address, patience, &err);
    free(path);
    if (fd < 0)
        status = unreachable(&err, fd);
    else
        status = converse(fd, &line, o);
    if (fd >= 0)
        descriptor_close(&fd);
    bytes_clear(&line);
    return status;
}
