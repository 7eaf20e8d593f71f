/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Invariant, whenever a key is handled or a screen drawn: cursor < count (or both 0), and
 * first <= cursor < first + page.
 */

#include "ctl/top_view.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int top_view_init(struct top_view *v, const char *pool)
{
    memset(v, 0, sizeof *v);
    v->page = 1;
    v->tables[0].sort = POOL_RATE;
    v->tables[0].descending = true;
    v->tables[1].sort = WORKER_STATE;
    if (pool == NULL)
        return 0;
    v->pool = strdup(pool);
    v->workers = v->fixed = true;
    return v->pool == NULL ? -ENOMEM : 0;
}

void top_view_clear(struct top_view *v)
{
    free(v->tables[0].rows);
    free(v->tables[1].rows);
    free(v->pool);
    memset(v, 0, sizeof *v);
}

/* ---- rows ---- */

static int in_order(const void *one, const void *other, void *userdata)
{
    const struct top_table *t = userdata;
    const struct top_row *a = *(const struct top_row *const *)one;
    const struct top_row *b = *(const struct top_row *const *)other;
    int order = top_columns_compare(a, b, t->sort);
    if (order != 0)
        return t->descending ? -order : order;
    /* Equals by name, whichever way the rest goes. */
    if (a->worker == NULL)
        order = strcmp(a->pool->name, b->pool->name);
    return order != 0 ? order : (a->place > b->place) - (a->place < b->place);
}

static void scroll(struct top_view *v)
{
    struct top_table *t = top_view_table(v);
    size_t page = v->page > 0 ? v->page : 1;
    if (t->cursor >= t->count)
        t->cursor = t->count > 0 ? t->count - 1 : 0;
    if (t->first > t->cursor)
        t->first = t->cursor;
    if (t->cursor - t->first >= page)
        t->first = t->cursor - page + 1;
    /* No empty lines below while there are rows above. */
    if (t->first + page > t->count)
        t->first = t->count > page ? t->count - page : 0;
}

int top_view_refresh(struct top_view *v, const struct top_model *m)
{
    struct top_table *t = top_view_table(v);
    t->count = 0; /* of rows that are no more, should there be no memory for others */
    if (m->count > t->room) {
        const struct top_row **rows = calloc(m->count, sizeof(const struct top_row *));
        if (rows == NULL)
            return -ENOMEM;
        free(t->rows);
        t->rows = rows;
        t->room = m->count;
    }
    for (size_t i = 0; i < m->count; i++) {
        if (top_model_matches(&m->rows[i], t->filter))
            t->rows[t->count++] = &m->rows[i];
    }
    if (t->count > 1)
        qsort_r(t->rows, t->count, sizeof(const struct top_row *), in_order, t);
    scroll(v);
    return 0;
}

struct top_held top_view_hold(struct top_view *v)
{
    const struct top_table *t = top_view_table(v);
    struct top_held held = {0};
    if (t->cursor == 0 || t->cursor >= t->count)
        return held;
    const struct top_row *row = t->rows[t->cursor];
    if (row->worker != NULL)
        held.pid = row->worker->pid;
    else
        held.name = strdup(row->pool->name);
    held.any = row->worker != NULL || held.name != NULL;
    return held;
}

void top_view_restore(struct top_view *v, struct top_held *held)
{
    struct top_table *t = top_view_table(v);
    for (size_t i = 0; held->any && i < t->count; i++) {
        const struct top_row *row = t->rows[i];
        if (row->worker != NULL ? row->worker->pid == held->pid
                                : held->name != NULL && strcmp(row->pool->name, held->name) == 0) {
            t->cursor = i;
            break;
        }
    }
    scroll(v);
    free(held->name);
    held->name = NULL;
    held->any = false;
}

/* ---- keys ---- */

static enum top_effect move(struct top_view *v, ptrdiff_t by)
{
    struct top_table *t = top_view_table(v);
    size_t last = t->count > 0 ? t->count - 1 : 0;
    if (by < 0)
        t->cursor = t->cursor < (size_t)-by ? 0 : t->cursor - (size_t)-by;
    else
        t->cursor = last - t->cursor < (size_t)by ? last : t->cursor + (size_t)by;
    scroll(v);
    return TOP_CHANGED;
}

static void sort_by(struct top_view *v, size_t column)
{
    size_t count;
    const struct top_column *columns = top_columns_of(v->workers, &count);
    struct top_table *t = top_view_table(v);
    t->sort = column;
    /* Names from A, numbers from the largest. */
    t->descending = !columns[column].left;
}

static enum top_effect shift_sort(struct top_view *v, bool right)
{
    size_t count;
    (void)top_columns_of(v->workers, &count);
    sort_by(v, (top_view_table(v)->sort + (right ? 1 : count - 1)) % count);
    return TOP_CHANGED;
}

static enum top_effect sort_by_letter(struct top_view *v, int letter)
{
    size_t count;
    const struct top_column *columns = top_columns_of(v->workers, &count);
    for (size_t i = 0; i < count; i++) {
        if (columns[i].letter != letter)
            continue;
        if (top_view_table(v)->sort == i)
            top_view_table(v)->descending = !top_view_table(v)->descending;
        else
            sort_by(v, i);
        return TOP_CHANGED;
    }
    return TOP_NOTHING;
}

static enum top_effect open_pool(struct top_view *v)
{
    const struct top_table *t = top_view_table(v);
    if (v->workers || t->cursor >= t->count)
        return TOP_NOTHING;
    char *pool = strdup(t->rows[t->cursor]->pool->name);
    if (pool == NULL)
        return TOP_NOTHING;
    free(v->pool);
    v->pool = pool;
    v->workers = true;
    v->tables[1].count = v->tables[1].cursor = v->tables[1].first = 0;
    v->tables[1].filter[0] = '\0';
    return TOP_ASK;
}

/* One step back: the filter, then the workers. */
static enum top_effect back(struct top_view *v, bool from_filter)
{
    struct top_table *t = top_view_table(v);
    if (from_filter && t->filter[0] != '\0') {
        t->filter[0] = '\0';
        return TOP_CHANGED;
    }
    if (!v->workers || v->fixed)
        return TOP_NOTHING;
    v->workers = false;
    return TOP_ASK;
}

/* One character less. */
static void shorten(char *text)
{
    size_t length = strlen(text);
    while (length > 0 && ((unsigned char)text[length - 1] & 0xc0) == 0x80)
        length--;
    text[length > 0 ? length - 1 : 0] = '\0';
}

static enum top_effect type(struct top_view *v, int key)
{
    char *filter = top_view_table(v)->filter;
    size_t length = strlen(filter);
    switch (key) {
    case TOP_KEY_ENTER:
        v->typing = false;
        return TOP_CHANGED;
    case TOP_KEY_ESCAPE:
        v->typing = false;
        filter[0] = '\0';
        return TOP_CHANGED;
    case TOP_KEY_BACKSPACE:
        if (length == 0)
            v->typing = false;
        shorten(filter);
        return TOP_CHANGED;
    default:
        break;
    }
    if (key >= 0x20 && key < 0x100 && key != 0x7f && length + 1 < TOP_FILTER_MAX) {
        filter[length] = (char)key;
        filter[length + 1] = '\0';
        top_view_table(v)->cursor = 0; /* on the first of those that are left */
        return TOP_CHANGED;
    }
    return TOP_NOTHING;
}

static enum top_effect command(struct top_view *v, int key)
{
    switch (key) {
    case 'q':
    case TOP_KEY_QUIT:
        v->quit = true;
        return TOP_CHANGED;
    case 'h':
    case '?':
    case TOP_KEY_HELP:
        v->help = true;
        return TOP_CHANGED;
    case 'p':
        v->paused = !v->paused;
        return v->paused ? TOP_CHANGED : TOP_ASK;
    case '/':
    case TOP_KEY_FILTER:
        v->typing = true;
        return TOP_CHANGED;
    case 'r':
        top_view_table(v)->descending = !top_view_table(v)->descending;
        return TOP_CHANGED;
    case '<':
    case TOP_KEY_LEFT:
        return shift_sort(v, false);
    case '>':
    case TOP_KEY_RIGHT:
    case TOP_KEY_SORT:
        return shift_sort(v, true);
    case TOP_KEY_ENTER:
        return open_pool(v);
    case TOP_KEY_ESCAPE:
        return back(v, true);
    case TOP_KEY_BACKSPACE:
        return back(v, false);
    default:
        return key < 0x100 ? sort_by_letter(v, key) : TOP_NOTHING;
    }
}

enum top_effect top_view_key(struct top_view *v, int key)
{
    size_t page = v->page > 0 ? v->page : 1;
    switch (key) {
    case TOP_KEY_NONE:
        return TOP_NOTHING;
    case TOP_KEY_REDRAW:
        return TOP_CHANGED;
    case TOP_KEY_UP:
        return move(v, -1);
    case TOP_KEY_DOWN:
        return move(v, 1);
    case TOP_KEY_PAGE_UP:
        return move(v, -(ptrdiff_t)page);
    case TOP_KEY_PAGE_DOWN:
        return move(v, (ptrdiff_t)page);
    case TOP_KEY_HOME:
        return move(v, -(PTRDIFF_MAX / 2));
    case TOP_KEY_END:
        return move(v, PTRDIFF_MAX / 2);
    default:
        break;
    }
    if (v->help) {
        v->help = false; /* any key, and q does no more than that */
        return TOP_CHANGED;
    }
    return v->typing ? type(v, key) : command(v, key);
}
