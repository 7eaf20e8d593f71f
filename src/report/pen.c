/* SPDX-License-Identifier: Apache-2.0 */
/* Invariant: from <= at <= end; all NULL before the first piece and behind the last. */

#include "report/pen.h"

#include <errno.h>

#define STEP 65536u

static void settle(struct pen *p)
{
    if (p->from != NULL)
        bytes_commit(p->out, (size_t)(p->at - p->from));
    p->from = p->at = p->end = NULL;
}

bool pen_more(struct pen *p, size_t length)
{
    if (p->rc < 0)
        return false;
    settle(p);
    size_t room = bytes_room(p->out);
    size_t step = length > STEP ? length : STEP;
    if (step > room)
        step = room;
    p->rc = length > room ? -ENOBUFS : 0;
    if (p->rc < 0)
        return false;
    p->from = bytes_reserve(p->out, step);
    if (p->from == NULL) {
        p->rc = -ENOMEM;
        return false;
    }
    p->at = p->from;
    p->end = p->from + step;
    return true;
}

int pen_done(struct pen *p)
{
    settle(p);
    return p->rc;
}

/* The digits of `number`, at least `least` of them, end in front of `end`; where they begin. */
static char *digits(char *end, uint64_t number, unsigned least)
{
    char *at = end;
    while (number > 0 || (unsigned)(end - at) < least) {
        *--at = (char)('0' + number % 10);
        number /= 10;
    }
    return at;
}

void pen_number(struct pen *p, uint64_t number)
{
    char text[24];
    char *end = text + sizeof text;
    char *at = digits(end, number, 1);
    pen_bytes(p, at, (size_t)(end - at));
}

void pen_decimal(struct pen *p, uint64_t millionths, unsigned least)
{
    char text[8];
    char *end = text + sizeof text;
    char *at = digits(end, millionths % 1000000, 6);

    while (end > at + least && end[-1] == '0')
        end--;
    pen_number(p, millionths / 1000000);
    if (end == at)
        return;
    *--at = '.';
    pen_bytes(p, at, (size_t)(end - at));
}

void pen_quoted(struct pen *p, const char *text)
{
    size_t length = strlen(text);
    if ((size_t)(p->end - p->at) < 2 * length + 2 && !pen_more(p, 2 * length + 2))
        return;
    *p->at++ = '"';
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '"' || text[i] == '\\')
            *p->at++ = '\\';
        *p->at++ = (uint8_t)text[i];
    }
    *p->at++ = '"';
}
