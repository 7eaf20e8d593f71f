/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_CONF_LIST_H
#define GANGER_CONF_LIST_H

/* What a struct conf_list of conf/conf.h can do while it is built. */

#include <stdbool.h>
#include "conf/conf.h"

/* Add a copy of `text`.  0, or -ENOMEM with the list as it was. */
int conf_list_add(struct conf_list *list, const char *text);
/* Free everything; the list is empty afterwards. */
void conf_list_clear(struct conf_list *list);
/* The same texts in the same order? */
bool conf_list_equal(const struct conf_list *a, const struct conf_list *b);

#endif
