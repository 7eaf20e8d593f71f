/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_CTL_TOP_HEAD_H
#define GANGER_CTL_TOP_HEAD_H

/* The lines above the table of `gangerctl top`, each on line `y`. */

#include "ctl/top_screen.h"

/* Who is looked at: ganger, how many pools, how many of them fail; or one pool. */
void top_head_draw(const struct top_scene *s, int y);
/* How much there is to do: workers, requests, queue. */
void top_head_meter(const struct top_scene *s, int y);
/* Why the numbers stand still; else why the pool that is looked into does not run; else nothing. */
void top_head_notice(const struct top_scene *s, int y);

#endif
