/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_CONF_VALUE_H
#define GANGER_CONF_VALUE_H

/* One option of one struct: from text, to text, compared, freed.  `base` is the struct conf_global
 * or struct conf_pool that the option's scope says. */

#include <stdbool.h>
#include "base/bytes.h"
#include "base/error.h"
#include "conf/conf.h"
#include "conf/schema.h"

enum value_outcome { VALUE_INVALID = 1 /* err says what is wrong and what is allowed */ };

/* Put the default there; the field holds nothing that would have to be freed.  0 or -ENOMEM. */
int value_set_default(void *base, const struct schema_option *option);
/* Put `text` there (for a list: add it).  0, VALUE_INVALID, -ENOMEM; on failure nothing changes. */
int value_set(void *base, const struct schema_option *option, const char *text, struct error *err);
/* Replace what a TEXT field holds by a copy of `text`.  0 or -ENOMEM. */
int value_set_text(char **field, const char *text);
/* Control characters stand in no value. */
bool value_has_control(const char *text);
/* Write "name = value" and a newline in a form that value_set() reads back equal; an unset option
 * becomes a comment.  0, -ENOMEM, -ENOBUFS. */
int value_print(const void *base, const struct schema_option *option, const char *indent,
                struct bytes *out);
bool value_equal(const void *a, const void *b, const struct schema_option *option);
void value_clear(void *base, const struct schema_option *option);
/* All options of a scope. */
void value_clear_all(void *base, enum schema_scope scope);

#endif
