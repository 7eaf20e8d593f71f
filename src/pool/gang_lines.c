/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines that workers write to their descriptor 2.
 *
 * What a flood costs: a worker is read GANG_LINES_PAUSE after the last time at the earliest, at most
 * OUTPUT_TURN bytes then, and the more of them flood the longer each one waits.  All floods together
 * are therefore read some two hundred times a second (ten times as often while their pipes are small),
 * whoever writes how much; who is faster than that waits in write().  Those who do not flood are read as before.
 */
#include "pool/gang_struct.h"

#include <inttypes.h>
#include <string.h>
#include "base/clock.h"
#include "base/text.h"

/* So many of them flood, then each waits twice as long, and so on. */
#define FLOODS 2u
/* Between two looks at a flood whose pipe is small: the kernel grants no larger one. */
#define SMALL_PAUSE UINT64_C(1000)
/* So many pipes are enlarged at most: what the kernel grants a user has an end. */
#define LARGE_MOST 32u

/* What is said of one worker that floods each second is itself a flood where thousands do. */
static const struct pace_law of_told = {.burst = GANG_LINES_TOLD, .per_second = GANG_LINES_TOLD};

struct speaker {
    struct gang *gang;
    pid_t pid;
};

static bool is_native(const struct gang *g)
{
    return g->pool->kind == CONF_KIND_FASTCGI;
}

static void take_line(void *cookie, const char *line, size_t length, bool held)
{
    struct speaker *s = cookie;
    struct gang *g = s->gang;
    int level = is_native(g) ? -1 : log_mark_parse(line, length); /* a native one writes no marks */
    bool plain = is_native(g) || (level >= 0 && log_mark_plain(line));

    if (level >= 0) {
        line += LOG_MARK_LENGTH;
        length -= LOG_MARK_LENGTH;
    }
    if (length == 0)
        return;
    (void)text_escape_fixed(g->last_words, sizeof(g->last_words), line, length);
    g->last_speaker = s->pid;
    if (held || (is_native(g) && !g->pool->catch_workers_output))
        return;
    if (plain && !g->pool->decorate_workers_output)
        level = level >= 0 ? GANG_LINE_CLEAN : GANG_LINE_PLAIN;
    g->hooks.line(g->hooks.cookie, g, s->pid, level, line, length);
}

/* Whether what `p` holds back is to be said; else, when. */
static bool is_due(struct gang *g, const struct pace *p, bool at_once, uint64_t now)
{
    uint64_t due = pace_due(p);

    if (due == CLOCK_NEVER || at_once || due <= now)
        return due != CLOCK_NEVER;
    g->lines_due = due < g->lines_due ? due : g->lines_due;
    return false;
}

/* Say what was held back, once its second is over, or at once. */
static void say_held(struct gang *g, struct output *o, pid_t pid, bool at_once, uint64_t now)
{
    if (!is_due(g, &o->pace, at_once, now))
        return;
    uint64_t lines = pace_take(&o->pace);
    if (is_native(g) && !g->pool->catch_workers_output)
        return;
    if (pace_pass(&g->told, &of_told, now)) {
        gang_say_of(g, pid, LOG_LEVEL_WARNING,
                    "worker %d: %" PRIu64 " line%s suppressed (it may write %u a second)", (int)pid,
                    lines, lines == 1 ? "" : "s", OUTPUT_LINES);
        return;
    }
    pace_hold(&g->told, lines - 1, now); /* one is counted */
    (void)is_due(g, &g->told, false, now);
}

/* Of those that were not named. */
static void say_rest(struct gang *g, bool at_once, uint64_t now)
{
    if (is_due(g, &g->told, at_once, now))
        gang_say(g, LOG_LEVEL_WARNING,
                 "%" PRIu64 " lines of more workers suppressed (each may write %u a second)",
                 pace_take(&g->told), OUTPUT_LINES);
}

/* It floods, or no longer does.  How long it is to be left alone. */
static uint64_t count_flood(struct gang *g, struct output *o, bool was)
{
    static uint32_t nobody;
    uint32_t *floods = g->context->floods != NULL ? g->context->floods : &nobody;

    if (o->flooding != was)
        *floods += o->flooding ? 1u : (uint32_t)-1;
    output_enlarge(o, o->flooding && (o->enlarged || *floods <= LARGE_MOST));
    if (!o->flooding)
        return GANG_LINES_PAUSE;
    return (o->enlarged ? GANG_LINES_PAUSE : SMALL_PAUSE) *
           (*floods > FLOODS ? *floods / FLOODS : 1);
}

static void end_output(struct gang *g, struct output *o, const struct gang_watch *watch, pid_t pid,
                       uint64_t now)
{
    struct speaker s = {.gang = g, .pid = pid};
    bool was = o->flooding;

    o->flooding = false;
    (void)count_flood(g, o, was);
    g->hooks.unwatch(g->hooks.cookie, g, watch);
    output_close(o, take_line, &s);
    say_held(g, o, pid, true, now);
}

/* OUTPUT_END: it is closed now. */
static int hear(struct gang *g, struct output *o, struct gang_watch *watch, pid_t pid, uint64_t now)
{
    struct speaker s = {.gang = g, .pid = pid};
    bool was = o->flooding;

    say_held(g, o, pid, false, now);
    int outcome = output_read(o, now, take_line, &s);
    uint64_t pause = count_flood(g, o, was);
    say_held(g, o, pid, false, now);
    if (outcome == OUTPUT_END)
        end_output(g, o, watch, pid, now);
    else if (was || o->flooding) {
        watch->pause = pause;
        (void)g->hooks.watch(g->hooks.cookie, g, watch);
    }
    return outcome;
}

void gang_lines_worker(struct gang *g, struct worker *w, uint64_t now)
{
    struct gang_watch watch = {
        .kind = GANG_WATCH_OUTPUT, .slot = w->slot, .serial = w->serial, .fd = w->output.fd};

    if (w->output.fd >= 0)
        (void)hear(g, &w->output, &watch, w->pid, now);
}

/* ---- of those who are gone ---- */

static struct gang_watch watch_of(const struct leftover *l)
{
    return (struct gang_watch){
        .kind = GANG_WATCH_OUTPUT, .slot = l->slot, .serial = l->serial, .fd = l->output.fd};
}

static void forget(struct gang *g, size_t i)
{
    struct leftover *l = &g->leftovers[i];

    g->leftover_count--;
    memmove(l, l + 1, (g->leftover_count - i) * sizeof(*l));
}

static void end_leftover(struct gang *g, size_t i, uint64_t now)
{
    struct leftover *l = &g->leftovers[i];
    struct gang_watch watch = watch_of(l);

    end_output(g, &l->output, &watch, l->pid, now);
    forget(g, i);
}

void gang_lines_last(struct gang *g, const struct leftover *last, uint64_t now)
{
    struct leftover l = *last;
    struct gang_watch watch = watch_of(&l);

    if (l.output.fd < 0 || hear(g, &l.output, &watch, l.pid, now) == OUTPUT_END)
        return;
    if (g->leftover_count == GANG_LEFTOVERS)
        end_leftover(g, 0, now);
    l.expires = now + GANG_LINGER;
    g->leftovers[g->leftover_count++] = l;
}

void gang_lines_leftover(struct gang *g, uint32_t serial, uint64_t now)
{
    for (size_t i = 0; i < g->leftover_count; i++) {
        struct leftover *l = &g->leftovers[i];
        struct gang_watch watch = watch_of(l);

        if (l->serial != serial)
            continue;
        if (hear(g, &l->output, &watch, l->pid, now) == OUTPUT_END)
            forget(g, i);
        return;
    }
}

/* Said in time even of those who are silent by now. */
static void say_all(struct gang *g, bool at_once, uint64_t now)
{
    g->lines_due = CLOCK_NEVER;
    for (uint32_t i = 0; i < g->slots; i++) {
        if (g->workers[i].state != LIFECYCLE_EMPTY)
            say_held(g, &g->workers[i].output, g->workers[i].pid, at_once, now);
    }
    for (size_t i = 0; i < g->leftover_count; i++)
        say_held(g, &g->leftovers[i].output, g->leftovers[i].pid, at_once, now);
    say_rest(g, at_once, now);
}

void gang_say_held(struct gang *g, uint64_t now)
{
    say_all(g, true, now);
}

uint64_t gang_lines_settle(struct gang *g, uint64_t now)
{
    if (now >= g->lines_due)
        say_all(g, false, now);
    while (g->leftover_count > 0 && g->leftovers[0].expires <= now)
        end_leftover(g, 0, now); /* they are in the order of their expiry */
    if (g->leftover_count > 0 && g->leftovers[0].expires < g->lines_due)
        return g->leftovers[0].expires;
    return g->lines_due;
}

void gang_lines_close(struct gang *g)
{
    uint64_t now = g->told.second; /* the last that is known */

    while (g->leftover_count > 0)
        end_leftover(g, 0, now);
    say_rest(g, true, now);
    for (uint32_t i = 0; i < g->slots; i++) {
        struct output *o = &g->workers[i].output;
        bool was = o->flooding;

        o->flooding = false;
        (void)count_flood(g, o, was);
    }
}
