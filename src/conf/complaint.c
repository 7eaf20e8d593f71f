/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Mistakes are found by several passes over the same text (characters, syntax, values, the sense
 * of it all), but a reader fixes a file from top to bottom.  So everything is collected with its
 * place and sorted once at the end.
 */

#include "conf/complaint.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/text.h"

/* Names and values have been escaped; a pool's title or a file's name may still hold anything. */
static char *tame(char *text)
{
    for (char *c = text; c != NULL && *c != '\0'; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = '?';
    }
    return text;
}

static char *sentence(const struct place *where, const char *what)
{
    char line[16] = "";
    if (where->line > 0)
        snprintf(line, sizeof line, ":%u", where->line);
    if (where->pool != NULL)
        return tame(text_format("%s%s: pool %s: %s", where->file_name, line, where->pool, what));
    return tame(text_format("%s%s: %s", where->file_name, line, what));
}

__attribute__((format(printf, 4, 0))) static void add(struct complaint_box *box,
                                                      const struct place *where, bool warning,
                                                      const char *format, va_list arguments)
{
    if (!warning)
        box->errors++;
    if (box->count >= COMPLAINT_MAX) {
        box->overflow = true;
        return;
    }
    if (box->count == box->capacity) {
        size_t capacity = box->capacity == 0 ? 16 : box->capacity * 2;
        struct complaint *items = reallocarray(box->items, capacity, sizeof *items);
        if (items == NULL) {
            box->no_memory = true;
            return;
        }
        box->items = items;
        box->capacity = capacity;
    }
    char what[1500];
    vsnprintf(what, sizeof what, format, arguments);
    char *text = sentence(where, what);
    if (text == NULL) {
        box->no_memory = true;
        return;
    }
    box->items[box->count] = (struct complaint){
        .file = where->file,
        .line = where->line,
        .sequence = box->count,
        .text = text,
        .warning = warning,
    };
    box->count++;
}

void complaint_error(struct complaint_box *box, const struct place *where, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    add(box, where, false, format, arguments);
    va_end(arguments);
}

void complaint_warning(struct complaint_box *box, const struct place *where, const char *format,
                       ...)
{
    va_list arguments;
    va_start(arguments, format);
    add(box, where, true, format, arguments);
    va_end(arguments);
}

void complaint_lose(struct complaint_box *box, const struct place *where)
{
    if (box->lost_count >= COMPLAINT_MAX)
        return;
    struct complaint_line *lost = reallocarray(box->lost, box->lost_count + 1, sizeof *lost);
    if (lost == NULL) {
        box->no_memory = true;
        return;
    }
    box->lost = lost;
    lost[box->lost_count++] = (struct complaint_line){.file = where->file, .line = where->line};
}

bool complaint_is_lost(const struct complaint_box *box, unsigned file, unsigned first,
                       unsigned last)
{
    for (size_t i = 0; i < box->lost_count; i++) {
        if (box->lost[i].file == file && box->lost[i].line >= first && box->lost[i].line <= last)
            return true;
    }
    return false;
}

static int in_file_order(const void *left, const void *right)
{
    const struct complaint *a = left, *b = right;
    if (a->file != b->file)
        return a->file < b->file ? -1 : 1;
    if (a->line != b->line)
        return a->line < b->line ? -1 : 1;
    return a->sequence < b->sequence ? -1 : a->sequence > b->sequence;
}

int complaint_hand_out(struct complaint_box *box, struct conf_complaints *ret)
{
    if (box->no_memory)
        return -ENOMEM;
    if (box->count == 0)
        return 0;
    size_t extra = box->overflow ? 1 : 0;
    struct conf_complaint *items =
        reallocarray(ret->items, ret->count + box->count + extra, sizeof *items);
    if (items == NULL)
        return -ENOMEM;
    ret->items = items;
    char *more = NULL;
    if (box->overflow) {
        more = text_format("there are more mistakes than the %d shown here", COMPLAINT_MAX);
        if (more == NULL)
            return -ENOMEM;
    }
    qsort(box->items, box->count, sizeof *box->items, in_file_order);
    for (size_t i = 0; i < box->count; i++)
        items[ret->count++] = (struct conf_complaint){
            .text = box->items[i].text,
            .warning = box->items[i].warning,
        };
    if (more != NULL)
        items[ret->count++] = (struct conf_complaint){.text = more, .warning = box->errors == 0};
    box->count = 0;
    return 0;
}

void complaint_clear(struct complaint_box *box)
{
    for (size_t i = 0; i < box->count; i++)
        free(box->items[i].text);
    free(box->items);
    free(box->lost);
    *box = (struct complaint_box){0};
}

void conf_complaints_clear(struct conf_complaints *c)
{
    for (size_t i = 0; i < c->count; i++)
        free(c->items[i].text);
    free(c->items);
    *c = (struct conf_complaints){0};
}
