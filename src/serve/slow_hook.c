/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slowlog.command: run without a shell, in a session and process group of its own, for a few seconds at
 * most, and not longer than the program lives: its number could be another's after that.
 *
 * A tracer that is killed can leave the program stopped behind.  Who was not stopped before is sent on
 * afterwards.
 */
#include "serve/slow_case.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/descriptor.h"
#include "base/text.h"
#include "host/process.h"
#include "host/spawn.h"

#define TERM_TO_KILL (CLOCK_SEC / 2)
#define GIVE_UP (1 * CLOCK_SEC)        /* after KILL */
#define LEFTOVERS (CLOCK_SEC / 10)     /* for what it left behind to go before KILL */
#define OUTPUT_MAX (UINT64_C(4) << 20) /* bytes: more of them is a flood */
#define LAST_READS 32u                 /* once it has ended: a pipe holds less */
#define STOPPED_LOOKS 2u               /* between two states it shows in none */
#define STOPPED_LOOKS_KILLED 5u
#define STOPPED_PAUSE 10 /* msec */

enum ending { NOT_YET, BY_ITSELF, TIMED_OUT, FLOODED, PROGRAM_ENDED, TOLD_TO_STOP, LEFT_BEHIND };

struct hook {
    const struct slow_case *c;
    const struct slow_watch *watch;
    struct bytes *to;
    pid_t pid;
    int pidfd, out;
    enum ending ending;   /* why it is being ended, or how it ended */
    uint64_t began, next; /* next: when to be harder */
    unsigned rung;        /* 0: not told to end; 1: TERM; 2: KILL */
    uint64_t read;        /* bytes of output */
    unsigned lines, more;
    char line[SLOW_LINE + 1];
    size_t held;
    bool cut; /* the rest of this line is dropped */
};

/* ---- what it says ---- */

static void end_line(struct hook *h)
{
    char text[SLOW_LINE + 8];

    if (h->lines < h->c->depth) {
        (void)text_escape_fixed(text, sizeof text, h->line, h->held);
        (void)bytes_printf(h->to, "| %s%s\n", text, h->cut ? "..." : "");
        h->lines++;
    } else {
        h->more++;
    }
    h->held = 0;
    h->cut = false;
}

static void take(struct hook *h, const char *data, size_t length)
{
    h->read += length;
    for (size_t i = 0; i < length; i++) {
        if (data[i] == '\n')
            end_line(h);
        else if (h->held < sizeof h->line - 1)
            h->line[h->held++] = data[i];
        else
            h->cut = true;
    }
}

/* Read once.  False: nothing there now. */
static bool read_some(struct hook *h)
{
    char data[4096];
    ssize_t got = read(h->out, data, sizeof data);

    if (got < 0 && errno == EINTR)
        return true;
    if (got < 0 && errno == EAGAIN)
        return false;
    if (got <= 0) {
        descriptor_close(&h->out);
        return false;
    }
    take(h, data, (size_t)got);
    return true;
}

/* ---- running it ---- */

/* A word of the command, %p and %% replaced; malloc'd. */
static char *expand(const char *word, pid_t pid)
{
    char number[16];
    size_t digits = (size_t)snprintf(number, sizeof number, "%ld", (long)pid);
    char *copy = malloc(strlen(word) * sizeof number + 1);
    char *to = copy;

    if (copy == NULL)
        return NULL;
    for (const char *at = word; *at != '\0'; at++) {
        if (at[0] == '%' && at[1] == 'p') {
            memcpy(to, number, digits);
            to += digits;
            at++;
        } else {
            at += at[0] == '%' && at[1] == '%';
            *to++ = *at;
        }
    }
    *to = '\0';
    return copy;
}

static void free_all(char **words)
{
    for (size_t i = 0; words != NULL && words[i] != NULL; i++)
        free(words[i]);
    free(words);
}

/* All of them, or NULL. */
static char **expand_all(char *const *words, pid_t pid)
{
    size_t count = 0;

    while (words[count] != NULL)
        count++;
    char **list = calloc(count + 1, sizeof *list);
    for (size_t i = 0; list != NULL && i < count; i++) {
        list[i] = expand(words[i], pid);
        if (list[i] == NULL) {
            free_all(list);
            return NULL;
        }
    }
    return list;
}

static int start(struct hook *h, char *const *words, struct error *err)
{
    char path[] = "PATH=/usr/local/bin:/usr/bin:/bin", home[] = "HOME=/", language[] = "LC_ALL=C",
         terminal[] = "TERM=dumb";
    char *environment[] = {path, home, language, terminal, NULL};
    int pipe[2];
    struct spawn_plan plan = SPAWN_PLAN_INIT;
    struct spawn_report report;
    struct spawned child;

    if (pipe2(pipe, O_CLOEXEC) < 0)
        return error_errno(err, errno, "cannot make a pipe");
    (void)fcntl(pipe[0], F_SETFL, O_NONBLOCK);
    struct spawn_fd fds[] = {{0, 0}, {pipe[1], 1}, {pipe[1], 2}};
    plan.path = words[0];
    plan.argv = words;
    plan.envp = environment;
    plan.fds = fds;
    plan.fd_count = sizeof fds / sizeof fds[0];
    plan.new_session = true;
    plan.death_signal = SIGKILL;
    plan.umask = 077;
    plan.chdir = "/";
    plan.chdir_optional = true;
    int r = spawn_vfork(&plan, &child, &report, err);
    descriptor_close(&pipe[1]);
    if (r != 0) {
        descriptor_close(&pipe[0]);
        return r;
    }
    h->pid = child.pid;
    h->pidfd = child.pidfd;
    h->out = pipe[0];
    return 0;
}

/* The next rung of the ladder.  Its group is not reaped, so the number is its own. */
static void push(struct hook *h, enum ending why, uint64_t now)
{
    static const struct {
        int signal;
        uint64_t patience;
    } ladder[] = {{SIGTERM, TERM_TO_KILL}, {SIGKILL, GIVE_UP}};

    if (h->ending == NOT_YET)
        h->ending = why;
    if (why == TOLD_TO_STOP) /* nobody waits for it */
        h->rung = 1;
    if (h->rung < sizeof ladder / sizeof ladder[0]) {
        (void)kill(-h->pid, ladder[h->rung].signal);
        h->next = now + ladder[h->rung].patience;
        h->rung++;
    } else {
        h->ending = LEFT_BEHIND; /* not even KILL: it hangs in the kernel */
    }
}

static bool has_ended(const struct hook *h)
{
    struct pollfd look = {.fd = h->pidfd, .events = POLLIN};

    return poll(&look, 1, 0) > 0;
}

static void watch(struct hook *h)
{
    while (!has_ended(h) && h->ending != LEFT_BEHIND) {
        uint64_t now = clock_monotonic();
        enum slow_news news = SLOW_NOTHING;

        if (now >= h->next)
            push(h, TIMED_OUT, now);
        else if (h->rung == 0 && h->read > OUTPUT_MAX)
            push(h, FLOODED, now);
        struct pollfd wait[] = {
            {.fd = h->out, .events = POLLIN},
            {.fd = h->pidfd, .events = POLLIN},
            /* Heard once: then it is being ended anyway, but an order leaves it less time. */
            {.fd = h->rung == 0 ? h->watch->program : -1, .events = POLLIN},
            {.fd = h->rung <= 1 ? h->watch->orders : -1, .events = POLLIN},
        };
        uint64_t left = h->next > now ? h->next - now : 0;
        if (poll(wait, sizeof wait / sizeof wait[0], (int)(left / CLOCK_MSEC) + 1) <= 0)
            continue;
        if (wait[0].revents != 0)
            (void)read_some(h);
        if (wait[2].revents != 0)
            news = SLOW_PROGRAM_ENDED;
        else if (wait[3].revents != 0)
            news = SLOW_TOLD_TO_STOP;
        if (news != SLOW_NOTHING)
            push(h, news == SLOW_PROGRAM_ENDED ? PROGRAM_ENDED : TOLD_TO_STOP, clock_monotonic());
    }
}

/* ---- its end ---- */

static void add_result(const struct hook *h, int status, uint64_t took)
{
    static const char *const whys[] = {
        [TIMED_OUT] = ", ended: it took longer than slowlog.timeout",
        [FLOODED] = ", ended: it wrote more than 4 MB",
        [PROGRAM_ENDED] = ", ended: the program had ended",
        [TOLD_TO_STOP] = ", ended: the worker left",
        [LEFT_BEHIND] = ", left behind: it does not even end on SIGKILL",
    };
    const char *why = whys[h->ending] == NULL ? "" : whys[h->ending];

    if (h->more > 0)
        (void)bytes_printf(h->to, "| ... %u lines more\n", h->more);
    (void)bytes_printf(h->to, "slowlog.command = ");
    if (h->ending == LEFT_BEHIND)
        (void)bytes_printf(h->to, "no result");
    else if (WIFSIGNALED(status))
        (void)bytes_printf(h->to, "signal %d", WTERMSIG(status));
    else
        (void)bytes_printf(h->to, "exit status %d", WEXITSTATUS(status));
    (void)bytes_printf(h->to, " after %" PRIu64 ".%03" PRIu64 " s%s\n", took / CLOCK_SEC,
                       took % CLOCK_SEC / CLOCK_MSEC, why);
}

static int reap(struct hook *h)
{
    int status = 0;

    if (h->ending == LEFT_BEHIND)
        return 0;
    for (unsigned i = 0; i < LAST_READS && h->out >= 0 && read_some(h); i++)
        ;
    if (h->held > 0)
        end_line(h);
    (void)kill(-h->pid, SIGKILL); /* the rest of its group; it is not reaped yet */
    while (waitpid(h->pid, &status, 0) < 0 && errno == EINTR)
        ;
    return status;
}

/* Who was not stopped before must not be now. */
static void send_on(const struct slow_case *c, bool before, bool killed)
{
    if (before)
        return;
    for (unsigned i = 0; i < (killed ? STOPPED_LOOKS_KILLED : STOPPED_LOOKS); i++) {
        if (i > 0)
            (void)poll(NULL, 0, STOPPED_PAUSE);
        if (slow_text_is_stopped(c))
            (void)spawn_signal(c->pidfd, SIGCONT);
    }
}

void slow_hook(struct bytes *to, const struct slow_case *c, const struct slow_watch *watched)
{
    struct hook h = {.c = c, .watch = watched, .to = to, .pidfd = -1, .out = -1};
    struct error err = ERROR_NONE;
    bool before = slow_text_is_stopped(c);
    char **words = expand_all(c->hook, c->program);
    int r = -ENOMEM;

    h.began = clock_monotonic();
    h.next = h.began + c->hook_timeout;
    if (words != NULL && words[0] != NULL)
        r = start(&h, words, &err);
    if (r != 0) {
        char text[ERROR_TEXT_MAX + 32];
        (void)snprintf(text, sizeof text, "not run: %s", r == -ENOMEM ? "no memory" : err.text);
        slow_text_line(to, "slowlog.command", text);
    } else {
        watch(&h);
        int status = reap(&h);
        /* What left its group has come to us. */
        (void)process_end_children(LEFTOVERS);
        add_result(&h, status, clock_monotonic() - h.began);
        send_on(c, before, h.rung > 0 || WIFSIGNALED(status));
        descriptor_close(&h.pidfd);
        descriptor_close(&h.out);
    }
    free_all(words);
}
