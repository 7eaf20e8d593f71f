/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_CTL_TOP_VIEW_H
#define GANGER_CTL_TOP_VIEW_H

/*
 * What the user of `gangerctl top` looks at: which table, in which order, which of its rows, from
 * where on, and which one the cursor is on.  Keys change it.  Pure.
 */

#include <stdbool.h>
#include <stddef.h>
#include "ctl/top_columns.h"
#include "ctl/top_model.h"

/* Keys that are no byte. */
enum top_key {
    TOP_KEY_NONE = -1,
    TOP_KEY_UP = 256,
    TOP_KEY_DOWN,
    TOP_KEY_LEFT,
    TOP_KEY_RIGHT,
    TOP_KEY_PAGE_UP,
    TOP_KEY_PAGE_DOWN,
    TOP_KEY_HOME,
    TOP_KEY_END,
    TOP_KEY_ENTER,
    TOP_KEY_ESCAPE,
    TOP_KEY_BACKSPACE,
    TOP_KEY_HELP, /* of htop: F1, F3 and F4, F6, F10 */
    TOP_KEY_FILTER,
    TOP_KEY_SORT,
    TOP_KEY_QUIT,
    TOP_KEY_OTHER,  /* one that means nothing here */
    TOP_KEY_REDRAW, /* the screen may be spoilt */
};

enum { TOP_FILTER_MAX = 64 };

/* Each of the two tables keeps its own. */
struct top_table {
    size_t sort; /* column */
    bool descending;
    char filter[TOP_FILTER_MAX]; /* UTF-8 */
    const struct top_row **rows; /* those that match, in order */
    size_t count, room;
    size_t cursor; /* below count, or 0 */
    size_t first;  /* the row at the top */
};

struct top_view {
    struct top_table tables[2]; /* pools, workers */
    bool workers;               /* which is shown */
    char *pool;                 /* whose workers; owned; NULL before there was one */
    bool fixed;                 /* there is no list of pools to go back to */
    size_t page;                /* rows that fit, at least 1; whoever draws says so */
    bool typing;                /* keys go into the filter */
    bool help, paused, quit;
};

/* `pool`: look at its workers and at nothing else; NULL: begin with the pools.  0 or -ENOMEM. */
int top_view_init(struct top_view *v, const char *pool);
void top_view_clear(struct top_view *v);

static inline struct top_table *top_view_table(struct top_view *v)
{
    return &v->tables[v->workers];
}

enum top_effect {
    TOP_NOTHING = 0,
    TOP_CHANGED = 1, /* draw */
    TOP_ASK = 2,     /* draw, and ask for what the other table shows */
};
/* What a key does. */
enum top_effect top_view_key(struct top_view *v, int key);

/*
 * The rows of a model anew: matching, in order, the cursor on the row it was on (at the top it stays at
 * the top).  To be called after each change of the model or the view; the rows live as long as those of
 * the model.  top_view_hold() notes where the cursor is, before the model changes.  0 or -ENOMEM.
 */
int top_view_refresh(struct top_view *v, const struct top_model *m);
struct top_held {
    char *name; /* of a pool; owned */
    uint64_t pid;
    bool any;
};
struct top_held top_view_hold(struct top_view *v);
void top_view_restore(struct top_view *v, struct top_held *held);

#endif
