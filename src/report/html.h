/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_REPORT_HTML_H
#define GANGER_REPORT_HTML_H

/* What the two files of the HTML page share; for this room alone.  All return 0, -ENOBUFS or
 * -ENOMEM. */

#include "report/pools.h"

#define HTML_NONE "\xe2\x80\x93" /* what is shown for a value that there is none of: a dash */

/* Markup, as it stands. */
int html_put(struct bytes *out, const char *text);
/* Text of others: harmless between tags and between quotes of either kind. */
int html_escape(struct bytes *out, const char *text);
/* The value of a row, escaped; a dash for NULL and for no text. */
int html_value(struct bytes *out, const struct row *row);
/* The row of that name that lies in no group; NULL: there is none. */
const struct row *html_find(const struct rows *rows, const char *name);

/* One line of the table of pools, of that of a pool's workers, and what stands above them. */
int html_cells_pool_head(struct bytes *out);
int html_cells_pool(struct bytes *out, const struct rows *rows);
int html_cells_worker_head(struct bytes *out);
int html_cells_worker(struct bytes *out, const struct rows *rows);

#endif
