/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Header block of a CGI response.  Invariant: until `done`, raw ends in an unfinished line that
 * starts at `raw` + the length of all finished lines, and every finished line held a colon.
 */

#include "ctl/head.h"

#include <errno.h>
#include <string.h>
#include <strings.h>
#include "base/number.h"
#include "base/text.h"

void head_init(struct head *h)
{
    bytes_init(&h->raw, HEAD_MAX);
    h->done = false;
    h->status = 0;
}

void head_clear(struct head *h)
{
    bytes_clear(&h->raw);
    h->done = false;
    h->status = 0;
}

/* The line at `text` without its end; *next is where the following one begins. */
static size_t line_length(const char *text, size_t held, size_t *next)
{
    const char *end = memchr(text, '\n', held);
    size_t length = end == NULL ? held : (size_t)(end - text);
    *next = end == NULL ? held : length + 1;
    if (length > 0 && text[length - 1] == '\r')
        length--;
    return length;
}

bool head_field(const struct head *h, const char *name, char *out, size_t size)
{
    const char *text = (const char *)bytes_front(&h->raw);
    size_t held = bytes_held(&h->raw);
    size_t name_length = strlen(name);
    while (held > 0) {
        size_t next;
        size_t length = line_length(text, held, &next);
        if (length > name_length && text[name_length] == ':' &&
            strncasecmp(text, name, name_length) == 0) {
            const char *value = text + name_length + 1;
            size_t value_length = length - name_length - 1;
            for (; value_length > 0 && (*value == ' ' || *value == '\t'); value_length--)
                value++;
            while (value_length > 0 &&
                   (value[value_length - 1] == ' ' || value[value_length - 1] == '\t'))
                value_length--;
            if (value_length >= size)
                value_length = size - 1;
            memcpy(out, value, value_length);
            out[value_length] = '\0';
            return true;
        }
        text += next;
        held -= next;
    }
    return false;
}

static int conclude(struct head *h, struct error *err)
{
    char value[64];
    uint64_t status;
    h->done = true;
    if (head_field(h, "Status", value, sizeof value)) {
        if (strcspn(value, " ") != 3 || number_parse_bytes(value, 3, 999, &status) < 0 ||
            status < 100) {
            char escaped[256];
            text_escape_fixed(escaped, sizeof escaped, value, strlen(value));
            return error_set(err, EPROTO, "the response has a bad Status: \"%s\"", escaped);
        }
        h->status = (unsigned)status;
    } else {
        h->status = head_field(h, "Location", value, sizeof value) ? 302 : 200;
    }
    return 0;
}

/* `line` is whole, its end included.  An empty one ends the block. */
static int take_line(struct head *h, const char *line, size_t held, struct error *err)
{
    size_t next;
    size_t length = line_length(line, held, &next);
    if (length == 0)
        return conclude(h, err);
    if (memchr(line, ':', length) == NULL) {
        char escaped[128];
        text_escape_fixed(escaped, sizeof escaped, line, length);
        return error_set(err, EPROTO, "the response does not begin with a CGI header: \"%s\"",
                         escaped);
    }
    return 0;
}

int head_feed(struct head *h, const void **data, size_t *length, struct error *err)
{
    const char *text = *data;
    size_t left = *length;
    int rc = 0;
    while (rc == 0 && !h->done && left > 0) {
        const char *end = memchr(text, '\n', left);
        size_t part = end == NULL ? left : (size_t)(end - text) + 1;
        rc = bytes_append(&h->raw, text, part);
        if (rc == -ENOBUFS)
            rc = error_set(err, EPROTO, "the response header is larger than %d bytes", HEAD_MAX);
        text += part;
        left -= part;
        if (rc < 0 || end == NULL)
            break;
        const char *held = (const char *)bytes_front(&h->raw);
        size_t whole = bytes_held(&h->raw);
        const char *before = whole < 2 ? NULL : memrchr(held, '\n', whole - 1);
        const char *line = before == NULL ? held : before + 1;
        rc = take_line(h, line, whole - (size_t)(line - held), err);
    }
    *data = text;
    *length = left;
    return rc;
}
