/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Every state of a connection × every record type × request id 0, active, inactive × content of 0,
 * 1, 8 and 65535 bytes.  What must happen is written down here a second time, from the
 * specification and the catalogue, not from the code.
 */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include "wire_stream.h"

static const struct state_row {
    const char *name;
    const char *stream; /* brings id 1 there; id 2 is never active */
    bool active;
} states[] = {
    {"idle", "", false},
    {"params", "B1 P1:A=b", true},
    {"body", "B1 P1:A=b P1. S1:x", true},
    {"over", "B1 P1:A=b P1. S1:x S1.", true},
    {"drain", "B1 P1:A=b P1. S1:x E1", true},
    {"ended", "B1 P1:A=b P1. S1:x S1. E1", false},
};

enum { PARAMS = 1, BODY = 2, OVER = 3, DRAIN = 4 }; /* indexes above */

/* What the record must bring: an event's name, "" for nothing, "error". */
static const char *want_management(unsigned type, unsigned length)
{
    if (type == FCGI_GET_VALUES)
        return length == 0 ? "values" : "error"; /* 'x'… is no pair, 65535 is too long */
    if (type == FCGI_GET_VALUES_RESULT || type == FCGI_UNKNOWN_TYPE)
        return "";
    return type >= 1 && type <= 8 ? "error" : "unknown";
}

static const char *want_active(unsigned state, unsigned type, unsigned length)
{
    switch (type) {
    case FCGI_BEGIN_REQUEST:
    case FCGI_END_REQUEST:
    case FCGI_STDOUT:
    case FCGI_STDERR:
    case FCGI_GET_VALUES:
    case FCGI_GET_VALUES_RESULT:
    case FCGI_UNKNOWN_TYPE:
        return "error";
    case FCGI_ABORT_REQUEST:
        return state == PARAMS ? "refused" : state == DRAIN ? "" : "abort";
    case FCGI_PARAMS:
        if (state != PARAMS)
            return "error";
        return length == 0 ? "request" : "";
    case FCGI_STDIN:
        if (state == PARAMS || (state == OVER && length > 0))
            return "error";
        if (state == BODY)
            return length == 0 ? "over" : "body";
        return state == DRAIN && length == 0 ? "drained" : "";
    default:
        return "";
    }
}

static const char *want_inactive(unsigned type, unsigned length)
{
    if (type == FCGI_BEGIN_REQUEST)
        return length == 8 ? "refused" : "error"; /* 8 × 'x' is no known role */
    if (type == FCGI_END_REQUEST || type == FCGI_STDOUT || type == FCGI_STDERR)
        return "error";
    return "";
}

static void one(unsigned state, unsigned type, unsigned id, unsigned length)
{
    struct heard before, after;
    struct stream s;
    struct error err = ERROR_NONE;
    const char *want;

    if (id == 0)
        want = want_management(type, length);
    else if (id == 1 && states[state].active)
        want = want_active(state, type, length);
    else
        want = want_inactive(type, length);
    stream_build(&s, states[state].stream, 3);
    heard_run(&before, &s, NULL, 0, 0, &err);
    /* the record itself, and one that must be answered when the connection is still good */
    char *all = NULL;

    assert_true(asprintf(&all, "%s T%u,%u*%u T99,0.", states[state].stream, type, id, length) > 0);
    stream_clear(&s);
    if (type == FCGI_PARAMS || type == FCGI_GET_VALUES) {
        /* raw content, not pairs */
        free(all);
        assert_true(asprintf(&all, "%s h%u,%u,%u !*%u T99,0.", states[state].stream, type, id,
                             length, length) > 0);
    }
    stream_build(&s, all, 3);
    heard_run(&after, &s, NULL, 0, 0, &err);
    const char *old = bytes_string(&before.text);
    size_t common = strlen(old);

    if (common >= 5 && strcmp(old + common - 5, " idle") == 0)
        common -= 5;
    const char *got = bytes_string(&after.text) + common;
    const char *then = strchr(*got == '\0' ? got : got + 1, ' '); /* behind the first word */
    bool good;

    if (strcmp(want, "error") == 0)
        good = strcmp(got, " error") == 0;
    else if (*want == '\0')
        good = strncmp(got, " unknown99", 10) == 0;
    else
        good = strncmp(got + 1, want, strlen(want)) == 0 && then != NULL &&
               strncmp(then, " unknown99", 10) == 0;
    if (state == BODY && strcmp(want, "body") == 0) /* goes on behind the body so far */
        good = *got == 'x' && then != NULL && strncmp(then, " unknown99", 10) == 0;
    if (!good) {
        print_error("%s: type %u id %u length %u: want \"%s\", got \"%s\"\n", states[state].name,
                    type, id, length, want, got);
        fail();
    }
    free(all);
    stream_clear(&s);
    bytes_clear(&before.text);
    bytes_clear(&after.text);
}

static void test_matrix(void **state)
{
    static const unsigned lengths[] = {0, 1, 8, 65535};
    unsigned which = *(unsigned *)*state;

    for (unsigned type = 0; type < 256; type++) {
        for (unsigned id = 0; id <= 2; id++) {
            for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
                /* between the types, long contents tell nothing new */
                if (lengths[i] > 8 && type > 16 && type % 16 != 0)
                    continue;
                one(which, type, id, lengths[i]);
            }
        }
    }
}

int main(void)
{
    enum { COUNT = sizeof states / sizeof states[0] };
    static unsigned numbers[COUNT];
    static struct CMUnitTest tests[COUNT];

    for (unsigned i = 0; i < COUNT; i++) {
        numbers[i] = i;
        tests[i] = (struct CMUnitTest){
            .name = states[i].name, .test_func = test_matrix, .initial_state = &numbers[i]};
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
