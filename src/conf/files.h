/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_CONF_FILES_H
#define GANGER_CONF_FILES_H

/* The configuration's files, with what they include, as one row of statements. */

#include "conf/complaint.h"
#include "conf/statement.h"

#define FILES_BYTES_MAX (16u << 20) /* of one file */
#define FILES_DEPTH_MAX 16          /* includes within includes */
#define FILES_COUNT_MAX 4096        /* files read in one load, repetitions counted */

struct files {
    struct conf_list names; /* as they are shown; a statement's `file` is an index into it */
    struct statement_list statements; /* holds no STATEMENT_INCLUDE any more */
};

/* Read `path` and what it includes.  0 or -ENOMEM; mistakes are complaints. */
int files_load(struct files *files, const char *path, struct complaint_box *box);
/* Read `text` under the name `name`; include() in it is refused. */
int files_load_text(struct files *files, const char *name, const char *text, size_t length,
                    struct complaint_box *box);
void files_clear(struct files *files);

#endif
