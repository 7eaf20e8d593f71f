/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_CONF_COMPLAINT_H
#define GANGER_CONF_COMPLAINT_H

/* Mistakes as they are found, in whatever order; handed out in the order of the files. */

#include <stdbool.h>
#include <stddef.h>
#include "conf/conf.h"

/* Where something stands.  `file_name` and `pool` are borrowed; pool may be NULL. */
struct place {
    unsigned file; /* files are numbered in the order in which they are opened, from 0 */
    const char *file_name;
    unsigned line; /* 0: the file as a whole; no line is printed */
    const char *pool;
};

/* No more than this many are kept; one more sentence then says that there are others. */
#define COMPLAINT_MAX 500

struct complaint {
    unsigned file, line;
    size_t sequence; /* keeps complaints of one line in the order in which they were found */
    char *text;
    bool warning;
};

struct complaint_line {
    unsigned file, line;
};

struct complaint_box {
    struct complaint *items;
    size_t count, capacity;
    size_t errors;               /* how many are no warnings, kept or not */
    struct complaint_line *lost; /* lines whose text was taken out */
    size_t lost_count;
    bool overflow;
    bool no_memory; /* something was lost: the load must fail with -ENOMEM */
};

void complaint_error(struct complaint_box *box, const struct place *where, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void complaint_warning(struct complaint_box *box, const struct place *where, const char *format,
                       ...) __attribute__((format(printf, 3, 4)));
/* The text of this line could not be read: what seems to be missing around it may stand there. */
void complaint_lose(struct complaint_box *box, const struct place *where);
/* Was a line from `first` to `last` of that file lost? */
bool complaint_is_lost(const struct complaint_box *box, unsigned file, unsigned first,
                       unsigned last);
/* Sort what was found and add it to *ret; the box is empty afterwards.  0 or -ENOMEM. */
int complaint_hand_out(struct complaint_box *box, struct conf_complaints *ret);
void complaint_clear(struct complaint_box *box);

#endif
