/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What an image of the master leaves to the next one, as bytes from anywhere.
 *
 * Oracles: what is refused says why, and leaves nothing; what is read can be written, and what is
 * read from that and written again is the same, byte by byte.
 */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "master/upgrade_state.h"

#define ORACLE(condition)                                                                          \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                        \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__lsan_default_suppressions(void); /* NOLINT(bugprone-reserved-identifier) */

/* As for tests/fuzz/conf.c. */
const char *__lsan_default_suppressions(void) /* NOLINT(bugprone-reserved-identifier) */
{
    return "leak:libconfuse\n";
}

static void write_gang(struct state *to, const struct frozen_gang *g)
{
    ORACLE(frozen_put_gang(to, g) == 0);
    for (size_t i = 0; i < g->worker_count; i++)
        ORACLE(frozen_put_worker(to, &g->workers[i]) == 0);
    for (size_t i = 0; i < g->leftover_count; i++)
        ORACLE(frozen_put_leftover(to, &g->leftovers[i]) == 0);
}

static void write_all(struct state *to, const struct upgrade_state *s)
{
    struct error err = ERROR_NONE;

    ORACLE(state_begin(to, UPGRADE_VERSION) == 0);
    ORACLE(upgrade_state_put_facts(to, &s->facts) == 0);
    for (size_t i = 0; i < s->waiter_count; i++)
        ORACLE(upgrade_state_put_waiter(to, s->waiters[i]) == 0);
    for (size_t i = 0; i < s->handed_count; i++)
        ORACLE(upgrade_state_put_handed(to, &s->handed[i]) == 0);
    for (size_t i = 0; i < s->conf_count; i++)
        ORACLE(upgrade_state_put_conf(to, s->confs[i], &err) == 0);
    for (size_t i = 0; i < s->gang_count; i++)
        write_gang(to, &s->gangs[i]);
    ORACLE(state_finish(to) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct upgrade_state s;
    struct state first, second;
    struct frozen_fds fds = {0};
    struct error err = ERROR_NONE;

    if (upgrade_state_read(&s, data, size, &err) < 0) {
        ORACLE(err.text[0] != '\0');
        ORACLE(s.confs == NULL && s.gangs == NULL && s.handed == NULL);
        return 0;
    }
    for (size_t i = 0; i < s.gang_count; i++)
        ORACLE(frozen_list(&s.gangs[i], &fds) == 0);
    for (size_t i = 0; i < fds.count; i++)
        ORACLE(fds.items[i] >= 3);
    frozen_fds_clear(&fds);
    write_all(&first, &s);
    upgrade_state_clear(&s);
    ORACLE(upgrade_state_read(&s, bytes_front(&first.block), bytes_held(&first.block), &err) == 0);
    write_all(&second, &s);
    upgrade_state_clear(&s);
    ORACLE(bytes_held(&first.block) == bytes_held(&second.block));
    ORACLE(memcmp(bytes_front(&first.block), bytes_front(&second.block),
                  bytes_held(&first.block)) == 0);
    state_clear(&first);
    state_clear(&second);
    return 0;
}
