/* SPDX-License-Identifier: Apache-2.0 */
/* The copy: what is told, what is clamped, totals that only grow, and a pool that means harm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "board/board.h"

static struct board *made(uint32_t slots)
{
    struct board *b = NULL;

    assert_int_equal(board_create(&b, "git", slots, NULL), 0);
    return b;
}

static struct board *attached(const struct board *b, uint32_t slot)
{
    struct board *w = NULL;

    assert_int_equal(board_attach(&w, board_fd(b), slot, NULL), 0);
    return w;
}

static void test_empty_board(void **unused)
{
    struct board *b = made(5);
    struct board_snapshot s;

    (void)unused;
    assert_int_equal(board_snapshot(b, &s), 0);
    assert_int_equal(s.slots, 0);
    assert_null(s.views);
    assert_true(s.card_valid);
    assert_string_equal(s.card.name, "git");
    board_snapshot_clear(&s);
    board_snapshot_clear(NULL);
    board_free(b);
}

static void test_what_is_published_is_read(void **unused)
{
    struct board *b = made(4);
    struct board *w;
    struct board *reader = NULL;
    struct board_card card = {.state = BOARD_POOL_FAILING,
                              .name = "git",
                              .kind = "cgi",
                              .reason = "because",
                              .total = 3,
                              .spawned = 12,
                              .shed = 8,
                              .exit_codes = {[3] = 2, [255] = 1},
                              .exit_signals = {[9] = 4},
                              .memory_proportional = 4096,
                              .measured = 99,
                              .user = "www",
                              .limits = {.max_requests = 500, .request_slowlog_timeout = 77}};
    struct board_snapshot s;
    int fd = board_reopen_readonly(b, NULL);

    (void)unused;
    assert_int_equal(board_attach_readonly(&reader, fd, NULL), 0);
    close(fd);
    board_set_card(b, &card);
    board_slot_assign(b, 2, 9, 100);
    board_slot_set_pid(b, 2, 4711);
    w = attached(b, 2);
    board_worker_state(w, BOARD_WORKER_BUSY, 2);
    board_own_slot(w)->requests = 5;
    board_own_slot(w)->bytes_in = 50;
    board_own_slot(w)->bytes_out = 1000;
    board_observe(w, BOARD_TIME_SERVICE, 3000);
    board_observe(w, BOARD_TIME_QUEUE, 40);
    board_slot_set_memory(b, 2, 8192, 5000);
    board_request_begin(w, 1000, "GET", "/cgit?x=1", "/usr/lib/cgit", "joe", 77, 815);
    assert_int_equal(board_snapshot(reader, &s), 0);
    assert_true(s.card_valid);
    assert_int_equal(s.card.state, BOARD_POOL_FAILING);
    assert_string_equal(s.card.reason, "because");
    assert_int_equal(s.card.total, 3);
    assert_int_equal(s.card.spawned, 12);
    assert_int_equal(s.card.shed, 8);
    assert_int_equal(s.card.exit_codes[3], 2);
    assert_int_equal(s.card.exit_codes[255], 1);
    assert_int_equal(s.card.exit_signals[9], 4);
    assert_int_equal(s.card.memory_proportional, 4096);
    assert_int_equal(s.card.measured, 99);
    assert_string_equal(s.card.user, "www");
    assert_int_equal(s.card.limits.max_requests, 500);
    assert_int_equal(s.card.limits.request_slowlog_timeout, 77);
    assert_int_equal(s.slots, 1);
    assert_int_equal(s.views[0].index, 2);
    assert_int_equal(s.views[0].generation, 9);
    assert_int_equal(s.views[0].pid, 4711);
    assert_true(s.views[0].start_time > 0);
    assert_int_equal(s.views[0].state, BOARD_WORKER_BUSY);
    assert_int_equal(s.busy, 1);
    assert_int_equal(s.active_requests, 2);
    assert_int_equal(s.requests, 5);
    assert_int_equal(s.bytes_out, 1000);
    assert_int_equal(s.bytes_in, 50);
    assert_int_equal(s.buckets[BOARD_TIME_SERVICE][3], 1);
    assert_int_equal(s.buckets[BOARD_TIME_QUEUE][0], 1);
    assert_int_equal(s.times[BOARD_TIME_SERVICE], 3000);
    assert_int_equal(s.times[BOARD_TIME_QUEUE], 40);
    assert_int_equal(s.times[BOARD_TIME_FIRST], 0);
    assert_int_equal(s.views[0].resident, 8192);
    assert_int_equal(s.views[0].proportional, 5000);
    assert_int_equal(s.views[0].request.finished, 0);
    assert_true(s.views[0].request_valid);
    assert_int_equal(s.views[0].request.running, 1);
    assert_string_equal(s.views[0].request.method, "GET");
    assert_string_equal(s.views[0].request.uri, "/cgit?x=1");
    assert_string_equal(s.views[0].request.script, "/usr/lib/cgit");
    assert_string_equal(s.views[0].request.user, "joe");
    assert_int_equal(s.views[0].request.content_length, 77);
    assert_int_equal(s.views[0].request.program, 815);
    board_snapshot_clear(&s);

    board_request_end(w, 4500,
                      &(struct board_result){.status = 404,
                                             .cpu = 12,
                                             .peak_memory = 34,
                                             .bytes_in = 1,
                                             .bytes_out = 2,
                                             .queue = UINT64_MAX,
                                             .first = 3});
    assert_int_equal(board_snapshot(reader, &s), 0);
    assert_int_equal(s.views[0].request.running, 0);
    assert_int_equal(s.views[0].request.duration, 3500);
    assert_int_equal(s.views[0].request.status, 404);
    assert_int_equal(s.views[0].request.cpu, 12);
    assert_int_equal(s.views[0].request.peak_memory, 34);
    assert_int_equal(s.views[0].request.finished, 4500);
    assert_int_equal(s.views[0].request.bytes_in, 1);
    assert_int_equal(s.views[0].request.bytes_out, 2);
    assert_true(s.views[0].request.queue == UINT64_MAX);
    assert_int_equal(s.views[0].request.first, 3);
    assert_string_equal(s.views[0].request.uri, "/cgit?x=1"); /* what it served last */
    board_snapshot_clear(&s);
    board_free(w);
    board_free(reader);
    board_free(b);
}

static void test_long_and_missing_strings(void **unused)
{
    struct board *b = made(1);
    struct board *w;
    struct board_snapshot s;
    char big[5000];

    (void)unused;
    memset(big, 'u', sizeof(big) - 1);
    big[sizeof(big) - 1] = '\0';
    board_slot_assign(b, 0, 1, 1);
    w = attached(b, 0);
    board_request_begin(w, 1, big, big, big, big, 0, 0);
    assert_int_equal(board_snapshot(b, &s), 0);
    assert_int_equal(strlen(s.views[0].request.method), BOARD_METHOD - 1);
    assert_int_equal(strlen(s.views[0].request.uri), BOARD_URI - 1);
    assert_int_equal(strlen(s.views[0].request.script), BOARD_SCRIPT - 1);
    assert_int_equal(strlen(s.views[0].request.user), BOARD_USER - 1);
    board_snapshot_clear(&s);
    board_request_begin(w, 1, NULL, "/", NULL, NULL, 0, 0);
    assert_int_equal(board_snapshot(b, &s), 0);
    assert_string_equal(s.views[0].request.method, "");
    assert_string_equal(s.views[0].request.uri, "/");
    for (size_t i = 1; i < BOARD_URI; i++) /* nothing of the older text is left behind */
        assert_int_equal(s.views[0].request.uri[i], 0);
    board_snapshot_clear(&s);
    board_request_end(w, 0, &(struct board_result){.status = 200}); /* a clock that went back */
    assert_int_equal(board_snapshot(b, &s), 0);
    assert_int_equal(s.views[0].request.duration, 0);
    board_snapshot_clear(&s);
    board_free(w);
    board_free(b);
}

static void test_totals_outlive_workers(void **unused)
{
    struct board *b = made(2);
    uint64_t seen = 0;

    (void)unused;
    for (uint32_t generation = 1; generation <= 20; generation++) {
        struct board *w;
        struct board_snapshot s;

        board_slot_assign(b, generation % 2, generation, 1);
        w = attached(b, generation % 2);
        board_own_slot(w)->requests = 10;
        board_own_slot(w)->accepted = 1;
        board_own_slot(w)->bytes_in = 3;
        board_observe(w, BOARD_TIME_FIRST, 2);
        seen += 10;
        if (generation % 3 == 0)
            board_slot_release(b, generation % 2);
        assert_int_equal(board_snapshot(b, &s), 0);
        assert_int_equal(s.requests, seen);
        assert_int_equal(s.accepted, seen / 10);
        assert_int_equal(s.buckets[BOARD_TIME_FIRST][0], seen / 10);
        assert_int_equal(s.times[BOARD_TIME_FIRST], 2 * seen / 10);
        assert_int_equal(s.bytes_in, 3 * seen / 10);
        board_snapshot_clear(&s);
        board_free(w);
    }
    board_free(b);
}

static void test_the_next_occupant_inherits_nothing(void **unused)
{
    struct board *b = made(1);
    struct board *w;
    struct board_snapshot s;

    (void)unused;
    board_slot_assign(b, 0, 1, 1);
    w = attached(b, 0);
    memset(board_own_slot(w), 0xa5, sizeof(struct board_slot)); /* dies in the middle of all */
    board_slot_assign(b, 0, 0, 77);
    assert_int_equal(board_snapshot(b, &s), 0);
    assert_int_equal(s.slots, 1);
    assert_int_equal(s.views[0].generation, 1); /* 0 would mean an empty slot */
    assert_int_equal(s.views[0].pid, 77);
    assert_int_equal(s.views[0].state, BOARD_WORKER_STARTING);
    assert_int_equal(s.views[0].active, 0);
    assert_int_equal(s.views[0].requests, 0);
    assert_int_equal(s.views[0].peak_memory, 0);
    assert_int_equal(s.views[0].protocol_errors, 0);
    assert_int_equal(s.views[0].params_dropped, 0);
    assert_true(s.views[0].request_valid);
    assert_string_equal(s.views[0].request.uri, "");
    assert_false(board_drain_wanted(w));
    board_snapshot_clear(&s);
    board_free(w);
    board_free(b);
}

/* Whatever stands on the board, the totals that the master publishes only grow, by bounded steps. */
static void test_counters_never_fold_backwards(void **unused)
{
    struct board *b = made(1);
    struct board *w = attached(b, 0);
    struct board_header *header =
        (struct board_header *)(void *)((char *)board_own_slot(w) - BOARD_SLOTS_OFFSET);
    uint64_t last = 0;
    uint64_t last_bytes = 0;

    (void)unused;
    srand(5);
    for (int i = 0; i < 2000; i++) {
        uint64_t value = i % 3 == 0 ? UINT64_MAX : (uint64_t)rand() << (rand() % 40);
        struct board_snapshot s;

        header->drained_requests = i % 2 == 0 ? 0 : UINT64_MAX; /* vandalism between two folds */
        header->fold_seq = (uint32_t)rand();
        board_own_slot(w)->requests = value;
        board_own_slot(w)->bytes_out = value;
        board_slot_assign(b, 0, 1, 1);
        assert_true(header->drained_requests >= last);
        assert_true(header->drained_requests - last <= BOARD_COUNT_MAX);
        assert_true(header->drained_requests - last == value ||
                    header->drained_requests - last == BOARD_COUNT_MAX);
        assert_true(header->drained_bytes_out >= last_bytes);
        assert_true(header->drained_bytes_out - last_bytes <= BOARD_AMOUNT_MAX);
        assert_int_equal(header->fold_seq & 1, 0);
        last = header->drained_requests;
        last_bytes = header->drained_bytes_out;
        assert_int_equal(board_snapshot(b, &s), 0);
        assert_true(s.requests == last);
        board_snapshot_clear(&s);
    }
    board_free(w);
    board_free(b);
}

/* A master that was put aside while it wrote: what it said before, or what it is about to say. */
static void test_a_master_that_stands_still_in_the_middle_of_a_card(void **unused)
{
    struct board *b = made(1);
    struct stat st;
    struct board_header *header;

    (void)unused;
    assert_int_equal(fstat(board_fd(b), &st), 0);
    header = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, board_fd(b), 0);
    assert_ptr_not_equal(header, MAP_FAILED);
    board_set_card(b, &(struct board_card){.name = "whole", .state = BOARD_POOL_RUNNING});
    for (int i = 0; i < 2; i++) {
        struct board_snapshot s;

        header->card[i].seq |= 1u;
        header->card[i].state = BOARD_POOL_STOPPED;
        assert_int_equal(board_snapshot(b, &s), 0);
        assert_true(s.card_valid);
        assert_int_equal(s.card.state, BOARD_POOL_RUNNING);
        assert_string_equal(s.card.name, "whole");
        board_snapshot_clear(&s);
        board_set_card(b, &(struct board_card){.name = "whole", .state = BOARD_POOL_RUNNING});
    }
    munmap(header, (size_t)st.st_size);
    board_free(b);
}

static void check_terminated(const char *text, size_t size)
{
    assert_true(strnlen(text, size) < size);
}

static void check_sane_card(const struct board_card *c)
{
    check_terminated(c->user, sizeof(c->user));
    assert_true(c->shedding <= 1 && c->leaving <= INT32_MAX);
    assert_true(c->recycled_reload <= INT64_MAX && c->recycled_restart <= INT64_MAX);
    assert_true(c->recycled_idle <= INT64_MAX && c->shed <= INT64_MAX);
    assert_true(c->memory_resident <= INT64_MAX && c->memory_proportional <= INT64_MAX);
    assert_true(c->process_cpu <= INT64_MAX && c->measured < UINT64_C(1) << 53);
    assert_true(c->limits.max_memory <= INT64_MAX && c->limits.queue_timeout <= INT64_MAX);
    assert_true(c->limits.process_idle_timeout <= INT64_MAX);
    assert_true(c->limits.request_terminate_timeout <= INT64_MAX);
    assert_true(c->limits.request_slowlog_timeout <= INT64_MAX);
}

/* Everything a consumer may rely on, whatever the memory held. */
static void check_sane(const struct board_snapshot *s, uint32_t slots)
{
    assert_true(s->slots <= slots);
    assert_true(s->card.state <= BOARD_POOL_STOPPING);
    check_terminated(s->card.name, sizeof(s->card.name));
    check_terminated(s->card.kind, sizeof(s->card.kind));
    check_terminated(s->card.pm, sizeof(s->card.pm));
    check_terminated(s->card.listen, sizeof(s->card.listen));
    check_terminated(s->card.reason, sizeof(s->card.reason));
    assert_true(s->card.spawned <= INT64_MAX && s->card.start_time < UINT64_C(1) << 53);
    assert_true(s->requests <= INT64_MAX && s->bytes_out <= INT64_MAX && s->cpu <= INT64_MAX);
    assert_true(s->idle <= slots && s->busy <= slots);
    assert_true(s->bytes_in <= INT64_MAX);
    for (size_t i = 0; i < BOARD_TIMES * BOARD_BUCKETS; i++)
        assert_true(s->buckets[i / BOARD_BUCKETS][i % BOARD_BUCKETS] <= INT64_MAX);
    for (size_t i = 0; i < BOARD_TIMES; i++)
        assert_true(s->times[i] <= INT64_MAX);
    check_sane_card(&s->card);
    for (uint32_t i = 0; i < s->slots; i++) {
        const struct board_slot_view *view = &s->views[i];

        assert_true(view->index < slots && (i == 0 || view->index > s->views[i - 1].index));
        assert_true(view->generation != 0 && view->pid >= 0);
        assert_true(view->state >= BOARD_WORKER_STARTING && view->state <= BOARD_WORKER_SHEDDING);
        assert_true(view->requests <= BOARD_COUNT_MAX && view->cpu <= BOARD_AMOUNT_MAX);
        assert_true(view->resident <= BOARD_AMOUNT_MAX && view->proportional <= BOARD_AMOUNT_MAX);
        assert_true(view->request.queue <= BOARD_AMOUNT_MAX || view->request.queue == UINT64_MAX);
        assert_true(view->request.first <= BOARD_AMOUNT_MAX || view->request.first == UINT64_MAX);
        assert_true(view->request.finished <= INT64_MAX);
        assert_true(view->request.bytes_in <= BOARD_AMOUNT_MAX);
        assert_true(view->request.bytes_out <= BOARD_AMOUNT_MAX);
        assert_true(view->request.running <= 1 && view->request.status <= 999);
        assert_true(view->request.program >= 0 && view->request.duration <= BOARD_AMOUNT_MAX);
        check_terminated(view->request.method, BOARD_METHOD);
        check_terminated(view->request.uri, BOARD_URI);
        check_terminated(view->request.script, BOARD_SCRIPT);
        check_terminated(view->request.user, BOARD_USER);
    }
}

static void test_constant_rubbish(void **unused)
{
    struct board *b = made(3);
    struct stat st;
    uint8_t *memory;

    (void)unused;
    assert_int_equal(fstat(board_fd(b), &st), 0);
    memory = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, board_fd(b), 0);
    assert_ptr_not_equal(memory, MAP_FAILED);
    for (int c = 0; c < 256; c++) { /* odd values: sequence counters that are never even */
        struct board_snapshot s;

        memset(memory, c, (size_t)st.st_size);
        assert_int_equal(board_snapshot(b, &s), 0);
        check_sane(&s, 3);
        assert_int_equal(s.slots, c == 0 ? 0 : 3);
        assert_int_equal(s.card_valid, c % 2 == 0);
        if (c != 0)
            assert_int_equal(s.views[0].request_valid, c % 2 == 0);
        board_snapshot_clear(&s);
    }
    /* the writers put order back */
    board_set_card(b, &(struct board_card){.name = "back"});
    board_slot_assign(b, 1, 1, 1);
    {
        struct board_snapshot s;

        assert_int_equal(board_snapshot(b, &s), 0);
        assert_true(s.card_valid);
        assert_string_equal(s.card.name, "back");
        assert_true(s.views[1].request_valid);
        board_snapshot_clear(&s);
    }
    munmap(memory, (size_t)st.st_size);
    board_free(b);
}

/* Row C11: a worker scribbles random bytes over the whole board while the master works on it. */
static void scribble(int fd, size_t size)
{
    uint64_t *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    uint64_t x = 88172645463325252u;

    if (memory == MAP_FAILED)
        _exit(1);
    for (uint64_t round = 0;; round++) {
        for (size_t i = 0; i < size / sizeof(*memory); i++) {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            /* Empty in turn: slots come and go between the reader's count and its copy. */
            __atomic_store_n(&memory[i], round % 2 == 0 ? x : 0, __ATOMIC_RELAXED);
        }
        if (round % 64 == 0) { /* and tries to pull the memory from under the reader */
            if (ftruncate(fd, 0) == 0 || ftruncate(fd, 1 << 30) == 0)
                _exit(1);
            (void)fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, (off_t)size);
        }
    }
}

static void test_C11_hostile_scribbler(void **unused)
{
    struct board *b = made(20);
    struct stat st;
    int alive = 0;
    int status = 0;
    pid_t pid;

    (void)unused;
    assert_int_equal(fstat(board_fd(b), &st), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        scribble(board_fd(b), (size_t)st.st_size);
    for (uint32_t i = 0; i < 3000; i++) {
        struct board_snapshot s;

        assert_int_equal(board_snapshot(b, &s), 0);
        check_sane(&s, 20);
        alive += s.slots > 0;
        board_snapshot_clear(&s);
        board_slot_assign(b, i % 20, i, 1);
        board_set_card(b, &(struct board_card){.state = 1});
        assert_true(board_count_idle(b) <= 20);
        assert_int_equal(board_slots(b), 20);
    }
    assert_int_equal(waitpid(pid, &status, WNOHANG), 0); /* it was scribbling all the time */
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(alive > 0);
    board_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty_board),
        cmocka_unit_test(test_what_is_published_is_read),
        cmocka_unit_test(test_long_and_missing_strings),
        cmocka_unit_test(test_totals_outlive_workers),
        cmocka_unit_test(test_the_next_occupant_inherits_nothing),
        cmocka_unit_test(test_counters_never_fold_backwards),
        cmocka_unit_test(test_a_master_that_stands_still_in_the_middle_of_a_card),
        cmocka_unit_test(test_constant_rubbish),
        cmocka_unit_test(test_C11_hostile_scribbler),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
