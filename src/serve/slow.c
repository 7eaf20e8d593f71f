/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/slow.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/descriptor.h"
#include "base/log.h"
#include "host/errand.h"
#include "host/process.h"
#include "host/spawn.h"
#include "serve/connection.h"
#include "serve/slow_case.h"

#define AT_ONCE 8u      /* examinations of one worker */
#define EVERY CLOCK_SEC /* one of them … */
#define SAVED_MOST 5u   /* … or so many after so long without any */
#define CLOSE_PATIENCE (3 * CLOCK_SEC)
#define COMPLAINTS_PER_SECOND 1u

struct slow_facts {
    char method[32];
    char uri[1024];
    char script[512];
    char user[64];
};

struct examiner {
    struct slow_desk *desk;
    pid_t pid; /* 0: none */
    int pidfd;
    pid_t program;
    unsigned omitted; /* what its entry is to say */
    sd_event_source *source;
};

struct slow_desk {
    struct worker *worker;
    struct examiner examiners[AT_ONCE];
    unsigned running;
    unsigned omitted;   /* slow requests since the last entry */
    uint64_t free_from; /* the allowance: an examination is paid for with EVERY */
    struct log_limit complaints;
};

static void keep(char *out, size_t size, const char *text)
{
    (void)snprintf(out, size, "%s", text == NULL ? "" : text);
}

void slow_begin(struct request *r, const char *method, const char *uri, const char *script,
                const char *user)
{
    uint64_t timeout = r->worker->options.request_slowlog_timeout;

    if (timeout == 0)
        return;
    r->slow_timeout = timeout;
    r->slow_at = r->started + timeout;
    r->slow = malloc(sizeof *r->slow);
    if (r->slow == NULL)
        return;
    keep(r->slow->method, sizeof r->slow->method, method);
    keep(r->slow->uri, sizeof r->slow->uri, uri);
    keep(r->slow->script, sizeof r->slow->script, script);
    keep(r->slow->user, sizeof r->slow->user, user);
}

void slow_forget(struct request *r)
{
    free(r->slow);
    r->slow = NULL;
    r->slow_at = CLOCK_NEVER;
}

/* ---- the examiners ---- */

__attribute__((format(printf, 2, 3))) static void complain(struct slow_desk *d, const char *format,
                                                           ...)
{
    char text[ERROR_TEXT_MAX];
    va_list arguments;

    if (!log_limit_pass(&d->complaints, clock_monotonic(), COMPLAINTS_PER_SECOND, NULL))
        return;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    log_write(LOG_LEVEL_WARNING, d->worker->options.pool, "%s", text);
}

/* A tracer that dies with its examiner may leave the program stopped. */
static void send_on(struct worker *w, pid_t program)
{
    for (struct connection *c = w->connections; c != NULL; c = c->next)
        for (struct request *r = c->requests; r != NULL; r = r->next)
            if (r->program.pid == program && r->program.pid > 0)
                (void)spawn_signal(r->program.pidfd, SIGCONT);
}

static void judge(struct slow_desk *d, const struct examiner *e, const siginfo_t *info)
{
    if (info->si_code == CLD_EXITED && info->si_status == 0)
        return;
    d->omitted += e->omitted + 1; /* the next entry says it */
    if (info->si_code == CLD_EXITED) {
        complain(d, "the slow log cannot be written: %s", strerror(info->si_status));
        return;
    }
    if (info->si_status == SIGALRM)
        complain(d,
                 "the examination of pid %ld, which was slow, did not come to an end; there is no "
                 "entry in the slow log",
                 (long)e->program);
    else
        complain(d, "the examination of pid %ld, which was slow, was killed by signal %d",
                 (long)e->program, info->si_status);
    send_on(d->worker, e->program);
}

static void dismiss(struct examiner *e)
{
    e->source = sd_event_source_disable_unref(e->source);
    descriptor_close(&e->pidfd);
    e->pid = 0;
    e->desk->running--;
}

static int on_end(sd_event_source *s, int fd, uint32_t revents, void *userdata)
{
    struct examiner *e = userdata;
    siginfo_t info = {0};

    (void)s;
    (void)fd;
    (void)revents;
    if (waitid(P_PID, (id_t)e->pid, &info, WEXITED | WNOHANG) == 0 && info.si_pid == 0)
        return 0;
    if (info.si_pid == e->pid)
        judge(e->desk, e, &info);
    dismiss(e);
    return 0;
}

static struct slow_desk *desk(struct worker *w)
{
    if (w->slow != NULL)
        return w->slow;
    w->slow = calloc(1, sizeof *w->slow);
    if (w->slow != NULL)
        w->slow->worker = w;
    return w->slow;
}

/* Is there an examination left for this moment?  It is taken then. */
static bool afford(struct slow_desk *d, uint64_t now)
{
    uint64_t saved = SAVED_MOST * EVERY;

    if (d->running == AT_ONCE)
        return false;
    if (d->free_from + saved < now)
        d->free_from = now - saved;
    if (d->free_from + EVERY > now)
        return false;
    d->free_from += EVERY;
    return true;
}

static uint64_t pipe_inode(int fd)
{
    struct stat st;

    return fd >= 0 && fstat(fd, &st) == 0 ? (uint64_t)st.st_ino : 0;
}

static int run(void *cookie)
{
    process_set_name("ganger-slow");
    return slow_examine(cookie);
}

static int examine(struct slow_desk *d, struct request *r, uint64_t now, struct error *err)
{
    const struct options *o = &d->worker->options;
    const struct slow_case what = {
        .pool = o->pool,
        .worker = getpid(),
        .program = r->program.pid,
        .pidfd = r->program.pidfd,
        .log = d->worker->logs[HANDOVER_LOG_SLOW],
        .method = r->slow->method,
        .uri = r->slow->uri,
        .script = r->slow->script,
        .user = r->slow->user,
        .age = now - r->started,
        .timeout = r->slow_timeout,
        .omitted = d->omitted,
        .depth = o->request_slowlog_trace_depth,
        .hook = o->slowlog_command,
        .hook_timeout = o->slowlog_timeout,
        .pipes = {pipe_inode(r->program.in), pipe_inode(r->program.out),
                  pipe_inode(r->program.err)},
    };
    const int kept[] = {what.pidfd, what.log};
    const struct errand errand = {
        .run = run, .cookie = (void *)&what, .keep = kept, .keep_count = 2};
    struct examiner *e = d->examiners;
    struct spawned child;

    while (e->pid != 0)
        e++;
    int result = errand_start(&errand, &child, err);
    if (result < 0)
        return result;
    *e = (struct examiner){.desk = d,
                           .pid = child.pid,
                           .pidfd = child.pidfd,
                           .program = what.program,
                           .omitted = what.omitted};
    d->running++;
    d->omitted = 0;
    /* Unwatched it is only reaped later, as others' children are. */
    if (sd_event_add_io(d->worker->event, &e->source, e->pidfd, EPOLLIN, on_end, e) < 0) {
        (void)spawn_signal(e->pidfd, SIGTERM);
        dismiss(e);
    }
    return 0;
}

void slow_note(struct request *r, uint64_t now)
{
    struct worker *w = r->worker;
    struct slow_desk *d = desk(w);
    struct error err = ERROR_NONE;

    r->slow_at = CLOCK_NEVER;
    atomic_fetch_add_explicit(&board_own_slot(w->board)->slow, 1, memory_order_relaxed);
    if (d == NULL)
        return;
    if (r->slow == NULL || w->logs[HANDOVER_LOG_SLOW] < 0 || !afford(d, now)) {
        d->omitted++;
    } else if (examine(d, r, now, &err) < 0) {
        d->omitted++;
        complain(d, "a slow request cannot be examined: %s", err.text);
    }
}

void slow_end(struct request *r)
{
    struct worker *w = r->worker;
    struct slow_desk *d = NULL;

    if (r->slow_at == CLOCK_NEVER || r->fate != REQUEST_NONE || clock_monotonic() < r->slow_at)
        return;
    r->slow_at = CLOCK_NEVER;
    atomic_fetch_add_explicit(&board_own_slot(w->board)->slow, 1, memory_order_relaxed);
    if ((d = desk(w)) != NULL)
        d->omitted++;
}

/* ---- the worker ---- */

bool slow_is_examiner(const struct worker *w, pid_t pid)
{
    for (unsigned i = 0; w->slow != NULL && i < AT_ONCE; i++)
        if (w->slow->examiners[i].pid == pid)
            return true;
    return false;
}

unsigned slow_descriptors(const struct worker *w)
{
    return w->slow == NULL ? 0 : w->slow->running;
}

void slow_close(struct worker *w)
{
    struct slow_desk *d = w->slow;
    uint64_t until = clock_monotonic() + CLOSE_PATIENCE;

    if (d == NULL)
        return;
    /* Not SIGKILL at once: what the hook has started would be nobody's. */
    for (unsigned i = 0; i < AT_ONCE; i++)
        if (d->examiners[i].pid != 0)
            (void)spawn_signal(d->examiners[i].pidfd, SIGTERM);
    for (unsigned i = 0; i < AT_ONCE; i++) {
        struct examiner *e = &d->examiners[i];
        struct pollfd end = {.fd = e->pidfd, .events = POLLIN};
        uint64_t now = clock_monotonic();

        if (e->pid == 0)
            continue;
        if (poll(&end, 1, now < until ? (int)((until - now) / CLOCK_MSEC) + 1 : 0) > 0) {
            (void)on_end(NULL, e->pidfd, 0, e);
        } else { /* stopped by somebody, or it hangs in the kernel */
            (void)spawn_signal(e->pidfd, SIGKILL);
            dismiss(e);
        }
    }
    free(d);
    w->slow = NULL;
}
