/* SPDX-License-Identifier: Apache-2.0 */
/* What a new configuration means for a pool, as a table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include "pool/change.h"

/* Four configurations of one pool: A; T, which only tunes A; R, which replaces both; and B = R but
 * for its size. */
enum which { NONE, A, T, R, B, WHICH };
static struct conf *confs[WHICH];

static const struct conf_pool *pool(enum which w)
{
    return w == NONE ? NULL : &confs[w]->pools[0];
}

static const struct row {
    const char *what;
    enum which next, current, coming;
    bool broken, stopped;
    struct change_answer want;
} rows[] = {
    {"no such pool", NONE, NONE, NONE, false, false, {CHANGE_NOTHING, false, false}},
    {"new", A, NONE, NONE, false, false, {CHANGE_ADD, false, false}},
    {"gone", NONE, A, NONE, false, false, {CHANGE_DROP, false, false}},
    {"gone while it changes", NONE, A, R, false, false, {CHANGE_DROP, false, true}},
    {"equal", A, A, NONE, false, false, {CHANGE_KEEP, false, false}},
    {"sizes", T, A, NONE, false, false, {CHANGE_TUNE, false, false}},
    {"another program", R, A, NONE, false, false, {CHANGE_REPLACE, false, false}},
    {"the same again while it changes", R, A, R, false, false, {CHANGE_KEEP, true, false}},
    {"another size while it changes", B, A, R, false, false, {CHANGE_TUNE, true, false}},
    {"taken back", A, A, R, false, false, {CHANGE_KEEP, false, true}},
    {"taken back but for sizes", T, A, R, false, false, {CHANGE_TUNE, false, true}},
    {"a third", R, R, A, false, false, {CHANGE_KEEP, false, true}},
    {"another than both", R, T, A, false, false, {CHANGE_REPLACE, false, true}},
    {"could not run, equal", A, A, NONE, true, false, {CHANGE_REPLACE, false, false}},
    {"could not run, sizes", T, A, NONE, true, false, {CHANGE_REPLACE, false, false}},
    {"could not run, is being tried", R, A, R, true, false, {CHANGE_KEEP, true, false}},
    {"stopped, equal", A, A, NONE, false, true, {CHANGE_NOTE, false, false}},
    {"stopped, another", R, A, NONE, false, true, {CHANGE_NOTE, false, false}},
    {"stopped, while it changed", R, A, T, false, true, {CHANGE_NOTE, false, true}},
    {"stopped, gone", NONE, A, NONE, false, true, {CHANGE_DROP, false, false}},
    {"only on its way", R, NONE, A, false, false, {CHANGE_ADD, false, true}},
};

static void test_rows(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct row *r = &rows[i];
        const struct change_input in = {.next = pool(r->next),
                                        .current = pool(r->current),
                                        .coming = pool(r->coming),
                                        .broken = r->broken,
                                        .stopped = r->stopped};
        struct change_answer got = change_decide(&in);

        if (got.action != r->want.action || got.on_coming != r->want.on_coming ||
            got.end_coming != r->want.end_coming)
            fail_msg("%s: %d %d %d, wanted %d %d %d", r->what, (int)got.action, got.on_coming,
                     got.end_coming, (int)r->want.action, r->want.on_coming, r->want.end_coming);
    }
}

static int load(void **unused)
{
    static const char *const texts[WHICH] = {
        [A] = "user = \"a\"\n pm.max_children = 1",
        [T] = "user = \"a\"\n pm.max_children = 2\n request_terminate_timeout = 3s",
        [R] = "user = \"b\"\n pm.max_children = 1",
        [B] = "user = \"b\"\n pm.max_children = 9",
    };
    char text[512];

    (void)unused;
    for (enum which w = A; w < WHICH; w++) {
        struct conf_complaints complaints = {0};

        (void)snprintf(text, sizeof(text),
                       "runtime_directory = \"/r\"\npool p {\n listen = \"/s\"\n script_root = "
                       "{\"/\"}\n %s\n}\n",
                       texts[w]);
        if (conf_load_text(&confs[w], "t.conf", text, &complaints) != 0)
            return -1;
        conf_complaints_clear(&complaints);
    }
    return 0;
}

static int unload(void **unused)
{
    (void)unused;
    for (enum which w = A; w < WHICH; w++)
        confs[w] = conf_free(confs[w]);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
    };

    return cmocka_run_group_tests(tests, load, unload);
}
