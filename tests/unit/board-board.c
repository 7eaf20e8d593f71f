/* SPDX-License-Identifier: Apache-2.0 */
/* The memory of a board: sealed, verified by whoever maps it, and the roles of its users. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "board/board.h"

static struct board *made(uint32_t slots)
{
    struct board *b = NULL;
    struct error err = ERROR_NONE;

    if (board_create(&b, "git", slots, &err) < 0)
        fail_msg("%s", err.text);
    return b;
}

static void test_create(void **unused)
{
    static const uint32_t bad[] = {0, BOARD_SLOTS_MAX + 1, UINT32_MAX};
    static const uint32_t good[] = {1, 2, 20, 1000, BOARD_SLOTS_MAX};
    struct error err = ERROR_NONE;
    struct board *b = NULL;

    (void)unused;
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(board_create(&b, "git", bad[i], &err), -EINVAL);
    for (size_t i = 0; i < 5; i++) {
        b = made(good[i]);
        assert_int_equal(board_slots(b), good[i]);
        assert_true(board_fd(b) >= 3);
        assert_int_equal(fcntl(board_fd(b), F_GETFD), FD_CLOEXEC);
        assert_int_equal(board_count_idle(b), 0);
        assert_null(board_own_slot(b));
        b = board_free(b);
        assert_null(b);
    }
    assert_null(board_free(NULL));
}

static void test_the_size_is_sealed(void **unused)
{
    struct board *b = made(3);
    struct stat st;
    int seals = fcntl(board_fd(b), F_GET_SEALS);

    (void)unused;
    assert_int_equal(seals & (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL),
                     F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
    assert_int_equal(fstat(board_fd(b), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_true(ftruncate(board_fd(b), 0) < 0);
    assert_int_equal(errno, EPERM);
    assert_true(ftruncate(board_fd(b), st.st_size - 1) < 0);
    assert_true(ftruncate(board_fd(b), st.st_size * 2) < 0);
    assert_true(fcntl(board_fd(b), F_ADD_SEALS, F_SEAL_WRITE) < 0);
    assert_int_equal(errno, EPERM);
    board_free(b);
}

static void test_read_only(void **unused)
{
    struct board *b = made(3);
    struct board *reader = NULL;
    struct board *worker = NULL;
    struct error err = ERROR_NONE;
    int fd = board_reopen_readonly(b, &err);

    (void)unused;
    assert_true(fd >= 0);
    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
    assert_int_equal(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
    assert_true(write(fd, "x", 1) < 0);
    assert_ptr_equal(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
    assert_true(board_attach(&worker, fd, 0, &err) < 0);
    assert_int_equal(board_attach_readonly(&reader, fd, &err), 0);
    close(fd);
    assert_int_equal(board_slots(reader), 3);
    /* a reader that calls the writing functions writes nothing, and does not fault */
    board_set_spare_wanted(reader, 1);
    board_set_card(reader, &(struct board_card){.state = 1});
    board_slot_assign(reader, 0, 1, 1);
    board_slot_release(reader, 0);
    board_slot_set_drain(reader, 0);
    board_slot_set_hold_at(reader, 0, 1);
    board_slot_set_pid(reader, 0, 1);
    board_worker_state(reader, BOARD_WORKER_IDLE, 0);
    board_observe(reader, BOARD_TIME_SERVICE, 1);
    board_slot_set_memory(reader, 0, 1, 1);
    board_request_begin(reader, 1, "GET", "/", "", "", 0, 0);
    board_request_end(reader, 1, &(struct board_result){.status = 200});
    assert_false(board_drain_wanted(reader));
    assert_false(board_hold_wanted(reader));
    board_free(reader);
    board_free(b);
}

/* A memfd of `size` bytes, sealed with `seals`, that begins with the header of a real board. */
static int forged(size_t size, unsigned seals, const struct board_header *header)
{
    int fd = memfd_create("forged", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, (off_t)size), 0);
    if (size >= sizeof(*header))
        assert_int_equal(pwrite(fd, header, sizeof(*header), 0), sizeof(*header));
    assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
    return fd;
}

static void test_attach_verifies(void **unused)
{
    enum { ALL = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL };
    const size_t two = BOARD_SLOTS_OFFSET + 2 * sizeof(struct board_slot);
    const size_t most = BOARD_SLOTS_OFFSET + (size_t)BOARD_SLOTS_MAX * sizeof(struct board_slot);
    const struct {
        size_t size;
        unsigned seals;
        uint32_t magic, version, slots, slot_size;
        int good;
    } rows[] = {
        {two, ALL, BOARD_MAGIC, BOARD_VERSION, 2, sizeof(struct board_slot), 1},
        {two, F_SEAL_SHRINK | F_SEAL_GROW, BOARD_MAGIC, BOARD_VERSION, 2, sizeof(struct board_slot),
         0},
        {two, F_SEAL_SEAL, BOARD_MAGIC, BOARD_VERSION, 2, sizeof(struct board_slot), 0},
        {two, 0, BOARD_MAGIC, BOARD_VERSION, 2, sizeof(struct board_slot), 0},
        {two, ALL, 0, BOARD_VERSION, 2, sizeof(struct board_slot), 0},
        {two, ALL, BOARD_MAGIC, BOARD_VERSION + 1, 2, sizeof(struct board_slot), 0},
        {two, ALL, BOARD_MAGIC, BOARD_VERSION, 3, sizeof(struct board_slot), 0},
        {two, ALL, BOARD_MAGIC, BOARD_VERSION, 0, sizeof(struct board_slot), 0},
        {two, ALL, BOARD_MAGIC, BOARD_VERSION, UINT32_MAX, sizeof(struct board_slot), 0},
        {two, ALL, BOARD_MAGIC, BOARD_VERSION, 2, 1, 0},
        {two + 1, ALL, BOARD_MAGIC, BOARD_VERSION, 2, sizeof(struct board_slot), 0},
        {two - 1, ALL, BOARD_MAGIC, BOARD_VERSION, 2, sizeof(struct board_slot), 0},
        {BOARD_SLOTS_OFFSET, ALL, BOARD_MAGIC, BOARD_VERSION, 0, sizeof(struct board_slot), 0},
        {0, ALL, BOARD_MAGIC, BOARD_VERSION, 0, sizeof(struct board_slot), 0},
        {100, ALL, BOARD_MAGIC, BOARD_VERSION, 1, sizeof(struct board_slot), 0},
        {most, ALL, BOARD_MAGIC, BOARD_VERSION, BOARD_SLOTS_MAX, sizeof(struct board_slot), 1},
        {most + sizeof(struct board_slot), ALL, BOARD_MAGIC, BOARD_VERSION, BOARD_SLOTS_MAX + 1,
         sizeof(struct board_slot), 0},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        static struct board_header header;
        struct board *b = NULL;
        struct error err = ERROR_NONE;
        int fd;

        header.magic = rows[i].magic;
        header.version = rows[i].version;
        header.slots = rows[i].slots;
        header.slot_size = rows[i].slot_size;
        fd = forged(rows[i].size, rows[i].seals, &header);
        if ((board_attach(&b, fd, 0, &err) == 0) != rows[i].good)
            fail_msg("row %zu: %s", i, err.text);
        assert_int_equal(b != NULL, rows[i].good);
        b = board_free(b);
        assert_int_equal(board_attach_readonly(&b, fd, &err) == 0, rows[i].good);
        board_free(b);
        assert_true(fcntl(fd, F_GETFD) >= 0); /* the descriptor stayed ours */
        close(fd);
    }
}

static void test_attach_refuses_other_things(void **unused)
{
    struct board *b = NULL;
    struct error err = ERROR_NONE;
    int fds[2];
    int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

    (void)unused;
    assert_true(board_attach(&b, fd, 0, &err) < 0);
    close(fd);
    fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    assert_true(board_attach_readonly(&b, fd, &err) < 0);
    close(fd);
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    assert_true(board_attach(&b, fds[1], 0, &err) < 0);
    close(fds[0]);
    close(fds[1]);
    assert_int_equal(board_attach(&b, -1, 0, &err), -EBADF);
    assert_null(b);
}

static void test_worker(void **unused)
{
    struct board *b = made(2);
    struct board *w = NULL;
    struct error err = ERROR_NONE;

    (void)unused;
    assert_int_equal(board_attach(&w, board_fd(b), 2, &err), -EINVAL);
    assert_int_equal(board_attach(&w, board_fd(b), UINT32_MAX, &err), -EINVAL);
    board_slot_assign(b, 1, 7, 4711);
    assert_int_equal(board_attach(&w, board_fd(b), 1, &err), 0);
    assert_int_equal(board_own_slot(w)->generation, 7);
    assert_int_equal(board_own_slot(w)->state, BOARD_WORKER_STARTING);
    assert_false(board_drain_wanted(w));
    board_slot_set_drain(b, 0);
    assert_false(board_drain_wanted(w));
    board_slot_set_drain(b, 1);
    assert_true(board_drain_wanted(w));
    board_worker_state(w, BOARD_WORKER_IDLE, 0);
    assert_int_equal(board_count_idle(b), 1);
    board_worker_state(w, BOARD_WORKER_BUSY, 3);
    assert_int_equal(board_count_idle(b), 0);
    assert_int_equal(board_own_slot(w)->active, 3);
    board_slot_set_hold_at(b, 1, 2);
    atomic_store(&board_own_slot(w)->requests, 1);
    assert_false(board_hold_wanted(w));
    atomic_store(&board_own_slot(w)->requests, 2);
    assert_true(board_hold_wanted(w));
    board_slot_set_hold_at(b, 1, 0);
    assert_false(board_hold_wanted(w));
    board_slot_set_hold_at(b, 1, 1);
    board_slot_assign(b, 1, 8, 4712); /* the next occupant is not drained, nor held */
    assert_false(board_drain_wanted(w));
    atomic_store(&board_own_slot(w)->requests, 9);
    assert_false(board_hold_wanted(w));
    board_slot_set_hold_at(b, 2, 1);
    /* a slot that does not exist is nobody's */
    board_slot_assign(b, 2, 1, 1);
    board_slot_set_pid(b, UINT32_MAX, 1);
    board_slot_set_drain(b, 2);
    board_slot_release(b, 2);
    board_free(w);
    board_free(b);
}

static void test_buckets(void **unused)
{
    struct board *b = made(1);
    struct board *w = NULL;

    (void)unused;
    board_slot_assign(b, 0, 1, 1);
    assert_int_equal(board_attach(&w, board_fd(b), 0, NULL), 0);
    for (enum board_time t = 0; t < BOARD_TIMES; t++) {
        for (unsigned i = 0; i < BOARD_BUCKETS; i++) {
            uint64_t bound = board_bucket_bound(i);

            assert_true(i == 0 || bound > board_bucket_bound(i - 1));
            board_observe(w, t, bound); /* a bound belongs to its bucket … */
            assert_int_equal(board_own_slot(w)->buckets[t][i], i == 0 ? 1 : 2);
            if (i + 1 < BOARD_BUCKETS)
                board_observe(w, t, bound + 1); /* … and the next number to the next */
        }
        board_observe(w, t, 0);
        assert_int_equal(board_own_slot(w)->buckets[t][0], 2);
    }
    assert_true(board_bucket_bound(BOARD_BUCKETS - 1) == UINT64_MAX);
    assert_true(board_bucket_bound(99) == UINT64_MAX);
    board_observe(w, BOARD_TIMES, 0); /* there is no such time */
    board_observe(w, (enum board_time)UINT32_MAX, 0);
    board_free(w);
    board_free(b);
}

static void test_sums_of_times(void **unused)
{
    struct board *b = made(1);
    struct board *w = NULL;

    (void)unused;
    board_slot_assign(b, 0, 1, 1);
    assert_int_equal(board_attach(&w, board_fd(b), 0, NULL), 0);
    board_observe(w, BOARD_TIME_QUEUE, 7);
    board_observe(w, BOARD_TIME_QUEUE, 8);
    board_observe(w, BOARD_TIME_FIRST, 9);
    board_observe(w, BOARD_TIME_FIRST, (uint64_t)-5); /* of a clock that went back */
    assert_true(board_own_slot(w)->times[BOARD_TIME_SERVICE] == 0);
    assert_true(board_own_slot(w)->times[BOARD_TIME_QUEUE] == 15);
    assert_true(board_own_slot(w)->times[BOARD_TIME_FIRST] == 9);
    assert_int_equal(board_own_slot(w)->buckets[BOARD_TIME_FIRST][BOARD_BUCKETS - 1], 1);
    board_free(w);
    board_free(b);
}

static void test_doorbell(void **unused)
{
    struct board *b = made(3);
    struct board *w = NULL;
    int fds[2];
    unsigned rings = 0;
    unsigned n;

    (void)unused;
    assert_int_equal(board_doorbell(fds, NULL), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(fcntl(fds[i], F_GETFD), FD_CLOEXEC);
        assert_true((fcntl(fds[i], F_GETFL) & O_NONBLOCK) != 0);
    }
    for (uint32_t i = 0; i < 3; i++)
        board_slot_assign(b, i, 1, 1);
    assert_int_equal(board_attach(&w, board_fd(b), 0, NULL), 0);
    board_ring(w, fds[1]); /* nobody asked for spares */
    assert_int_equal(board_doorbell_drain(fds[0]), 0);
    board_set_spare_wanted(b, 1);
    board_ring(w, fds[1]);
    board_ring(w, fds[1]);
    assert_int_equal(board_doorbell_drain(fds[0]), 2);
    assert_int_equal(board_doorbell_drain(fds[0]), 0);
    board_worker_state(w, BOARD_WORKER_IDLE, 0);
    board_ring(w, fds[1]); /* one is idle, as asked */
    assert_int_equal(board_doorbell_drain(fds[0]), 0);
    board_set_spare_wanted(b, 2);
    errno = E2BIG;
    for (int i = 0; i < 70000; i++) /* more than a pipe holds: never waits */
        board_ring(w, fds[1]);
    assert_int_equal(errno, E2BIG);
    while ((n = board_doorbell_drain(fds[0])) > 0)
        rings += n;
    assert_true(rings >= 4096 && rings <= 70000);
    board_ring(w, -1);
    assert_int_equal(board_doorbell_drain(-1), 0);
    close(fds[1]);
    assert_int_equal(board_doorbell_drain(fds[0]), 0);
    close(fds[0]);
    board_free(w);
    board_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_create),
        cmocka_unit_test(test_the_size_is_sealed),
        cmocka_unit_test(test_read_only),
        cmocka_unit_test(test_attach_verifies),
        cmocka_unit_test(test_attach_refuses_other_things),
        cmocka_unit_test(test_worker),
        cmocka_unit_test(test_buckets),
        cmocka_unit_test(test_sums_of_times),
        cmocka_unit_test(test_doorbell),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
