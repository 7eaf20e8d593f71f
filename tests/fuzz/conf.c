/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any text as a configuration: no crash, no hang; mistakes have complaints; and what loads reads
 * back equal from its dump, twice over.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "base/bytes.h"
#include "conf/conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__lsan_default_suppressions(void); /* NOLINT(bugprone-reserved-identifier) */

/* libconfuse loses a few bytes when a call has a syntax error; the callers find what they can of
 * those before it sees them, but a name may be spelt with escapes. */
const char *__lsan_default_suppressions(void) /* NOLINT(bugprone-reserved-identifier) */
{
    return "leak:libconfuse\n";
}

static void check(const struct conf *c)
{
    struct conf_complaints complaints = {0};
    struct conf *again = NULL;
    struct bytes dump;
    bytes_init(&dump, 64u << 20);
    if (conf_dump(c, &dump) != 0 ||
        conf_load_text(&again, "dump", bytes_string(&dump), &complaints) != 0 ||
        !conf_equal(c, again))
        abort();
    for (size_t i = 0; i < c->pool_count; i++) {
        if (conf_pool_compare(&c->pools[i], &again->pools[i]) != CONF_KEEP)
            abort();
    }
    conf_complaints_clear(&complaints);
    conf_free(again);
    bytes_clear(&dump);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct conf_complaints complaints = {0};
    struct conf *c = NULL;
    char *text = malloc(size + 1);
    if (text == NULL)
        abort();
    memcpy(text, data, size);
    text[size] = '\0';
    int r = conf_load_text(&c, "text", text, &complaints);
    if (r != 0 && r != CONF_INVALID)
        abort();
    bool error = false;
    for (size_t i = 0; i < complaints.count; i++)
        error = error || !complaints.items[i].warning;
    if (error != (r == CONF_INVALID) || (c != NULL) != (r == 0))
        abort();
    if (c != NULL)
        check(c);
    conf_free(c);
    conf_complaints_clear(&complaints);
    free(text);
    return 0;
}
