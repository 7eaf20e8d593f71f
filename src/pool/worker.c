/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Invariant: state EMPTY exactly when pid is 0; then every descriptor is -1.
 *
 * Signals go through the pidfd, and only to a worker that has not been reaped: EXITED comes from
 * the reaper, and the state is EMPTY before anything else may be asked.
 */
#include "pool/worker.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/descriptor.h"
#include "host/spawn.h"

void worker_init(struct worker *w, uint32_t slot)
{
    *w = (struct worker){.slot = slot,
                         .state = LIFECYCLE_EMPTY,
                         .pidfd = -1,
                         .report = -1,
                         .channel = -1,
                         .level_unsent = -1,
                         .deadline = CLOCK_NEVER};
    output_init(&w->output);
}

int worker_start(struct worker *w, const struct plan *plan, const struct ports *ports, int board,
                 int bell, uint32_t serial, uint64_t now, struct error *err)
{
    struct plan_fds fds = {.output = -1, .board = board, .bell = bell, .channel = -1};
    struct spawned child;
    int channel[2] = {-1, -1};

    int r = output_open(&w->output, &fds.output, err);
    if (r < 0)
        return r;
    if (plan->native == NULL)
        r = channel_pair(channel, err);
    if (r == 0) {
        fds.channel = channel[1];
        r = plan_spawn(plan, ports, &fds, w->slot, serial, &child, err);
    }
    descriptor_close(&channel[1]);
    descriptor_close(&fds.output);
    if (r < 0) {
        descriptor_close(&channel[0]);
        output_close(&w->output, NULL, NULL);
        return r;
    }
    w->pid = child.pid;
    w->pidfd = child.pidfd;
    w->report = child.report_fd;
    w->channel = channel[0];
    w->serial = serial;
    w->started = now;
    w->drain_unsent = false;
    w->drain_changes = 0;
    w->drain_accepted = 0;
    w->refused = false;
    w->fed = 0;
    w->settings_unsent = false;
    w->level_unsent = -1;
    w->logs_unsent = 0;
    w->due = RECYCLE_NO;
    w->recycle_at = 0;
    w->cpu = w->resident = w->proportional = 0;
    w->native = (struct worker_native){.is = plan->native != NULL};
    if (w->native.is) {
        w->native.opaque = native_is_opaque(plan->native);
        w->native.stop = native_stop_signal(plan->native);
    }
    (void)worker_event(w, LIFECYCLE_SPAWNED, 0, now);
    return 0;
}

static void send_stop(struct worker *w)
{
    w->native.stop_sent = true;
    (void)spawn_signal(w->pidfd, w->native.stop);
}

/* The ladder: stop_signal, when that is another one, then SIGTERM. */
static void terminate(struct worker *w)
{
    if (w->native.is && !w->native.stop_sent && w->native.stop != SIGTERM)
        send_stop(w);
    else {
        w->native.stop_sent = false;
        (void)spawn_signal(w->pidfd, SIGTERM);
    }
}

static void ask_to_leave(struct worker *w)
{
    static const struct channel_message drain = {.word = CHANNEL_DRAIN};

    if (w->native.is) { /* those that can be asked between requests are: pool/gang_native.c */
        if (w->native.opaque)
            send_stop(w);
        return;
    }
    /* A worker whose channel is gone is dying; the drain flag on the board says it once more. */
    w->drain_unsent = channel_send(w->channel, &drain, -1) == CHANNEL_FULL;
}

enum lifecycle_action worker_event(struct worker *w, enum lifecycle_event event,
                                   uint64_t control_timeout, uint64_t now)
{
    if (event == LIFECYCLE_DEADLINE && w->state == LIFECYCLE_TERMINATING && w->native.stop_sent) {
        terminate(w); /* one rung more before SIGKILL */
        w->deadline = now + WORKER_TERM_GRACE;
        return LIFECYCLE_DO_TERMINATE;
    }
    struct lifecycle_cell cell = lifecycle_step(w->state, event);

    w->state = cell.next;
    switch (cell.action) {
    case LIFECYCLE_DO_AWAIT_EXEC:
        w->deadline = now + WORKER_START_TIMEOUT;
        break;
    case LIFECYCLE_DO_SERVE:
        w->deadline = CLOCK_NEVER;
        break;
    case LIFECYCLE_DO_ASK:
        ask_to_leave(w);
        w->deadline = now + control_timeout;
        break;
    case LIFECYCLE_DO_TERMINATE:
        terminate(w);
        w->deadline = now + WORKER_TERM_GRACE;
        break;
    case LIFECYCLE_DO_KILL:
    case LIFECYCLE_DO_GIVE_UP:
        (void)spawn_signal(w->pidfd, SIGKILL);
        w->deadline = CLOCK_NEVER;
        break;
    case LIFECYCLE_DO_REFUSED:
        w->refused = true;
        break;
    case LIFECYCLE_DO_ALARM:
        w->deadline = CLOCK_NEVER; /* or it would ring for ever */
        break;
    case LIFECYCLE_DO_NOTHING:
    case LIFECYCLE_DO_AWAIT_READY:
    case LIFECYCLE_DO_BURY_EARLY:
    case LIFECYCLE_DO_BURY_LOST:
    case LIFECYCLE_DO_BURY_ASKED:
    case LIFECYCLE_ACTIONS:
        break;
    }
    return cell.action;
}

bool worker_flush(struct worker *w)
{
    if (w->drain_unsent && w->channel >= 0)
        ask_to_leave(w);
    return w->drain_unsent;
}

void worker_forget(struct worker *w, struct output *ret_output)
{
    *ret_output = w->output;
    descriptor_close(&w->pidfd);
    descriptor_close(&w->report);
    channel_close(&w->channel);
    worker_init(w, w->slot);
}

int worker_last_signal(const struct worker *w)
{
    return w->native.stop_sent ? w->native.stop : SIGTERM;
}

bool worker_pending(const struct worker *w)
{
    return w->state == LIFECYCLE_STARTING || w->state == LIFECYCLE_WARMING;
}

bool worker_leaving(const struct worker *w)
{
    return w->state == LIFECYCLE_DRAINING || w->state == LIFECYCLE_TERMINATING ||
           w->state == LIFECYCLE_KILLED;
}
