/* SPDX-License-Identifier: Apache-2.0 */
/* Reading what was frozen: every row within its bounds, and then all of them together. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include "base/number.h"
#include "pool/frozen.h"
#include "pool/frozen_fields.h"

static int take_line(const struct settings *s, struct frozen_line *ret, struct error *err)
{
    uint8_t text[FROZEN_LINE_MAX];
    long length = state_read_bytes(s, "line", text, sizeof(text), err);

    if (length <= 0)
        return (int)length;
    ret->data = malloc((size_t)length);
    if (ret->data == NULL)
        return error_errno(err, ENOMEM, "the state");
    memcpy(ret->data, text, (size_t)length);
    ret->length = (size_t)length;
    return 0;
}

/* A row of exactly `count` numbers of one name. */
static int take_row(const struct settings *s, const char *name, uint64_t most, size_t count,
                    uint64_t *to, struct error *err)
{
    for (size_t i = 0; i < count; i++) {
        const char *text = settings_get_nth(s, name, i);

        if (text == NULL || number_parse(text, most, &to[i]) < 0)
            return error_set(err, EINVAL, "the state lacks a %s that can be", name);
    }
    return 0;
}

/* A number of `text` up to the blank behind it, where *text is then; false when there is none. */
static bool next_number(const char **text, uint64_t most, uint64_t *ret)
{
    const char *blank = strchr(*text, ' ');

    if (blank == NULL || number_parse_bytes(*text, (size_t)(blank - *text), most, ret) < 0)
        return false;
    *text = blank + 1;
    return true;
}

/* One row of exactly so many numbers. */
static int take_totals(const struct settings *s, const char *name, struct board_totals *to,
                       struct error *err)
{
    const char *text = settings_get(s, name, "");
    uint64_t numbers[BOARD_GONE];

    for (size_t i = 0; i < BOARD_GONE; i++) {
        if (!next_number(&text, INT64_MAX, &numbers[i]))
            return error_set(err, EINVAL, "the state lacks a %s that can be", name);
    }
    if (*text != '\0')
        return error_set(err, EINVAL, "the state lacks a %s that can be", name);
    memcpy(to, numbers, sizeof(*to));
    return 0;
}

/* Pairs of a place and a number, in the order of the places. */
static int take_deaths(const struct settings *s, const char *name, uint32_t *to, size_t count,
                       struct error *err)
{
    const char *text = settings_get(s, name, "");
    uint64_t place = 0, number = 0, before = 0;

    while (*text != '\0') {
        if (!next_number(&text, count - 1, &place) || place <= before ||
            !next_number(&text, UINT32_MAX, &number))
            return error_set(err, EINVAL, "the state has %s that cannot be", name);
        to[place] = (uint32_t)number;
        before = place;
    }
    return 0;
}

static int take_card(const struct settings *s, const char *codes, const char *signals,
                     struct board_card *to, struct error *err)
{
    int r = take_deaths(s, codes, to->exit_codes, BOARD_EXIT_CODES, err);

    return r < 0 ? r : take_deaths(s, signals, to->exit_signals, BOARD_EXIT_SIGNALS, err);
}

static int take_port(struct frozen_port *ret, const char *text, struct error *err)
{
    uint64_t fd = 0, lent = 0, deaf = 0, foreign = 0;

    if (!next_number(&text, INT_MAX, &fd) || (fd > 0 && fd < 3) || !next_number(&text, 1, &lent) ||
        !next_number(&text, 1, &deaf) || !next_number(&text, 1, &foreign) ||
        strlen(text) >= sizeof(ret->text))
        return error_set(err, EINVAL, "a listening socket of the state cannot be");
    ret->fd = fd == 0 ? -1 : (int)fd;
    ret->lent = lent == 1;
    ret->deaf = deaf == 1;
    ret->foreign = foreign == 1;
    memcpy(ret->text, text, strlen(text) + 1);
    return 0;
}

static int take_ports(struct frozen_gang *g, const struct settings *s, struct error *err)
{
    const char *text;
    int r = 0;

    for (size_t i = 0; r == 0 && (text = settings_get_nth(s, "port", i)) != NULL; i++) {
        struct frozen_port *more =
            i == FROZEN_PORTS_MAX ? NULL : reallocarray(g->ports, i + 1, sizeof(*more));

        if (more == NULL)
            return error_set(err, ENOMEM, "too many listening sockets in the state");
        g->ports = more;
        more[i] = (struct frozen_port){0};
        g->port_count = i + 1;
        r = take_port(&more[i], text, err);
    }
    return r;
}

/* Numbers that must fit one another. */
static int check_gang(const struct frozen_gang *g, struct error *err)
{
    const char *wrong = NULL;

    if (g->name[0] == '\0')
        wrong = "has no name";
    else if (g->slots == 0 || g->posts == 0 || g->posts >= g->slots || g->max_children == 0 ||
             (uint64_t)g->max_children + g->surplus > g->posts || g->scaled > g->posts)
        wrong = "has a size that cannot be";
    else if (g->opened && g->failed)
        wrong = "is open and has failed";
    else if (g->opened != (g->bell_read >= 3) || g->opened != (g->bell_write >= 3))
        wrong = "has the wrong doorbell";
    else if (!g->opened && g->port_count > 0)
        wrong = "has sockets and is not open";
    else if (g->window.width == 0)
        wrong = "has a window without width";
    else if ((g->throttle.pause == 0) != (g->throttle.failures == 0))
        wrong = "has a throttle that cannot be";
    return wrong == NULL ? 0 : error_set(err, EINVAL, "pool %s of the state %s", g->name, wrong);
}

static int take_gang(struct frozen_gang *g, const struct settings *s, struct error *err)
{
    uint64_t needed[WINDOW_BUCKETS];
    int r = state_read_fields(s, frozen_fields_gang.rows, frozen_fields_gang.count, g, err);

    if (r == 0)
        r = take_totals(s, "gone", &g->gone, err);
    if (r == 0)
        r = take_totals(s, "inherited", &g->inherited, err);
    if (r == 0)
        r = take_card(s, "exit_codes", "exit_signals", &g->card, err);
    if (r == 0)
        r = take_card(s, "inherited_codes", "inherited_signals", &g->inherited_card, err);
    if (r == 0)
        r = take_row(s, "needed", UINT32_MAX, WINDOW_BUCKETS, needed, err);
    for (size_t i = 0; r == 0 && i < WINDOW_BUCKETS; i++)
        g->window.buckets[i] = (uint32_t)needed[i];
    if (r == 0)
        r = take_ports(g, s, err);
    return r == 0 ? check_gang(g, err) : r;
}

static int take_worker(struct frozen_gang *g, const struct settings *s, struct error *err)
{
    if (g->worker_count >= g->slots || !g->opened)
        return error_set(err, EINVAL, "pool %s of the state has too many workers", g->name);
    struct frozen_worker *w = &g->workers[g->worker_count];
    int r = state_read_fields(s, frozen_fields_worker.rows, frozen_fields_worker.count, w, err);

    if (r == 0 && (w->state == LIFECYCLE_EMPTY || w->serial == 0 ||
                   (w->slot >= g->posts && w->slot != g->slots - 1)))
        r = error_set(err, EINVAL, "pool %s of the state has a worker that cannot be", g->name);
    if (r == 0)
        r = take_line(s, &w->line, err);
    if (r == 0)
        g->worker_count++;
    return r;
}

static int take_leftover(struct frozen_gang *g, const struct settings *s, struct error *err)
{
    if (g->leftover_count == FROZEN_LEFTOVERS_MAX)
        return error_set(err, EINVAL, "pool %s of the state has too many outputs", g->name);
    struct frozen_leftover *l = &g->leftovers[g->leftover_count];
    int r = state_read_fields(s, frozen_fields_leftover.rows, frozen_fields_leftover.count, l, err);

    if (r == 0)
        r = take_line(s, &l->line, err);
    if (r == 0)
        g->leftover_count++;
    return r;
}

/* No two workers with one slot, serial or pid. */
static int by_slot(const void *a, const void *b)
{
    const struct frozen_worker *x = a, *y = b;

    return (x->slot > y->slot) - (x->slot < y->slot);
}

static int by_number(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

static int check_workers(struct frozen_gang *g, struct error *err)
{
    size_t n = g->worker_count;
    uint64_t *numbers = calloc(n == 0 ? 1 : 2 * n, sizeof(*numbers));
    bool twice = false;

    if (numbers == NULL)
        return error_errno(err, ENOMEM, "the state");
    if (n > 0)
        qsort(g->workers, n, sizeof(*g->workers), by_slot);
    for (size_t i = 0; i < n; i++) {
        numbers[i] = (uint64_t)g->workers[i].pid;
        numbers[n + i] = UINT64_C(1) << 32 | g->workers[i].serial;
        twice = twice || (i > 0 && g->workers[i].slot == g->workers[i - 1].slot);
    }
    if (n > 0)
        qsort(numbers, 2 * n, sizeof(*numbers), by_number);
    for (size_t i = 1; i < 2 * n; i++)
        twice = twice || numbers[i] == numbers[i - 1];
    free(numbers);
    return twice ? error_set(err, EINVAL, "pool %s of the state has one worker twice", g->name) : 0;
}

static int take_record(struct frozen_gang *g, const struct state_record *record, struct error *err)
{
    struct settings s;

    settings_init(&s);
    int r = settings_load(&s, record->data, record->length, err);
    if (r == 0 && record->kind == FROZEN_GANG)
        r = take_gang(g, &s, err);
    else if (r == 0 && record->kind == FROZEN_WORKER)
        r = take_worker(g, &s, err);
    else if (r == 0)
        r = take_leftover(g, &s, err);
    settings_clear(&s);
    return r;
}

int frozen_take(struct frozen_gang *ret, struct state_record *first, struct state_reader *r,
                struct error *err)
{
    *ret = (struct frozen_gang){0};
    if (first->kind != FROZEN_GANG)
        return error_set(err, EINVAL, "the state has a record of kind %u where a pool should be",
                         first->kind);
    int result = take_record(ret, first, err);
    if (result == 0) {
        ret->workers = calloc(ret->slots, sizeof(*ret->workers));
        ret->leftovers = calloc(FROZEN_LEFTOVERS_MAX, sizeof(*ret->leftovers));
        if (ret->workers == NULL || ret->leftovers == NULL)
            result = error_errno(err, ENOMEM, "the state");
    }
    for (state_next(r, first);
         result == 0 && (first->kind == FROZEN_WORKER || first->kind == FROZEN_LEFTOVER);
         state_next(r, first))
        result = take_record(ret, first, err);
    if (result == 0)
        result = check_workers(ret, err);
    if (result < 0)
        frozen_clear(ret);
    return result;
}
