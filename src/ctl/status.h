/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_CTL_STATUS_H
#define GANGER_CTL_STATUS_H

/* What `gangerctl status` does once and what it does again and again have in common. */

#include "ctl/ctl.h"
#include "ctl/sampler.h"
#include "ctl/table.h"

/*
 * The answer as text: the JSON as it came, or a table in `style` (whose `full` is that of the options).
 * CTL_OK, CTL_FAILED (a pool is failing), or negative with err: there is no such pool, the answer is
 * an error, or none of ganger's.
 */
int status_render(const struct ctl_status_options *o, const struct sampler *s,
                  const struct table_style *style, struct bytes *out, struct error *err);
/* The style for standard output: colours and the width of a terminal, or neither. */
struct table_style status_style(const struct ctl_status_options *o, bool utf8);
/* Whether standard output is a terminal that can do more than add lines. */
bool status_on_terminal(void);
/* Write to standard output, and complain when that fails.  0 or negative. */
int status_write(const struct bytes *text);

/* Again and again, until a signal.  CTL_OK, CTL_WRITE. */
int status_watch(const struct ctl_status_options *o, struct sampler *s, bool utf8);

#endif
