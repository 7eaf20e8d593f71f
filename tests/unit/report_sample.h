/* SPDX-License-Identifier: Apache-2.0 */
#ifndef REPORT_SAMPLE_H
#define REPORT_SAMPLE_H

/* Snapshots for the tests of report/: an honest pool and one that lies wherever it can. */

#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "report/report.h"

#define SAMPLE_WALL (UINT64_C(1700000100) * CLOCK_SEC)
#define SAMPLE_MONOTONIC (UINT64_C(5000) * CLOCK_SEC)

static inline struct board_snapshot sample_honest(void)
{
    struct board_snapshot s;
    memset(&s, 0, sizeof s);
    s.card_valid = true;
    s.card.state = BOARD_POOL_FAILING;
    strcpy(s.card.name, "git");
    strcpy(s.card.kind, "cgi");
    strcpy(s.card.pm, "static");
    strcpy(s.card.listen, "/run/ganger/git.sock");
    strcpy(s.card.reason, "exec /usr/bin/x: No such file or directory");
    s.card.start_time = UINT64_C(1700000000) * CLOCK_SEC;
    s.card.throttled_until = UINT64_C(1700000160) * CLOCK_SEC;
    s.card.max_children = 4;
    s.card.total = 3;
    s.card.generation = 7;
    s.card.listen_queue = 5;
    s.card.max_listen_queue = 9;
    s.card.listen_queue_len = 511;
    s.card.max_active = 1;
    s.card.max_children_reached = 2;
    s.card.spawned = 11;
    s.card.exits_ok = 1;
    s.card.exits_error = 2;
    s.card.exits_signal = 3;
    s.card.spawn_failures = 4;
    strcpy(s.card.user, "www-data");
    s.card.leaving = 12;
    s.card.shed = 13;
    s.card.start_failures = 14;
    s.card.recycled_requests = 21;
    s.card.recycled_memory = 22;
    s.card.recycled_emergency = 23;
    s.card.recycled_reload = 24;
    s.card.recycled_restart = 25;
    s.card.recycled_idle = 26;
    s.card.exit_codes[1] = 2;
    s.card.exit_codes[127] = 1;
    s.card.exit_signals[9] = 1;
    s.card.exit_signals[11] = 2;
    s.card.memory_resident = 8 << 20;
    s.card.memory_proportional = 4 << 20;
    s.card.process_cpu = 2345678;
    s.card.measured = UINT64_C(1700000099) * CLOCK_SEC;
    s.card.limits.max_requests = 1000;
    s.card.limits.backlog = 511;
    s.card.limits.queue_timeout = 2500000;
    s.bytes_in = 654321;
    s.times[BOARD_TIME_SERVICE] = 31000000;
    s.times[BOARD_TIME_QUEUE] = 32000;
    s.times[BOARD_TIME_FIRST] = 3300000;
    s.buckets[BOARD_TIME_QUEUE][0] = 80;
    s.buckets[BOARD_TIME_QUEUE][1] = 10;
    s.buckets[BOARD_TIME_FIRST][3] = 89;
    s.accepted = 100;
    s.requests = 90;
    s.failed = 6;
    s.timed_out = 3;
    s.aborted = 2;
    s.slow = 1;
    s.bytes_out = 123456;
    s.cpu = 1500000;
    s.buckets[BOARD_TIME_SERVICE][0] = 40;
    s.buckets[BOARD_TIME_SERVICE][BOARD_BUCKETS - 1] = 50;
    s.idle = 1;
    s.busy = 2;
    s.active_requests = 2;
    s.slots = 2;
    s.views = calloc(2, sizeof *s.views);
    if (s.views == NULL)
        abort();
    struct board_slot_view *idle = &s.views[0];
    idle->pid = 4242;
    idle->generation = 7;
    idle->start_time = UINT64_C(1700000040) * CLOCK_SEC;
    idle->state = BOARD_WORKER_IDLE;
    idle->requests = 12;
    idle->peak_memory = 1 << 20;
    idle->request_valid = true;
    idle->request.duration = 2000000;
    idle->request.cpu = 500000;
    idle->request.peak_memory = 1 << 20;
    idle->request.status = 404;
    idle->request.content_length = 17;
    idle->request.finished = SAMPLE_MONOTONIC - 7500000;
    idle->request.bytes_in = 17;
    idle->request.bytes_out = 99;
    idle->request.queue = 250;
    idle->request.first = 1234;
    strcpy(idle->request.method, "POST");
    strcpy(idle->request.uri, "/a?b=\"c\"");
    strcpy(idle->request.script, "/srv/x.cgi");
    strcpy(idle->request.user, "ada");
    struct board_slot_view *busy = &s.views[1];
    busy->index = 3;
    busy->pid = 4243;
    busy->state = BOARD_WORKER_BUSY;
    busy->active = 2;
    busy->request_valid = true;
    busy->request.running = 1;
    busy->request.started = SAMPLE_MONOTONIC - 1500000;
    busy->request.duration = 99;
    busy->request.program = 777;
    strcpy(busy->request.method, "GET");
    return s;
}

/* Every byte that may be anything is something bad; the strings have no end. */
static inline struct board_snapshot sample_hostile(void)
{
    struct board_snapshot s;
    memset(&s, 0xff, sizeof s);
    s.slots = 1;
    s.card_valid = true;
    memset(s.card.name, 0x1b, sizeof s.card.name);
    memset(s.card.reason, '\n', sizeof s.card.reason);
    memcpy(s.card.listen, "a\"b\\c\xff\0", 7);
    s.views = malloc(sizeof *s.views);
    if (s.views == NULL)
        abort();
    memset(s.views, 0xff, sizeof *s.views);
    s.views[0].request_valid = true;
    memset(s.views[0].request.uri, 0x80, sizeof s.views[0].request.uri);
    memset(s.views[0].request.method, '\0', sizeof s.views[0].request.method);
    return s;
}

static inline struct report *sample_report(struct board_snapshot first, const char *name)
{
    struct report *r = report_new(SAMPLE_MONOTONIC, SAMPLE_WALL);
    if (r == NULL || report_add(r, name, &first) != 0)
        abort();
    return r;
}

#endif
