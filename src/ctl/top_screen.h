/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_CTL_TOP_SCREEN_H
#define GANGER_CTL_TOP_SCREEN_H

/* The terminal of `gangerctl top`: all of ncurses.  There is one screen in a process. */

#include <stdbool.h>
#include <stdint.h>
#include "base/error.h"
#include "ctl/top_model.h"
#include "ctl/top_view.h"

/* What is drawn. */
struct top_scene {
    struct top_view *view;
    const struct top_model *pools, *workers;
    uint64_t interval; /* microseconds */
    const char *away;  /* why ganger does not answer; "": it does */
    uint64_t silence;  /* microseconds since the last answer, or since the start */
};

/* Take over the terminal on standard input and output, which shows `utf8` or ASCII.  0; -ENOTTY, -EINVAL with err when there is none
 * that one can draw on. */
int top_screen_open(bool utf8, struct error *err);
/* Give it back as it was.  Twice does no harm. */
void top_screen_close(void);
/* The same for a while, and back; the whole screen is drawn anew then. */
void top_screen_leave(void);
void top_screen_return(void);
/* Take the terminal's size of now. */
void top_screen_resize(void);
/* A key that has come, as top_view_key() takes it; TOP_KEY_NONE: no more. */
int top_screen_key(void);
/* Draw; sets view->page. */
void top_screen_draw(const struct top_scene *scene);

#endif
