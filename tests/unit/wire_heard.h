/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_TESTS_WIRE_HEARD_H
#define GANGER_TESTS_WIRE_HEARD_H

/*
 * What a reader says, as text: one word per event with a blank before it, pieces of a body joined,
 * so that the text does not depend on how the stream was cut.
 */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/bytes.h"
#include "wire/params.h"
#include "wire/reader.h"
#include "wire/record.h"

struct heard {
    struct bytes text;
    uint16_t body_id; /* the last event was READER_BODY of this id */
    bool in_body;
    size_t body_length;
};

static void heard_close_body(struct heard *h)
{
    if (h->in_body && h->body_length > 40)
        bytes_printf(&h->text, "<%zu>", h->body_length);
    h->in_body = false;
}

static void heard_params(struct heard *h, const struct params *p)
{
    const char *name, *value;
    size_t name_length, value_length;

    bytes_printf(&h->text, "{");
    for (size_t i = 0; i < params_count(p); i++) {
        params_get(p, i, &name, &name_length, &value, &value_length);
        bytes_printf(&h->text, "%s%.*s", i == 0 ? "" : ",", (int)name_length, name);
        if (value_length > 40)
            bytes_printf(&h->text, "=<%zu>", value_length);
        else if (value_length > 0)
            bytes_printf(&h->text, "=%.*s", (int)value_length, value);
    }
    bytes_printf(&h->text, "}");
}

static void heard_body(struct heard *h, const struct reader_event *ev)
{
    if (!h->in_body || h->body_id != ev->id) {
        heard_close_body(h);
        bytes_printf(&h->text, " body%u:", ev->id);
        h->in_body = true;
        h->body_id = ev->id;
        h->body_length = 0;
    }
    for (size_t i = 0; i < ev->length; i++) {
        char shown = ev->data[i] > ' ' && ev->data[i] < 0x7f ? (char)ev->data[i] : '.';

        if (h->body_length++ < 40)
            bytes_append(&h->text, &shown, 1);
    }
}

static void heard_event(struct heard *h, const struct reader_event *ev)
{
    static const char *const names[] = {
        [READER_BEGAN] = "began",     [READER_TOO_LARGE] = "large", [READER_BODY_END] = "over",
        [READER_DRAINED] = "drained", [READER_ABORT] = "abort",
    };

    if (ev->type == READER_BODY) {
        heard_body(h, ev);
        return;
    }
    heard_close_body(h);
    switch (ev->type) {
    case READER_REQUEST:
        bytes_printf(&h->text, " request%u", ev->id);
        heard_params(h, ev->params);
        params_free(ev->params);
        break;
    case READER_VALUES:
        bytes_printf(&h->text, " values");
        heard_params(h, ev->params);
        params_free(ev->params);
        break;
    case READER_REFUSED:
        bytes_printf(&h->text, " refused%u/%u/%u", ev->id, ev->protocol_status, ev->app_status);
        break;
    case READER_UNKNOWN:
        bytes_printf(&h->text, " unknown%u", ev->unknown_type);
        break;
    default:
        bytes_printf(&h->text, " %s%u", names[ev->type], ev->id);
        if (ev->type == READER_BEGAN && (ev->role != FCGI_RESPONDER || ev->flags != 0))
            bytes_printf(&h->text, "r%uf%u", ev->role, ev->flags);
    }
}

#endif
