/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/slow_case.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/text.h"
#include "host/peers.h"
#include "host/probe.h"

#define TREE_MAX 32u /* processes, the program included */
#define SOCKETS_MAX 64u
#define COMMAND_MAX 2048u

struct member { /* of the program's family */
    struct probe probe;
    struct probe_facts facts;
};

struct family {
    const struct slow_case *c;
    struct bytes *to;
    struct member members[TREE_MAX]; /* the program first */
    size_t count;
    bool more;
    struct peer_text sockets[SOCKETS_MAX];
    struct {
        pid_t pid;
        int number;
    } owners[SOCKETS_MAX]; /* of the sockets, one by one */
    size_t socket_count;
    bool more_sockets;
};

void slow_text_line(struct bytes *to, const char *key, const char *value)
{
    if (value == NULL)
        return;
    (void)bytes_printf(to, "%s = ", key);
    (void)text_escape(to, value, strlen(value), SLOW_LINE);
    (void)bytes_append(to, "\n", 1);
}

/* What stands in the place of an answer. */
static const char *excuse(const struct member *m, int r, char *out, size_t size)
{
    char why[256];

    switch (r) {
    case PROBE_DENIED:
        (void)snprintf(out, size, "not permitted: %s",
                       probe_denied(&m->probe, m->facts.uid, why, sizeof why));
        return out;
    case PROBE_GONE:
        return "the process has ended meanwhile";
    case PROBE_ABSENT:
        return "this kernel does not tell";
    default:
        (void)snprintf(out, size, "cannot be read: %s", strerror(r < 0 ? -r : r));
        return out;
    }
}

bool slow_text_is_stopped(const struct slow_case *c)
{
    struct probe probe;
    struct probe_facts facts = {.state = '?'};

    if (probe_open(&probe, c->program) == 0)
        (void)probe_look(&probe, &facts);
    probe_close(&probe);
    return facts.stopping;
}

/* ---- what a process waits in ---- */

static void describe_wchan(const struct member *m, char *out, size_t size)
{
    char why[SLOW_LINE];
    int r = probe_read(&m->probe, "wchan", out, size, NULL);

    if (r != 0)
        (void)snprintf(out, size, "%s", excuse(m, r, why, sizeof why));
    else if (strcmp(out, "0") != 0 && out[0] != '\0')
        return;
    else if (m->facts.state == 'R')
        (void)snprintf(out, size, "none: it is running");
    else /* the kernel tells who may not know that there is nothing to know */
        (void)snprintf(out, size, "%s", excuse(m, PROBE_DENIED, why, sizeof why));
}

static void describe_call(const struct member *m, const struct probe_call *call, char *out,
                          size_t size)
{
    const char *name = probe_is_native(&m->probe) ? probe_call_name(call->number) : NULL;
    const uint64_t *a = call->arguments;

    if (call->running)
        (void)snprintf(out, size, "none: it is running its own code");
    else if (call->number < 0)
        (void)snprintf(out, size, "none: it is in the kernel for another reason");
    else
        (void)snprintf(
            out, size,
            "%s (%ld) %#" PRIx64 " %#" PRIx64 " %#" PRIx64 " %#" PRIx64 " %#" PRIx64 " %#" PRIx64,
            name == NULL ? "number" : name, call->number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

/* Which of the pipes to ganger-worker this is. */
static const char *pipe_role(const struct slow_case *c, const char *target)
{
    static const char *const roles[] = {
        ", the body of the request, as the web server sends it",
        ", the response, as the web server takes it",
        ", its error output",
    };
    uint64_t inode;

    if (sscanf(target, "pipe:[%" SCNu64 "]", &inode) != 1)
        return "";
    for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++)
        if (inode != 0 && c->pipes[i] == inode)
            return roles[i];
    return "";
}

static const char *socket_peer(const struct family *f, const char *target)
{
    uint64_t inode;

    if (sscanf(target, "socket:[%" SCNu64 "]", &inode) != 1)
        return "";
    for (size_t i = 0; i < f->socket_count; i++)
        if (f->sockets[i].inode == inode)
            return f->sockets[i].text;
    return "";
}

/* The descriptor that a call waits on, in words; false when there is none. */
static bool describe_wait(const struct family *f, const struct member *m,
                          const struct probe_call *call, char *out, size_t size)
{
    int fd = probe_is_native(&m->probe) ? probe_call_descriptor(call) : -1;
    char name[32], target[SLOW_LINE];

    if (fd < 0)
        return false;
    (void)snprintf(name, sizeof name, "fd/%d", fd);
    if (probe_link(&m->probe, name, target, sizeof target) != 0)
        return false;
    const char *peer = socket_peer(f, target);
    (void)snprintf(out, size, "descriptor %d: %s%s%s%s", fd, target, pipe_role(f->c, target),
                   peer[0] == '\0' ? "" : ", ", peer);
    return true;
}

/* ---- the program ---- */

static void add_command_line(const struct family *f)
{
    char text[COMMAND_MAX], why[SLOW_LINE];
    size_t length;
    int r = probe_read(&f->members[0].probe, "cmdline", text, sizeof text, &length);

    if (r != 0) {
        slow_text_line(f->to, "command_line", excuse(&f->members[0], r, why, sizeof why));
        return;
    }
    while (length > 0 && text[length - 1] == '\0')
        length--;
    for (size_t i = 0; i < length; i++)
        if (text[i] == '\0')
            text[i] = ' ';
    (void)bytes_printf(f->to, "command_line = ");
    (void)text_escape(f->to, text, length, SLOW_LINE);
    (void)bytes_append(f->to, "\n", 1);
}

static void add_stack(const struct family *f)
{
    char text[16384], why[SLOW_LINE];
    unsigned lines = 0;
    int r = probe_read(&f->members[0].probe, "stack", text, sizeof text, NULL);

    if (r != 0) {
        slow_text_line(f->to, "kernel_stack",
                       r == PROBE_DENIED ? "not permitted: the kernel shows it to root alone"
                                         : excuse(&f->members[0], r, why, sizeof why));
        return;
    }
    for (char *line = text, *end; (end = strchr(line, '\n')) != NULL && lines < f->c->depth;
         line = end + 1, lines++) {
        *end = '\0';
        slow_text_line(f->to, "kernel_stack", line);
    }
}

static void add_facts(const struct family *f)
{
    const struct probe_facts *p = &f->members[0].facts;
    char comm[PROBE_COMM * 4];

    (void)bytes_printf(f->to, "program = %ld \"%s\", user %lu\n", (long)f->c->program,
                       text_escape_fixed(comm, sizeof comm, p->comm, strlen(p->comm)),
                       (unsigned long)p->uid);
    add_command_line(f);
    (void)bytes_printf(f->to, "state = %c (%s)", p->state, probe_state(p->state));
    if (p->tracer > 0)
        (void)bytes_printf(f->to, ", traced by %ld", (long)p->tracer);
    (void)bytes_printf(f->to, ", %" PRIu32 " thread%s\n", p->threads, p->threads == 1 ? "" : "s");
    (void)bytes_printf(
        f->to, "cpu = %" PRIu64 ".%02" PRIu64 " s user, %" PRIu64 ".%02" PRIu64 " s system\n",
        p->user / CLOCK_SEC, p->user % CLOCK_SEC / 10000, p->system / CLOCK_SEC,
        p->system % CLOCK_SEC / 10000);
    (void)bytes_printf(f->to, "memory = %" PRIu64 " kB, at most %" PRIu64 " kB\n",
                       p->resident / 1024, p->peak / 1024);
}

static void add_waiting(const struct family *f)
{
    const struct member *m = &f->members[0];
    struct probe_call call;
    char text[SLOW_LINE * 2];

    describe_wchan(m, text, sizeof text);
    slow_text_line(f->to, "wchan", text);
    int r = probe_call(&m->probe, &call);
    if (r != 0) {
        slow_text_line(f->to, "syscall", excuse(m, r, text, sizeof text));
    } else {
        describe_call(m, &call, text, sizeof text);
        slow_text_line(f->to, "syscall", text);
        if (describe_wait(f, m, &call, text, sizeof text))
            slow_text_line(f->to, "waits_on", text);
    }
    add_stack(f);
}

/* ---- its family ---- */

/* A child by its number: only one that says that `parent` is its parent is taken. */
static void add_member(struct family *f, pid_t pid, const struct member *parent)
{
    struct member *m = &f->members[f->count];

    if (probe_open(&m->probe, pid) == 0 && probe_look(&m->probe, &m->facts) == 0 &&
        m->facts.parent == parent->probe.pid)
        f->count++;
    else
        probe_close(&m->probe);
}

static void find_family(struct family *f)
{
    pid_t pids[TREE_MAX];

    for (size_t i = 0; i < f->count; i++) {
        size_t count = 0;
        bool more = false;

        if (probe_children(&f->members[i].probe, pids, TREE_MAX, &count, &more) != 0)
            continue;
        f->more |= more;
        for (size_t j = 0; j < count; j++) {
            if (f->count == TREE_MAX)
                f->more = true;
            else
                add_member(f, pids[j], &f->members[i]);
        }
    }
}

static void find_sockets(struct family *f)
{
    struct probe_descriptor list[SOCKETS_MAX];

    for (size_t i = 0; i < f->count; i++) {
        size_t count = 0;
        bool more = false;

        if (probe_sockets(&f->members[i].probe, list, SOCKETS_MAX - f->socket_count, &count,
                          &more) != 0)
            continue;
        f->more_sockets |= more;
        for (size_t j = 0; j < count; j++) {
            f->sockets[f->socket_count].inode = list[j].inode;
            f->owners[f->socket_count].pid = f->members[i].probe.pid;
            f->owners[f->socket_count++].number = list[j].number;
        }
    }
    if (f->socket_count > 0)
        peers_find(&f->members[0].probe, f->sockets, f->socket_count);
}

static void add_children(const struct family *f)
{
    for (size_t i = 1; i < f->count; i++) {
        const struct member *m = &f->members[i];
        struct probe_call call;
        char comm[PROBE_COMM * 4], text[SLOW_LINE * 2];

        (void)bytes_printf(
            f->to, "child = %ld of %ld \"%s\": %c (%s)", (long)m->probe.pid, (long)m->facts.parent,
            text_escape_fixed(comm, sizeof comm, m->facts.comm, strlen(m->facts.comm)),
            m->facts.state, probe_state(m->facts.state));
        describe_wchan(m, text, sizeof text);
        (void)bytes_printf(f->to, ", wchan ");
        (void)text_escape(f->to, text, strlen(text), SLOW_LINE);
        if (probe_call(&m->probe, &call) == 0) {
            const char *name = probe_is_native(&m->probe) ? probe_call_name(call.number) : NULL;

            if (call.running)
                (void)bytes_printf(f->to, ", running");
            else if (name != NULL)
                (void)bytes_printf(f->to, ", syscall %s", name);
            if (describe_wait(f, m, &call, text, sizeof text)) {
                (void)bytes_printf(f->to, " on ");
                (void)text_escape(f->to, text, strlen(text), SLOW_LINE);
            }
        }
        (void)bytes_printf(f->to, "\n");
    }
    if (f->more)
        (void)bytes_printf(f->to, "child = … and others\n");
}

static void add_sockets(const struct family *f)
{
    for (size_t i = 0; i < f->socket_count; i++) {
        const char *text = f->sockets[i].text;

        (void)bytes_printf(f->to, "socket = %ld descriptor %d: ", (long)f->owners[i].pid,
                           f->owners[i].number);
        if (text[0] == '\0')
            text = "not in use, gone meanwhile, or neither internet nor unix";
        (void)text_escape(f->to, text, strlen(text), SLOW_LINE);
        (void)bytes_printf(f->to, "\n");
    }
    if (f->more_sockets)
        (void)bytes_printf(f->to, "socket = … and perhaps others\n");
}

void slow_text(struct bytes *to, const struct slow_case *c)
{
    struct family *f = calloc(1, sizeof *f);
    struct slow_watch ended = {.program = c->pidfd, .orders = -1};
    char why[SLOW_LINE];

    if (f == NULL)
        return;
    f->c = c;
    f->to = to;
    f->members[0].facts.state = '?';
    int r = probe_open(&f->members[0].probe, c->program);
    if (r == 0)
        r = probe_look(&f->members[0].probe, &f->members[0].facts);
    /* The number was the program's when the folder was opened if the program is there even now. */
    if (r == 0 && slow_watch(&ended, 0) == SLOW_PROGRAM_ENDED)
        r = PROBE_GONE;
    if (r != 0) {
        (void)bytes_printf(to, "program = %ld\n", (long)c->program);
        slow_text_line(to, "state",
                       r == PROBE_ABSENT ? "there is no /proc here (mount it inside the chroot)"
                                         : excuse(&f->members[0], r, why, sizeof why));
        probe_close(&f->members[0].probe);
        free(f);
        return;
    }
    f->count = 1;
    find_family(f);
    find_sockets(f);
    add_facts(f);
    add_waiting(f);
    add_children(f);
    add_sockets(f);
    for (size_t i = 0; i < f->count; i++)
        probe_close(&f->members[i].probe);
    free(f);
}
