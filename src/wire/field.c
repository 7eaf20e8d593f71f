/* SPDX-License-Identifier: Apache-2.0 */

/* One header line: what is not exactly `token ":" value` is malformed, never repaired. */

#include "wire/field.h"

#include <string.h>
#include <strings.h>

static bool is_token(unsigned char c)
{
    return c > ' ' && c < 0x7f && strchr("\"(),/:;<=>?@[\\]{}", c) == NULL;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool is_control(unsigned char c)
{
    return (c < ' ' && c != '\t') || c == 0x7f;
}

const char *field_parse(const char *line, size_t length, struct field *ret)
{
    size_t i = 0;

    if (length >= 5 && memcmp(line, "HTTP/", 5) == 0)
        return "an HTTP status line; a program with non-parsed headers (nph) is not supported";
    if (length > 0 && is_blank(line[0]))
        return "a line that begins with a blank (CGI knows no continuation lines)";
    while (i < length && is_token((unsigned char)line[i]))
        i++;
    if (i == length)
        return "a line without a colon";
    if (i == 0 && line[0] == ':')
        return "a header field without a name";
    if (is_blank(line[i]))
        return memchr(line, ':', length) == NULL ? "a line without a colon"
                                                 : "a blank in the name of a header field";
    if (line[i] != ':')
        return "a byte that may not stand in the name of a header field";
    ret->name = line;
    ret->name_length = i++;
    for (size_t k = i; k < length; k++) {
        if (is_control((unsigned char)line[k]))
            return "a control byte in the value of a header field";
    }
    while (i < length && is_blank(line[i]))
        i++;
    while (length > i && is_blank(line[length - 1]))
        length--;
    ret->value = line + i;
    ret->value_length = length - i;
    return NULL;
}

bool field_is(const struct field *f, const char *name)
{
    return strlen(name) == f->name_length && strncasecmp(f->name, name, f->name_length) == 0;
}

bool field_is_hop(const struct field *f)
{
    static const char *const hop[] = {
        "Connection", "Keep-Alive",        "Proxy-Connection", "TE",
        "Trailer",    "Transfer-Encoding", "Upgrade",
    };

    for (size_t i = 0; i < sizeof hop / sizeof hop[0]; i++) {
        if (field_is(f, hop[i]))
            return true;
    }
    return false;
}

unsigned field_status(const struct field *f)
{
    unsigned status = 0;

    if (f->value_length < 3 || (f->value_length > 3 && f->value[3] != ' '))
        return 0;
    for (size_t i = 0; i < 3; i++) {
        if (f->value[i] < '0' || f->value[i] > '9')
            return 0;
        status = status * 10 + (unsigned)(f->value[i] - '0');
    }
    return status >= 200 && status <= 599 ? status : 0;
}

bool field_location_valid(const struct field *f)
{
    if (f->value_length == 0)
        return false;
    for (size_t i = 0; i < f->value_length; i++) {
        if (is_blank(f->value[i]))
            return false;
    }
    return true;
}
