/* SPDX-License-Identifier: Apache-2.0 */
/* The words of a status request.  The input is a stranger's: nothing here can fail or overrun. */

#include <string.h>
#include "report/report.h"

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* A name that is too long or holds a NUL is none that a pool could have: "" then. */
static void decode_name(char out[BOARD_NAME], const char *text, size_t length)
{
    size_t used = 0;
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        if (c == '+') {
            c = ' ';
        } else if (c == '%' && i + 2 < length) {
            int high = hex_digit(text[i + 1]);
            int low = hex_digit(text[i + 2]);
            if (high >= 0 && low >= 0) {
                c = (char)(high * 16 + low);
                i += 2;
            }
        }
        if (c == '\0' || used == BOARD_NAME - 1) {
            out[0] = '\0';
            return;
        }
        out[used++] = c;
    }
    out[used] = '\0';
}

static bool read_count(uint64_t *ret, const char *text, size_t length)
{
    uint64_t value = 0;
    if (length == 0 || length > 9)
        return false;
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        value = value * 10 + (uint64_t)(text[i] - '0');
    }
    *ret = value;
    return true;
}

static bool word_is(const char *word, size_t length, const char *want)
{
    return length == strlen(want) && memcmp(word, want, length) == 0;
}

static void choose(struct report_query *q, const char *word, size_t length)
{
    static const struct {
        const char *word;
        enum report_format format;
    } formats[] = {
        {"json", REPORT_JSON},
        {"html", REPORT_HTML},
        {"openmetrics", REPORT_OPENMETRICS},
        {"prometheus", REPORT_PROMETHEUS},
        {"text", REPORT_TEXT},
        {"xml", REPORT_UNSUPPORTED},
    };
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        if (word_is(word, length, formats[i].word)) {
            q->format = formats[i].format;
            q->chosen = true;
        }
    }
}

void report_query_parse(struct report_query *ret, const char *query)
{
    memset(ret, 0, sizeof *ret);
    while (query != NULL && *query != '\0') {
        size_t length = strcspn(query, "&");
        size_t name = strcspn(query, "&=");
        const char *value = query + name + (name < length);
        size_t value_length = length - (size_t)(value - query);

        choose(ret, query, name);
        if (word_is(query, name, "full"))
            ret->full = true;
        else if (word_is(query, name, "pool")) {
            ret->has_pool = true;
            decode_name(ret->pool, value, value_length);
        } else if (word_is(query, name, "queue")) {
            ret->has_queue = read_count(&ret->queue, value, value_length);
        } else if (word_is(query, name, "idle")) {
            ret->has_idle = read_count(&ret->idle, value, value_length);
        }
        query += length + (query[length] == '&');
    }
}
