/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_WIRE_FIELD_H
#define GANGER_WIRE_FIELD_H

/* Private to wire: one line of a CGI response header (RFC 3875 section 6.3). */

#include <stdbool.h>
#include <stddef.h>

struct field {
    const char *name; /* into the line */
    size_t name_length;
    const char *value; /* without blanks at either end */
    size_t value_length;
};

/* Split a line (without its line end).  NULL, or what is wrong with it. */
const char *field_parse(const char *line, size_t length, struct field *ret);
/* Compare the name, without regard to case. */
bool field_is(const struct field *f, const char *name);
/* True for framing and hop-by-hop fields, which a program has no say in. */
bool field_is_hop(const struct field *f);
/* "404" or "404 Reason", 200 to 599: the number; 0 for anything else. */
unsigned field_status(const struct field *f);
/* A Location that can be sent: not empty, no blank in it. */
bool field_location_valid(const struct field *f);

#endif
