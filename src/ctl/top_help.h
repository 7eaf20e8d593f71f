/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_CTL_TOP_HELP_H
#define GANGER_CTL_TOP_HELP_H

#include <stdbool.h>

/* The help of `gangerctl top` on the whole screen: the keys, and what the columns mean. */
void top_help_draw(bool workers);

#endif
