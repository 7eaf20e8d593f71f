/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_CTL_HEAD_H
#define GANGER_CTL_HEAD_H

/* The header block at the front of a CGI response (RFC 3875 section 6.2), as a web server reads
 * it: everything up to the first empty line.  Lines may end in LF or CRLF. */

#include <stdbool.h>
#include <stddef.h>
#include "base/bytes.h"
#include "base/error.h"

enum { HEAD_MAX = 256 * 1024 };

struct head {
    struct bytes raw; /* the block with its empty line, once done */
    bool done;
    unsigned status; /* once done: Status, else 302 with a Location, else 200 */
};

void head_init(struct head *h);
void head_clear(struct head *h);
/*
 * Take bytes from *data (advancing it and shrinking *length) as long as they belong to the header.
 * When h->done is set what is left in *data is body.  0; -EPROTO with err when this is no header
 * (a line without a colon, a bad Status, too large); -ENOMEM.
 */
int head_feed(struct head *h, const void **data, size_t *length, struct error *err);
/* Copy the value of the field `name` (any case), blanks around it removed, cut to `size`; false
 * when there is none. */
bool head_field(const struct head *h, const char *name, char *out, size_t size);

#endif
