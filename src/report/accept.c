/* SPDX-License-Identifier: Apache-2.0 */
/* What a reader says it can read.  The input is a stranger's: nothing here can fail or overrun. */

#include <string.h>
#include <strings.h>
#include "report/report.h"

#define BLANKS " \t"

static const char *skip(const char *at)
{
    return at + strspn(at, BLANKS);
}

/* A weight in thousandths: "0.75", "1", "0".  What is none counts as 1. */
static unsigned weight_of(const char *text, size_t length)
{
    unsigned weight = 0;
    if (length == 0 || (text[0] != '0' && text[0] != '1'))
        return 1000;
    if (text[0] == '1')
        return 1000;
    for (size_t i = 2, place = 100; i < length && place > 0; i++, place /= 10) {
        if (text[1] != '.' || text[i] < '0' || text[i] > '9')
            break;
        weight += (unsigned)(text[i] - '0') * (unsigned)place;
    }
    return weight;
}

static bool word_is(const char *text, size_t length, const char *want)
{
    return length == strlen(want) && strncasecmp(text, want, length) == 0;
}

/* What a parameter of a range says, up to ';' or the range's end. */
struct range {
    const char *type;
    size_t type_length;
    unsigned weight;
    bool versioned;
};

/* Read one range; where the next one begins, or the end. */
static const char *read_range(struct range *ret, const char *at)
{
    *ret = (struct range){.type = at, .type_length = strcspn(at, BLANKS ",;"), .weight = 1000};
    at = skip(at + ret->type_length);
    while (*at == ';') {
        at = skip(at + 1);
        size_t name = strcspn(at, BLANKS ",;=");
        const char *value = skip(at + name);
        if (*value == '=')
            value = skip(value + 1);
        bool quoted = *value == '"';
        value += quoted;
        size_t length = strcspn(value, quoted ? "\"" : BLANKS ",;");
        if (word_is(at, name, "q"))
            ret->weight = weight_of(value, length);
        else if (word_is(at, name, "version"))
            ret->versioned = true;
        at = value + length;
        at = skip(at + (quoted && *at == '"'));
    }
    at += strcspn(at, ",");
    return at + (*at == ',');
}

static bool format_of(const struct range *range, enum report_format *ret)
{
    if (word_is(range->type, range->type_length, "text/html"))
        *ret = REPORT_HTML;
    else if (word_is(range->type, range->type_length, "application/json"))
        *ret = REPORT_JSON;
    else if (word_is(range->type, range->type_length, "application/openmetrics-text"))
        *ret = REPORT_OPENMETRICS;
    else if (!word_is(range->type, range->type_length, "text/plain"))
        return false;
    else if (range->versioned) /* 0.0.4; who prefers a later one reads that, too */
        *ret = REPORT_PROMETHEUS;
    else
        *ret = REPORT_TEXT;
    return true;
}

void report_accept(struct report_query *q, const char *accept)
{
    unsigned best = 0;
    if (accept == NULL || q->chosen)
        return;
    for (accept = skip(accept); *accept != '\0'; accept = skip(accept)) {
        struct range range;
        enum report_format format;
        accept = read_range(&range, accept);
        if (range.weight > best && format_of(&range, &format)) {
            best = range.weight;
            q->format = format;
        }
    }
}
