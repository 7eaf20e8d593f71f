/* SPDX-License-Identifier: Apache-2.0 */
/* The death of a worker: what it says about the pool, who hears of it, and the slot made free. */
#include "pool/gang_struct.h"

#include <stdio.h>
#include "base/clock.h"
#include "pool/verdict.h"

/* Lines about deaths in one second, for one pool. */
#define DEATHS_PER_SECOND 20

bool gang_slot_served(const struct gang *g, uint32_t slot)
{
    return board_snapshot_slot(g->board, slot).requests > 0;
}

static void say_death(struct gang *g, const struct verdict *v, const struct verdict_facts *f,
                      pid_t pid, uint64_t now)
{
    char how[VERDICT_TEXT_MAX];
    unsigned suppressed = 0;
    enum log_level level = v->level;

    if (level == LOG_LEVEL_DEBUG && log_get_level() < LOG_LEVEL_DEBUG)
        return;
    if (!log_limit_pass(&g->deaths, now, DEATHS_PER_SECOND, &suppressed))
        return;
    if (suppressed > 0)
        gang_say(g, LOG_LEVEL_WARNING, "%u more workers died", suppressed);
    gang_say_of(g, pid, level, "worker %d %s after %llu.%06llu seconds%s", (int)pid,
                verdict_text(how, f->code, f->status), (unsigned long long)(f->lived / CLOCK_SEC),
                (unsigned long long)(f->lived % CLOCK_SEC),
                f->burial == LIFECYCLE_DO_BURY_EARLY ? ", before it was ready" : "");
}

/* The reason of a failing pool; that of a failed exec stands already. */
static void find_reason(struct gang *g, const struct verdict_facts *f, pid_t pid)
{
    char how[VERDICT_TEXT_MAX];
    bool spoke = g->last_speaker == pid && g->last_words[0] != '\0';

    gang_set_reason(g, "a worker %s %s%s%s", verdict_text(how, f->code, f->status),
                    f->burial == LIFECYCLE_DO_BURY_EARLY ? "before it was ready"
                                                         : "within a second of its start",
                    spoke ? "; its last words: " : "", spoke ? g->last_words : "");
}

static void bury(struct gang *g, struct worker *w, int code, int status, uint64_t cpu, uint64_t now)
{
    struct verdict_facts f = {.state = w->state,
                              .code = code,
                              .status = status,
                              .lived = now > w->started ? now - w->started : 0,
                              .proven = g->proven,
                              .failing = throttle_failing(&g->throttle)};
    struct leftover last = {.pid = w->pid, .slot = w->slot, .serial = w->serial};
    bool refused = w->refused;
    uint64_t started = w->started;

    gang_hear_unwatch(g, w, GANG_WATCH_REPORT, w->report);
    gang_hear_unwatch(g, w, GANG_WATCH_CHANNEL, w->channel);
    f.burial = gang_event(g, w, LIFECYCLE_EXITED, now);
    f.served = gang_slot_served(g, w->slot);
    f.native = w->native.is;
    gang_count_gone(g, w, cpu);
    gang_slow_over(g, w);
    uint32_t most = board_slot_max_active(g->board, w->slot);
    g->card.max_active = g->card.max_active > most ? g->card.max_active : most;
    board_slot_release(g->board, w->slot);
    gang_count_process(g, -1);
    worker_forget(w, &last.output);
    gang_lines_last(g, &last, now);

    struct verdict v = verdict_judge(&f);
    gang_count_death(g, v.sort, code, status);
    say_death(g, &v, &f, last.pid, now);
    if (v.proof)
        gang_proved(g, started);
    if (v.blame == VERDICT_FAILED) {
        if (!refused)
            find_reason(g, &f, last.pid);
        gang_start_failed(g, now);
    } else if (v.blame == VERDICT_DIED && throttle_died(&g->throttle, now)) {
        find_reason(g, &f, last.pid);
        g->failed_at = now;
        if (!f.failing)
            gang_say(g, LOG_LEVEL_WARNING,
                     "workers die faster than %u a second; starts are delayed", THROTTLE_RATE);
    }
}

bool gang_reaped(struct gang *g, pid_t pid, int code, int status, uint64_t cpu, uint64_t now)
{
    if (gang_slow_reaped(g, pid, code, status, now))
        return true;
    for (uint32_t i = 0; i < g->slots; i++) {
        struct worker *w = &g->workers[i];

        if (w->state == LIFECYCLE_EMPTY || w->pid != pid)
            continue;
        /* What it and its exec said last may still be on the way to us. */
        gang_hear_report(g, w, now);
        gang_hear_words(g, w, now);
        if (gang_queue_is_shedder(g, w))
            gang_queue_bury(g, w, code, status, cpu, now);
        else
            bury(g, w, code, status, cpu, now);
        return true;
    }
    return false;
}
