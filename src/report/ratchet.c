/* SPDX-License-Identifier: Apache-2.0 */
/* Which values of a snapshot only grow. */

#include "report/ratchet.h"

#include <string.h>

static void hold(uint64_t *last, uint64_t *now)
{
    if (*last < *now)
        *last = *now;
    else
        *now = *last;
}

static void hold_all(uint32_t *last, uint32_t *now, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t most = last[i] < now[i] ? now[i] : last[i];
        last[i] = now[i] = most;
    }
}

static void hold_totals(struct board_totals *last, struct board_snapshot *s)
{
    hold(&last->accepted, &s->accepted);
    hold(&last->requests, &s->requests);
    hold(&last->failed, &s->failed);
    hold(&last->timed_out, &s->timed_out);
    hold(&last->aborted, &s->aborted);
    hold(&last->slow, &s->slow);
    hold(&last->bytes_in, &s->bytes_in);
    hold(&last->bytes_out, &s->bytes_out);
    hold(&last->cpu, &s->cpu);
    for (size_t t = 0; t < BOARD_TIMES; t++) {
        hold(&last->times[t], &s->times[t]);
        for (size_t i = 0; i < BOARD_BUCKETS; i++)
            hold(&last->buckets[t][i], &s->buckets[t][i]);
    }
}

static void hold_card(struct ratchet *r, struct board_card *card)
{
    uint64_t *const lives[] = {
        &card->spawned,
        &card->exits_ok,
        &card->exits_error,
        &card->exits_signal,
        &card->spawn_failures,
        &card->recycled_requests,
        &card->recycled_memory,
        &card->terminated,
        &card->recycled_emergency,
        &card->recycled_reload,
        &card->recycled_restart,
        &card->recycled_idle,
        &card->shed,
        &card->process_cpu,
        &card->start_time, /* the same, or that of a card that could not be read */
    };
    _Static_assert(sizeof lives / sizeof lives[0] == sizeof r->lives / sizeof r->lives[0],
                   "a place for each");

    for (size_t i = 0; i < sizeof lives / sizeof lives[0]; i++)
        hold(&r->lives[i], lives[i]);
    hold_all(&r->reached, &card->max_children_reached, 1);
    hold_all(r->exit_codes, card->exit_codes, BOARD_EXIT_CODES);
    hold_all(r->exit_signals, card->exit_signals, BOARD_EXIT_SIGNALS);
}

void ratchet_hold(struct ratchet *r, struct board_snapshot *s)
{
    if (s->card_valid && s->card.start_time != r->since) {
        memset(r, 0, sizeof *r);
        r->since = s->card.start_time;
    }
    hold_totals(&r->totals, s);
    hold_card(r, &s->card);
}
