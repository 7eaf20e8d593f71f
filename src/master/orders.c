/* SPDX-License-Identifier: Apache-2.0 */
/* Orders as text. */
#include "master/orders.h"

#include <errno.h>
#include <string.h>
#include "base/number.h"
#include "base/text.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define WORDS_MAX 4u /* "scale POOL NUMBER wait" */

static const struct kind {
    const char *name;
    bool pool, number, wait; /* what follows */
} kinds[] = {
    [ORDER_PING] = {.name = "ping"},
    [ORDER_TEST] = {.name = "test"},
    [ORDER_RELOAD] = {.name = "reload", .wait = true},
    [ORDER_RESTART] = {.name = "restart", .pool = true, .wait = true},
    [ORDER_STOP] = {.name = "stop", .pool = true, .wait = true},
    [ORDER_START] = {.name = "start", .pool = true, .wait = true},
    [ORDER_SCALE] = {.name = "scale", .pool = true, .number = true, .wait = true},
    [ORDER_REOPEN] = {.name = "reopen"},
    [ORDER_UPGRADE] = {.name = "upgrade", .wait = true},
    [ORDER_QUIT] = {.name = "quit", .wait = true},
};

const char *orders_name(enum order_word word)
{
    return kinds[word].name;
}

struct word {
    const char *text; /* not terminated */
    size_t length;
};

static bool same(const struct word *w, const char *text)
{
    return w->length == strlen(text) && memcmp(w->text, text, w->length) == 0;
}

static int refuse(const struct word *w, const char *what, struct error *err)
{
    char shown[80];

    return error_set(err, EINVAL, "\"%s\" %s",
                     text_escape_fixed(shown, sizeof(shown), w->text, w->length), what);
}

/* Into at most WORDS_MAX words and one more; how many. */
static size_t split(struct word words[WORDS_MAX + 1], const char *line, size_t length)
{
    size_t count = 0;

    for (size_t i = 0; i < length && count <= WORDS_MAX;) {
        size_t end = i;

        while (end < length && line[end] != ' ')
            end++;
        if (end > i)
            words[count++] = (struct word){line + i, end - i};
        i = end + 1;
    }
    return count;
}

/* The characters of conf's rule for names of pools. */
static int take_pool(char ret[ORDERS_POOL_MAX + 1], const struct word *w, struct error *err)
{
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";

    if (w->length > ORDERS_POOL_MAX)
        return refuse(w, "is too long for the name of a pool", err);
    for (size_t i = 0; i < w->length; i++) {
        if (w->text[i] == '\0' || strchr(allowed, w->text[i]) == NULL)
            return refuse(w, "is no name of a pool", err);
    }
    memcpy(ret, w->text, w->length);
    ret[w->length] = '\0';
    return 0;
}

static int find_kind(enum order_word *ret, const struct word *w, struct error *err)
{
    for (size_t i = 0; i < COUNT(kinds); i++) {
        if (same(w, kinds[i].name)) {
            *ret = (enum order_word)i;
            return 0;
        }
    }
    return refuse(w,
                  "is no order; there are ping, test, reload, restart, stop, start, scale, reopen, "
                  "upgrade and quit",
                  err);
}

int orders_parse(struct order *ret, const void *line, size_t length, struct error *err)
{
    struct word words[WORDS_MAX + 1];
    size_t count = length < ORDERS_LINE_MAX ? split(words, line, length) : 0;
    size_t next = 1;
    uint64_t number = 0;

    *ret = (struct order){0};
    if (length >= ORDERS_LINE_MAX)
        return error_set(err, EINVAL, "the line is too long (%u bytes at most)", ORDERS_LINE_MAX);
    if (count == 0)
        return error_set(err, EINVAL, "the line is empty");
    int r = find_kind(&ret->word, &words[0], err);
    if (r < 0)
        return r;
    const struct kind *kind = &kinds[ret->word];
    if (kind->pool) {
        if (next == count)
            return error_set(err, EINVAL, "%s takes the name of a pool", kind->name);
        r = take_pool(ret->pool, &words[next++], err);
        if (r < 0)
            return r;
    }
    if (kind->number) {
        if (next == count ||
            number_parse_bytes(words[next].text, words[next].length, ORDERS_SCALE_MAX, &number) !=
                0 ||
            number == 0)
            return error_set(err, EINVAL, "%s takes a number from 1 to %u behind the pool",
                             kind->name, ORDERS_SCALE_MAX);
        ret->number = (uint32_t)number;
        next++;
    }
    if (kind->wait && next < count && same(&words[next], "wait")) {
        ret->wait = true;
        next++;
    }
    return next == count ? 0 : refuse(&words[next], "is one word too many", err);
}
