/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a line of the control socket: no crash; what is refused has a reason that is fit for a
 * terminal; and what is understood is understood the same when it is written down again.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "master/orders.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_error(const struct error *err)
{
    if (err->text[0] == '\0')
        abort();
    for (const char *c = err->text; *c != '\0'; c++) {
        if ((unsigned char)*c < 32 || (unsigned char)*c == 127)
            abort();
    }
}

static void check(const struct order *o)
{
    struct error err = ERROR_NONE;
    struct order again;
    char number[16] = "", line[ORDERS_LINE_MAX];

    if (memchr(o->pool, '\0', sizeof(o->pool)) == NULL || o->number > ORDERS_SCALE_MAX)
        abort();
    if (o->number > 0)
        (void)snprintf(number, sizeof(number), " %u", o->number);
    int length = snprintf(line, sizeof(line), "%s %s%s%s", orders_name(o->word), o->pool, number,
                          o->wait ? " wait" : "");
    if (length < 0 || orders_parse(&again, line, (size_t)length, &err) != 0 ||
        again.word != o->word || again.number != o->number || again.wait != o->wait ||
        strcmp(again.pool, o->pool) != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error err = ERROR_NONE;
    struct order o;
    char *line = malloc(size == 0 ? 1 : size); /* to the byte, for the sanitizer */

    if (line == NULL)
        abort();
    memcpy(line, data, size);
    if (orders_parse(&o, line, size, &err) == 0)
        check(&o);
    else
        check_error(&err);
    free(line);
    return 0;
}
