/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_CONF_SYNTAX_H
#define GANGER_CONF_SYNTAX_H

/* libconfuse, and nothing else in ganger, behind one function. */

#include <stdbool.h>
#include <stddef.h>
#include "conf/complaint.h"
#include "conf/statement.h"

/*
 * Read *text (malloc'd, `*length` bytes and a NUL, as prepare_text() leaves it; it may be edited and
 * reallocated) and add what it says to `out`.  With `in_pool` the text is what stands between a
 * pool's braces.  Option names that no schema row has are complained of here, and left out; every
 * value is still text.  0 or -ENOMEM; mistakes are complaints.
 */
int syntax_parse(struct statement_list *out, char **text, size_t *length, bool in_pool,
                 const struct place *where, struct complaint_box *box);

#endif
