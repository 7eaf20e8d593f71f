/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a status page: no crash; every text is fit for a terminal; and what a JSON library takes
 * for JSON is no fault here.
 */
#include <jansson.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "base/text.h"
#include "report/scan.h"
#include "report/summary.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const char *text)
{
    size_t left = strlen(text);
    while (left > 0) {
        size_t length = text_printable(text, left);
        if (length == 0)
            abort();
        text += length;
        left -= length;
    }
}

static void check_pool(const struct summary_pool *p)
{
    const char *const texts[] = {p->name, p->kind, p->pm, p->state, p->reason, p->listen, p->user};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        check_text(texts[i]);
    for (size_t i = 0; i < p->worker_count; i++) {
        check_text(p->workers[i].state);
        check_text(p->workers[i].method);
        check_text(p->workers[i].uri);
        check_text(p->workers[i].script);
    }
}

/* Nesting has a limit here that others do not have; and the library steps over some NUL bytes. */
static bool is_plain(const uint8_t *data, size_t size)
{
    unsigned brackets = 0;
    for (size_t i = 0; i < size; i++)
        brackets += data[i] == '[' || data[i] == '{';
    return memchr(data, '\0', size) == NULL && brackets <= SCAN_DEPTH_MAX;
}

static void check_verdict(const uint8_t *data, size_t size)
{
    struct scan s;
    scan_init(&s, data, size);
    scan_skip(&s);
    bool ours = scan_end(&s) == 0;
    json_t *root = json_loadb((const char *)data, size, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    if (root != NULL && !ours && is_plain(data, size))
        abort();
    json_decref(root);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct summary s;
    struct error err = ERROR_NONE;
    int rc = summary_parse(&s, data, size, &err);
    if ((rc < 0) != (err.text[0] != '\0'))
        abort();
    if (rc == 0) {
        check_text(s.version);
        for (size_t i = 0; i < s.count; i++)
            check_pool(&s.pools[i]);
        summary_clear(&s);
    }
    check_verdict(data, size);
    return 0;
}
