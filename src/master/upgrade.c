/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Invariant: a trial exists (trial.pid > 0) exactly in the phase TRYING; its descriptors and timer
 * too.  In IDLE nothing is armed.
 */
#include "master/upgrade.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/descriptor.h"
#include "base/log.h"
#include "base/text.h"
#include "host/handover.h"
#include "host/successor.h"
#include "master/upgrade_state.h"

#define ANSWER_MAX 8192u
#define SIGNAL_PAUSE CLOCK_MSEC

enum phase {
    IDLE,
    HOLDING, /* until desk.hold() has no objection */
    TRYING,  /* the child reads the state */
    READY,   /* it could; the exec follows at the next quiet moment */
};

struct upgrade {
    sd_event *loop;
    struct upgrade_desk desk;
    char *const *argv;
    char *path;
    enum phase phase;
    bool pausing;         /* READY: for a signal to be handed out */
    bool impatient;       /* it has waited long enough */
    struct error failure; /* of the last one */
    struct successor_trial trial;
    sd_event_source *answer_source;
    sd_event_source *timer;
    sd_event_source *act;
    struct bytes answer;
    bool silent, dead; /* its answer has ended; it is reaped, with … */
    int code, status;
};

/* ---- what the new image gets ---- */

/* Neither what named our own state, nor what was said of descriptors that are long something else. */
static const char *const left_out[] = {UPGRADE_VARIABLE, "LISTEN_FDS",     "LISTEN_PID",
                                       "LISTEN_FDNAMES", "LISTEN_PIDFDID", NULL};

/* The state as sealed memory, named in fds too.  The descriptor or negative. */
static int seal_state(struct upgrade *u, struct frozen_fds *fds, struct error *err)
{
    struct state s;
    int r = state_begin(&s, UPGRADE_VERSION);

    if (r == 0)
        r = u->desk.freeze(u->desk.cookie, &s, fds, err);
    else
        (void)error_errno(err, -r, "the state");
    int fd =
        r < 0 ? r : handover_seal(bytes_front(&s.block), bytes_held(&s.block), "ganger-state", err);
    state_clear(&s);
    if (fd >= 0 && frozen_add_fd(fds, fd) < 0) {
        descriptor_close(&fd);
        fd = error_errno(err, ENOMEM, "the state");
    }
    return fd;
}

/* ---- the end of an attempt ---- */

static void arm_timer(struct upgrade *u, uint64_t patience)
{
    (void)sd_event_source_set_time(u->timer, clock_monotonic() + patience);
    (void)sd_event_source_set_enabled(u->timer, SD_EVENT_ONESHOT);
}

static void end_trial(struct upgrade *u)
{
    u->answer_source = sd_event_source_disable_unref(u->answer_source);
    (void)sd_event_source_set_enabled(u->timer, SD_EVENT_OFF);
    successor_end(&u->trial, u->dead); /* who is killed is reaped as a stranger */
    bytes_clear(&u->answer);
}

static void fail(struct upgrade *u, const struct error *why)
{
    end_trial(u);
    u->phase = IDLE;
    (void)sd_event_source_set_enabled(u->act, SD_EVENT_OFF);
    (void)error_set(&u->failure, why->number == 0 ? EINVAL : why->number,
                    "upgrade to %s failed: %s", u->path, why->text);
    log_write(LOG_LEVEL_ERROR, NULL, "%s; ganger %s goes on, nothing has changed", u->failure.text,
              GANGER_VERSION);
    u->desk.failed(u->desk.cookie);
}

static void fail_text(struct upgrade *u, const char *why)
{
    struct error err = ERROR_NONE;

    (void)error_set(&err, ECANCELED, "%s", why);
    fail(u, &err);
}

/* ---- the trial ---- */

/* What the child said, as far as a log can show it: its last line. */
static void last_line(const struct upgrade *u, char *out, size_t size)
{
    const char *text = (const char *)bytes_front(&u->answer);
    size_t length = bytes_held(&u->answer), begin;

    while (length > 0 && text[length - 1] == '\n')
        length--;
    for (begin = length; begin > 0 && text[begin - 1] != '\n';)
        begin--;
    (void)text_escape_fixed(out, size, text + begin, length - begin);
}

static bool could_read(const struct upgrade *u)
{
    size_t held = bytes_held(&u->answer), wanted = strlen(UPGRADE_ANSWER);
    const uint8_t *text = bytes_front(&u->answer);

    return u->code == CLD_EXITED && u->status == 0 && held >= wanted &&
           memcmp(text + held - wanted, UPGRADE_ANSWER, wanted) == 0 &&
           (held == wanted || text[held - wanted - 1] == '\n');
}

/* Its answer is complete and it has ended. */
static void judge(struct upgrade *u)
{
    struct error err = ERROR_NONE;
    char said[400];

    if (!u->silent || !u->dead)
        return;
    if (could_read(u)) {
        end_trial(u);
        u->phase = READY;
        arm_timer(u, UPGRADE_HOLD); /* should something hold it up now */
        (void)sd_event_source_set_enabled(u->act, SD_EVENT_ONESHOT);
        return;
    }
    last_line(u, said, sizeof(said));
    if (u->code == CLD_EXITED)
        (void)error_set(&err, EINVAL, "it did not read the state, and exited with status %d%s%s",
                        u->status, said[0] == '\0' ? "" : ": ", said);
    else
        (void)error_set(&err, EINVAL,
                        "it did not read the state, and was killed by signal %d (%s)%s%s",
                        u->status, sigabbrev_np(u->status) == NULL ? "?" : sigabbrev_np(u->status),
                        said[0] == '\0' ? "" : ": ", said);
    fail(u, &err);
}

static int on_answer(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
    struct upgrade *u = userdata;
    char chunk[4096];

    (void)source;
    (void)events;
    ssize_t n = read(fd, chunk, sizeof(chunk));
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (n > 0) { /* only the end of it matters */
        if (bytes_room(&u->answer) < (size_t)n)
            bytes_consume(&u->answer, (size_t)n);
        (void)bytes_append(&u->answer, chunk, (size_t)n);
        return 0;
    }
    u->silent = true;
    u->answer_source = sd_event_source_disable_unref(u->answer_source);
    judge(u);
    return 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
    struct upgrade *u = userdata;
    struct error err = ERROR_NONE;

    (void)source;
    (void)usec;
    if (u->phase == READY && u->pausing) {
        u->pausing = false;
        arm_timer(u, UPGRADE_HOLD);
        (void)sd_event_source_set_enabled(u->act, SD_EVENT_ONESHOT);
    } else if (u->phase == HOLDING || u->phase == READY) {
        const char *why = u->desk.hold(u->desk.cookie, false);

        u->impatient = true;
        if (why != NULL)
            fail_text(u, why);
        else
            upgrade_settled(u);
    } else if (u->phase == TRYING) {
        (void)error_set(&err, ETIMEDOUT, "it did not read the state within %llu seconds",
                        (unsigned long long)(UPGRADE_PATIENCE / CLOCK_SEC));
        fail(u, &err);
    }
    return 0;
}

/* The child runs; hear it. */
static void follow(struct upgrade *u)
{
    struct error err = ERROR_NONE;

    u->phase = TRYING;
    u->silent = u->dead = false;
    bytes_init(&u->answer, ANSWER_MAX);
    arm_timer(u, UPGRADE_PATIENCE);
    int r = sd_event_add_io(u->loop, &u->answer_source, u->trial.answer, EPOLLIN, on_answer, u);
    if (r < 0) {
        (void)error_errno(&err, -r, "the event loop");
        fail(u, &err);
    }
}

static void try_it(struct upgrade *u)
{
    struct frozen_fds fds = {0};
    struct error err = ERROR_NONE;
    char number[16], option[] = "--adopt-check";

    __attribute__((cleanup(descriptor_cleanup))) int state = seal_state(u, &fds, &err);
    char *argv[] = {u->argv[0], option, number, NULL};
    char **envp = successor_environment(left_out, NULL);
    (void)snprintf(number, sizeof(number), "%d", state);
    const struct successor_plan plan = {
        .path = u->path, .argv = argv, .envp = envp, .fds = fds.items, .count = fds.count};
    int r = state < 0      ? state
            : envp == NULL ? error_errno(&err, ENOMEM, "the environment")
                           : successor_try(&plan, &u->trial, &err);
    free(envp);
    frozen_fds_clear(&fds);
    if (r < 0)
        fail(u, &err);
    else
        follow(u);
}

bool upgrade_reaped(struct upgrade *u, pid_t pid, int code, int status)
{
    if (u == NULL || u->phase != TRYING || u->trial.pid != pid)
        return false;
    u->dead = true;
    u->code = code;
    u->status = status;
    judge(u);
    return true;
}

/* ---- the exec ---- */

static void become(struct upgrade *u)
{
    struct frozen_fds fds = {0};
    struct error err = ERROR_NONE;
    char variable[64];

    /* Before the state is: it tells which lines the log has not taken. */
    log_write(LOG_LEVEL_NOTICE, NULL, "ganger %s becomes %s", GANGER_VERSION, u->path);
    __attribute__((cleanup(descriptor_cleanup))) int state = seal_state(u, &fds, &err);
    (void)snprintf(variable, sizeof(variable), UPGRADE_VARIABLE "=%d", state);
    char **envp = successor_environment(left_out, variable);
    const struct successor_plan plan = {
        .path = u->path, .argv = u->argv, .envp = envp, .fds = fds.items, .count = fds.count};
    if (state >= 0 && envp == NULL)
        (void)error_errno(&err, ENOMEM, "the environment");
    else if (state >= 0)
        (void)successor_become(&plan, &err);
    free(envp);
    frozen_fds_clear(&fds);
    fail(u, &err);
}

/* A signal that the loop has read and not handed out would be lost with it.  The pause is a timer's: a
 * deferred source that asks for itself again goes before all others, for ever. */
static int on_act(sd_event_source *source, void *userdata)
{
    struct upgrade *u = userdata;

    (void)source;
    if (u->phase != READY)
        return 0;
    if (u->desk.heard(u->desk.cookie)) {
        u->pausing = true;
        arm_timer(u, SIGNAL_PAUSE);
    } else if (u->desk.hold(u->desk.cookie, !u->impatient) == NULL)
        become(u);
    return 0;
}

/* ---- orders ---- */

int upgrade_order(struct upgrade *u, struct error *err)
{
    if (u->phase != IDLE)
        return error_set(err, EALREADY, "an upgrade is under way already");
    u->failure = ERROR_NONE;
    u->impatient = u->pausing = false;
    const char *why = u->desk.hold(u->desk.cookie, !u->impatient);
    log_write(LOG_LEVEL_NOTICE, NULL, "upgrading to %s%s%s", u->path,
              why == NULL ? "" : ", but first: ", why == NULL ? "" : why);
    u->phase = HOLDING;
    arm_timer(u, UPGRADE_HOLD);
    if (why == NULL)
        try_it(u);
    return 0;
}

void upgrade_settled(struct upgrade *u)
{
    if (u == NULL || (u->phase != HOLDING && u->phase != READY) ||
        u->desk.hold(u->desk.cookie, !u->impatient) != NULL)
        return;
    if (u->phase == READY)
        (void)sd_event_source_set_enabled(u->act, SD_EVENT_ONESHOT);
    else
        try_it(u);
}

void upgrade_cancel(struct upgrade *u, const char *why)
{
    if (u != NULL && u->phase != IDLE)
        fail_text(u, why);
}

int upgrade_look(const struct upgrade *u, struct error *err)
{
    if (u->phase != IDLE)
        return UPGRADE_UNDER_WAY;
    return u->failure.number == 0 ? 0 : error_set(err, u->failure.number, "%s", u->failure.text);
}

/* ---- making and ending ---- */

int upgrade_new(struct upgrade **ret, sd_event *loop, const struct upgrade_options *options,
                const struct upgrade_desk *desk, struct error *err)
{
    struct upgrade *u = calloc(1, sizeof(*u));

    if (u == NULL)
        return error_errno(err, ENOMEM, "upgrade");
    u->loop = sd_event_ref(loop);
    u->desk = *desk;
    u->argv = options->argv;
    u->path = strdup(options->path);
    u->trial = (struct successor_trial){.pidfd = -1, .answer = -1};
    bytes_init(&u->answer, ANSWER_MAX);
    int r = u->path == NULL ? -ENOMEM : 0;
    if (r >= 0)
        r = sd_event_add_time(loop, &u->timer, CLOCK_MONOTONIC, 0, CLOCK_MSEC, on_timer, u);
    if (r >= 0)
        r = sd_event_source_set_enabled(u->timer, SD_EVENT_OFF);
    if (r >= 0)
        r = sd_event_add_defer(loop, &u->act, on_act, u);
    if (r >= 0)
        r = sd_event_source_set_enabled(u->act, SD_EVENT_OFF);
    if (r < 0) {
        (void)upgrade_free(u);
        return error_errno(err, -r, "upgrade");
    }
    *ret = u;
    return 0;
}

struct upgrade *upgrade_free(struct upgrade *u)
{
    if (u == NULL)
        return NULL;
    if (u->phase == TRYING)
        end_trial(u);
    u->answer_source = sd_event_source_disable_unref(u->answer_source);
    (void)sd_event_source_disable_unref(u->timer);
    (void)sd_event_source_disable_unref(u->act);
    sd_event_unref(u->loop);
    free(u->path);
    free(u);
    return NULL;
}
