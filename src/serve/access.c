/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/access.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "base/clock.h"
#include "base/log.h"
#include "base/number.h"
#include "base/text.h"
#include "serve/ledger.h"

/* More than is ever shown, by a character: what is longer ends in "..." */
#define VALUE_MAX (ACCESS_TEXT_MAX + 4u)

/* In the order in which access_line.c names them. */
static const struct access_item json_items[] = {
    {.field = ACCESS_REMOTE}, {.field = ACCESS_USER},  {.field = ACCESS_METHOD},
    {.field = ACCESS_URI},    {.field = ACCESS_QUERY}, {.field = ACCESS_SCRIPT},
};

/* ---- the form ---- */

static void release(struct access_form *f)
{
    if (f == NULL || --f->references > 0)
        return;
    for (size_t i = 0; f->suppressed != NULL && f->suppressed[i] != NULL; i++)
        free(f->suppressed[i]);
    free(f->suppressed);
    access_format_clear(&f->format);
    free(f);
}

static int read_suppressed(struct access_form *f, const struct settings *s)
{
    size_t count = 0;

    while (settings_get_nth(s, "access.suppress_path", count) != NULL)
        count++;
    f->suppressed = calloc(count + 1, sizeof *f->suppressed);
    for (size_t i = 0; f->suppressed != NULL && i < count; i++) {
        f->suppressed[i] = strdup(settings_get_nth(s, "access.suppress_path", i));
        if (f->suppressed[i] == NULL)
            return -ENOMEM;
    }
    return f->suppressed == NULL ? -ENOMEM : 0;
}

int access_renew(struct worker *w, const struct settings *settings, struct error *err)
{
    struct access_form *f = calloc(1, sizeof *f);

    if (f == NULL)
        return error_errno(err, ENOMEM, "access.format");
    f->references = 1;
    int r = access_format_parse(
        &f->format, settings_get(settings, "access.format", ACCESS_FORMAT_DEFAULT), err);
    if (r == 0 && (r = read_suppressed(f, settings)) < 0)
        (void)error_errno(err, ENOMEM, "access.suppress_path");
    if (r < 0) {
        release(f);
        return error_wrap(err, "setting access.format");
    }
    f->items = f->format.json ? json_items : f->format.items;
    f->count = f->format.json ? sizeof json_items / sizeof *json_items : f->format.count;
    for (size_t i = 0; i < f->count; i++)
        f->headers |= f->items[i].field == ACCESS_HEADER;
    release(w->access);
    w->access = f;
    return 0;
}

void access_close(struct worker *w)
{
    release(w->access);
    w->access = NULL;
}

/* ---- what came in ---- */

static char *copy_of(const char *text, size_t length)
{
    return length == 0 ? NULL : strndup(text, length < VALUE_MAX ? length : VALUE_MAX);
}

static const char *param(const struct request *r, const char *name)
{
    const char *value = r->params == NULL ? NULL : params_find(r->params, name, NULL);

    return value == NULL ? "" : value;
}

static char *uri_of(const struct request *r)
{
    const char *uri = param(r, "REQUEST_URI");

    if (*uri != '\0')
        return copy_of(uri, strcspn(uri, "?"));
    const char *name = param(r, "SCRIPT_NAME"), *info = param(r, "PATH_INFO");
    char *whole = text_format("%s%s", name, info);
    char *copy = whole == NULL ? NULL : copy_of(whole, strlen(whole));
    free(whole);
    return copy;
}

static char *value_of(const struct request *r, const struct access_item *item)
{
    const char *name = NULL;

    switch (item->field) {
    case ACCESS_VARIABLE:
        name = item->text;
        break;
    case ACCESS_METHOD:
        name = "REQUEST_METHOD";
        break;
    case ACCESS_QUERY:
        name = "QUERY_STRING";
        break;
    case ACCESS_REMOTE:
        name = "REMOTE_ADDR";
        break;
    case ACCESS_USER:
        name = "REMOTE_USER";
        break;
    case ACCESS_SCRIPT: /* until it is known better */
        name = "SCRIPT_FILENAME";
        break;
    case ACCESS_URI:
        return uri_of(r);
    default:
        return NULL;
    }
    return copy_of(param(r, name), strlen(param(r, name)));
}

/* As PHP-FPM: only what says no more than that somebody looked whether we live. */
static bool may_suppress(const struct request *r, const struct access_form *f)
{
    const char *method = param(r, "REQUEST_METHOD");
    bool listed = false;

    if (f->suppressed[0] == NULL || *param(r, "QUERY_STRING") != '\0' ||
        (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0))
        return false;
    char *uri = uri_of(r);
    for (size_t i = 0; uri != NULL && f->suppressed[i] != NULL; i++)
        listed |= strcmp(uri, f->suppressed[i]) == 0;
    free(uri);
    return listed;
}

void access_begin(struct request *r)
{
    struct access_form *f = r->worker->access;

    if (f == NULL || r->worker->logs[HANDOVER_LOG_ACCESS] < 0)
        return;
    struct access_record *a = calloc(1, sizeof *a + f->count * sizeof *a->values);
    if (a == NULL) {
        ledger_drop(r->worker, HANDOVER_LOG_ACCESS, ENOMEM);
        return;
    }
    f->references++;
    a->form = f;
    a->wall = clock_wall();
    a->query = *param(r, "QUERY_STRING") != '\0';
    if (number_parse(param(r, "CONTENT_LENGTH"), INT64_MAX, &a->content_length) < 0)
        a->content_length = 0;
    a->suppressed = a->content_length == 0 && may_suppress(r, f);
    for (size_t i = 0; i < f->count; i++)
        a->values[i] = value_of(r, &f->items[i]);
    r->access = a;
}

void access_script(struct request *r, const char *path)
{
    struct access_record *a = r->access;

    for (size_t i = 0; a != NULL && path != NULL && i < a->form->count; i++) {
        if (a->form->items[i].field != ACCESS_SCRIPT)
            continue;
        free(a->values[i]);
        a->values[i] = copy_of(path, strlen(path));
    }
}

/* ---- what went out ---- */

bool access_wants_headers(const struct request *r)
{
    return r->access != NULL && r->access->form->headers;
}

void access_header(void *request, const char *name, size_t name_length, const char *value,
                   size_t value_length)
{
    const struct request *r = request;
    struct access_record *a = r->access;

    for (size_t i = 0; a != NULL && i < a->form->count; i++) {
        const struct access_item *item = &a->form->items[i];

        if (item->field != ACCESS_HEADER || a->values[i] != NULL || item->length != name_length ||
            strncasecmp(item->text, name, name_length) != 0)
            continue;
        a->values[i] = copy_of(value, value_length);
    }
}

void access_answer(struct request *r, const void *data, size_t length)
{
    const char *at = data, *end = at + length, *line;

    if (!access_wants_headers(r))
        return;
    for (size_t i = 0; i < r->access->form->count; i++) { /* a program's, that were not sent */
        if (r->access->form->items[i].field != ACCESS_HEADER)
            continue;
        free(r->access->values[i]);
        r->access->values[i] = NULL;
    }
    for (; (line = memmem(at, (size_t)(end - at), "\r\n", 2)) != NULL && line > at; at = line + 2) {
        const char *colon = memchr(at, ':', (size_t)(line - at));
        if (colon == NULL)
            continue;
        const char *value = colon + 1;
        while (value < line && *value == ' ')
            value++;
        access_header(r, at, (size_t)(colon - at), value, (size_t)(line - value));
    }
}

static bool is_suppressed(const struct request *r)
{
    return r->access->suppressed && r->bytes_in == 0 && r->status >= 200 && r->status < 300 &&
           r->end == REQUEST_END_OK;
}

void access_end(struct request *r)
{
    struct worker *w = r->worker;
    struct bytes line;

    if (r->access == NULL)
        return;
    size_t room = ledger_room(w, HANDOVER_LOG_ACCESS);
    bytes_init(&line, room);
    if (room > 0 && !is_suppressed(r)) {
        if (access_line(r, room, &line) < 0)
            ledger_drop(w, HANDOVER_LOG_ACCESS, ENOMEM);
        else
            ledger_write(w, HANDOVER_LOG_ACCESS, bytes_front(&line), bytes_held(&line));
    }
    bytes_clear(&line);
    access_forget(r);
}

void access_forget(struct request *r)
{
    struct access_record *a = r->access;

    if (a == NULL)
        return;
    for (size_t i = 0; i < a->form->count; i++)
        free(a->values[i]);
    release(a->form);
    free(a);
    r->access = NULL;
}
