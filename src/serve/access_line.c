/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A line is made with as much of each foreign text as is allowed, and when it is too long, again with
 * half as much of each: what is cut is the long ones, and JSON stays JSON.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/text.h"
#include "serve/access.h"

#define CAP_LEAST 8u
#define STAMP_MAX 256
#define WORK_MAX (1u << 20)

struct line {
    const struct request *r;
    const struct access_record *a;
    uint64_t duration; /* usec */
    uint64_t ended;    /* wall clock */
    size_t cap;        /* of one foreign text */
};

static const char *end_name(enum request_end end)
{
    static const char *const names[] = {
        [REQUEST_END_OK] = "ok",
        [REQUEST_END_ABORTED] = "aborted",
        [REQUEST_END_TIMEOUT] = "timeout",
        [REQUEST_END_CUT] = "cut",
    };
    return names[end];
}

static unsigned status_of(const struct request *r)
{
    if (r->status != 0)
        return r->status;
    return r->response != NULL && response_header_sent(r->response) ? response_status(r->response)
                                                                    : 0;
}

/* ---- text ---- */

static int put_foreign(struct bytes *out, const char *text, bool quoted, size_t cap)
{
    size_t length = strlen(text), before = bytes_held(out);
    int e = 0;

    for (size_t i = 0, n; i < length && e == 0; i += n) {
        bool apart = text[i] == '\\' || text[i] == '"' || (text[i] == ' ' && !quoted);

        if (bytes_held(out) - before >= cap)
            return bytes_append(out, "...", 3);
        n = apart ? 0 : text_printable(text + i, length - i);
        if (n > 0) {
            e = bytes_append(out, text + i, n);
        } else {
            n = 1;
            e = bytes_printf(out, "\\x%02x", (unsigned)(unsigned char)text[i]);
        }
    }
    return e;
}

static int put_time(struct bytes *out, uint64_t usec, enum access_unit unit)
{
    if (usec == UINT64_MAX)
        return bytes_append(out, "-", 1);
    if (unit == ACCESS_MICRO)
        return bytes_printf(out, "%" PRIu64, usec);
    return bytes_printf(out, "%.3f", (double)usec / (unit == ACCESS_MILLI ? 1e3 : 1e6));
}

static int put_amount(struct bytes *out, uint64_t bytes, enum access_unit unit)
{
    return bytes_printf(out, "%" PRIu64,
                        bytes >> (unit == ACCESS_KILO   ? 10
                                  : unit == ACCESS_MEGA ? 20
                                                        : 0));
}

static int put_cpu(struct bytes *out, const struct line *l, enum access_unit unit)
{
    const struct program *p = &l->r->program;
    uint64_t cpu = unit == ACCESS_CPU_USER     ? p->cpu_user
                   : unit == ACCESS_CPU_SYSTEM ? p->cpu - p->cpu_user
                                               : p->cpu;

    return bytes_printf(out, "%.2f",
                        l->duration == 0 ? 0.0 : (double)cpu * 100.0 / (double)l->duration);
}

static int put_stamp(struct bytes *out, uint64_t wall, const char *format)
{
    char text[STAMP_MAX];
    time_t seconds = (time_t)(wall / CLOCK_SEC);
    struct tm tm;

    if (localtime_r(&seconds, &tm) == NULL)
        return bytes_append(out, "-", 1);
    size_t length =
        strftime(text, sizeof text, format == NULL ? "%d/%b/%Y:%H:%M:%S %z" : format, &tm);
    for (size_t i = 0; i < length; i++) /* "%n" and "%t" of strftime */
        if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
            text[i] = ' ';
    return length == 0 ? bytes_append(out, "-", 1) : bytes_append(out, text, length);
}

static int put_item(struct bytes *out, const struct line *l, size_t i)
{
    const struct request *r = l->r;
    const struct access_item *item = &l->a->form->items[i];
    const char *value = l->a->values[i];

    if (access_format_is_foreign(item->field)) {
        if (value != NULL)
            return put_foreign(out, value, item->quoted, l->cap);
        return bytes_append(out, "-", item->field == ACCESS_QUERY ? 0 : 1);
    }
    switch (item->field) {
    case ACCESS_LITERAL:
        return bytes_append(out, item->text, item->length);
    case ACCESS_CPU:
        return put_cpu(out, l, item->unit);
    case ACCESS_DURATION:
        return put_time(out, l->duration, item->unit);
    case ACCESS_WAITED:
        return put_time(out, r->queue, item->unit);
    case ACCESS_FIRST:
        return put_time(out, r->first, item->unit);
    case ACCESS_LENGTH:
        return put_amount(out, l->a->content_length, ACCESS_PLAIN);
    case ACCESS_MEMORY:
        return put_amount(out, r->program.peak_memory, item->unit);
    case ACCESS_IN:
        return put_amount(out, r->bytes_in, item->unit);
    case ACCESS_OUT:
        return put_amount(out, r->bytes_out, item->unit);
    case ACCESS_POOL:
        return bytes_printf(out, "%s", r->worker->options.pool);
    case ACCESS_PID:
        return bytes_printf(out, "%ld", (long)getpid());
    case ACCESS_PARENT:
        return bytes_printf(out, "%ld", (long)getppid());
    case ACCESS_QUESTION:
        return bytes_append(out, "?", l->a->query ? 1 : 0);
    case ACCESS_STATUS:
        return status_of(r) == 0 ? bytes_append(out, "-", 1)
                                 : bytes_printf(out, "%u", status_of(r));
    case ACCESS_BEGAN:
        return put_stamp(out, l->a->wall, item->text);
    case ACCESS_ENDED:
        return put_stamp(out, l->ended, item->text);
    case ACCESS_NUMBER:
        return bytes_printf(out, "%" PRIu64, r->number);
    case ACCESS_END:
        return bytes_printf(out, "%s", end_name(r->end));
    default:
        return 0;
    }
}

static int render_text(struct bytes *out, const struct line *l)
{
    int e = 0;

    for (size_t i = 0; i < l->a->form->count && e == 0; i++)
        e = put_item(out, l, i);
    return e;
}

/* ---- JSON ---- */

static int put_string(struct bytes *out, const char *key, const char *value, size_t cap)
{
    struct bytes escaped;
    int e = bytes_printf(out, ",\"%s\":", key);

    if (value == NULL)
        return e < 0 ? e : bytes_append(out, "null", 4);
    bytes_init(&escaped, WORK_MAX);
    if (e == 0)
        e = text_escape(&escaped, value, strlen(value), cap);
    if (e == 0)
        e = bytes_append(out, "\"", 1);
    const uint8_t *at = bytes_front(&escaped);
    for (size_t i = 0; i < bytes_held(&escaped) && e == 0; i++) {
        if (at[i] == '"' || at[i] == '\\')
            e = bytes_append(out, "\\", 1);
        if (e == 0)
            e = bytes_append(out, &at[i], 1);
    }
    bytes_clear(&escaped);
    return e < 0 ? e : bytes_append(out, "\"", 1);
}

static int put_seconds(struct bytes *out, const char *key, uint64_t usec)
{
    if (usec == UINT64_MAX)
        return bytes_printf(out, ",\"%s\":null", key);
    return bytes_printf(out, ",\"%s\":%" PRIu64 ".%06u", key, usec / CLOCK_SEC,
                        (unsigned)(usec % CLOCK_SEC));
}

static int put_numbers(struct bytes *out, const struct line *l)
{
    const struct request *r = l->r;
    const struct {
        const char *key;
        uint64_t usec;
    } times[] = {
        {"duration", l->duration},
        {"queue", r->queue},
        {"first_byte", r->first},
        {"cpu_user", r->program.cpu_user},
        {"cpu_system", r->program.cpu - r->program.cpu_user},
    };
    int e = status_of(r) == 0 ? bytes_printf(out, ",\"status\":null")
                              : bytes_printf(out, ",\"status\":%u", status_of(r));

    if (e == 0)
        e = bytes_printf(out, ",\"end\":\"%s\"", end_name(r->end));
    for (size_t i = 0; i < sizeof times / sizeof *times && e == 0; i++)
        e = put_seconds(out, times[i].key, times[i].usec);
    return e < 0 ? e
                 : bytes_printf(out,
                                ",\"memory\":%" PRIu64 ",\"content_length\":%" PRIu64
                                ",\"bytes_in\":%" PRIu64 ",\"bytes_out\":%" PRIu64
                                ",\"number\":%" PRIu64 "}",
                                r->program.peak_memory, l->a->content_length, r->bytes_in,
                                r->bytes_out, r->number);
}

static int render_json(struct bytes *out, const struct line *l)
{
    static const char *const keys[] = {"remote", "user", "method", "uri", "query", "script"};
    char stamp[64];
    time_t seconds = (time_t)(l->a->wall / CLOCK_SEC);
    struct tm tm;

    if (gmtime_r(&seconds, &tm) == NULL ||
        strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &tm) == 0)
        stamp[0] = '\0';
    int e = bytes_printf(out, "{\"time\":\"%s.%06uZ\"", stamp, (unsigned)(l->a->wall % CLOCK_SEC));
    if (e == 0)
        e = put_string(out, "pool", l->r->worker->options.pool, l->cap);
    if (e == 0)
        e = bytes_printf(out, ",\"pid\":%ld", (long)getpid());
    for (size_t i = 0; i < sizeof keys / sizeof *keys && e == 0; i++)
        e = put_string(out, keys[i], l->a->values[i], l->cap);
    return e < 0 ? e : put_numbers(out, l);
}

/* ---- the line ---- */

/* Without the beginning of a character whose end did not fit. */
static size_t cut(const uint8_t *text, size_t length)
{
    while (length > 0 && (text[length] & 0xc0) == 0x80)
        length--;
    return length;
}

int access_line(const struct request *r, size_t maximum, struct bytes *out)
{
    uint64_t now = clock_monotonic();
    struct line l = {.r = r,
                     .a = r->access,
                     .duration = now > r->started ? now - r->started : 0,
                     .ended = clock_wall(),
                     .cap = ACCESS_TEXT_MAX};
    struct bytes work;
    int e;

    bytes_init(&work, WORK_MAX);
    do {
        bytes_consume(&work, bytes_held(&work));
        e = l.a->form->format.json ? render_json(&work, &l) : render_text(&work, &l);
        l.cap /= 2;
    } while ((e == -ENOBUFS || (e == 0 && bytes_held(&work) >= maximum)) && l.cap >= CAP_LEAST);
    size_t length = bytes_held(&work);
    if (e == 0 && length >= maximum)
        length = cut(bytes_front(&work), maximum - 1);
    if (e == 0)
        e = bytes_append(out, bytes_front(&work), length);
    if (e == 0)
        e = bytes_append(out, "\n", 1);
    bytes_clear(&work);
    return e;
}
