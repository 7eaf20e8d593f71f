/* SPDX-License-Identifier: Apache-2.0 */
/* The only way from a snapshot's bytes to what is printed: here they are clamped and escaped. */

#include "report/field.h"

#include <stdio.h>
#include <string.h>
#include <signal.h>
#include "base/clock.h"
#include "base/text.h"

/* 31-Dec-9999, the last second that every date formatter can print. */
#define STAMP_MAX UINT64_C(253402300799)

static uint64_t raw(const struct field *f, const void *const *homes)
{
    const char *at = (const char *)homes[f->home] + f->offset;
    uint32_t small;
    uint64_t large;

    if (f->size == sizeof small) {
        memcpy(&small, at, sizeof small);
        return small;
    }
    memcpy(&large, at, sizeof large);
    return large;
}

bool field_is_shown(const struct field *f, const void *const *homes)
{
    switch (f->shown) {
    case FIELD_IF_SET:
        return raw(f, homes) != 0;
    case FIELD_IF_KNOWN:
        return raw(f, homes) != FIELD_UNKNOWN;
    case FIELD_ALWAYS:
    default:
        return true;
    }
}

uint64_t field_number(const struct field *f, const void *const *homes)
{
    uint64_t value = raw(f, homes);
    uint64_t most = f->most != 0 ? f->most : ROWS_NUMBER_MAX;

    if (f->type == ROW_STAMP) {
        value /= CLOCK_SEC;
        most = STAMP_MAX;
    }
    return value < most ? value : most;
}

size_t field_text(const struct field *f, const void *const *homes, char *out, size_t size)
{
    const char *value = (const char *)homes[f->home] + f->offset;
    size_t length = strnlen(value, f->size);
    size_t i = 0;

    if (length == 0) {
        value = f->fallback;
        length = strlen(value);
    }
    /* Nearly always there is nothing to escape. */
    while (i < length && i + 1 < size && value[i] >= ' ' && value[i] <= '~' && value[i] != '\\') {
        out[i] = value[i];
        i++;
    }
    if (i == length) {
        out[i] = '\0';
        return i;
    }
    (void)text_escape_fixed(out, size, value, length);
    return strlen(out);
}

/* "0.0005", "1", "+Inf": without trailing zeros. */
static void bound_text(char *out, size_t size, uint64_t usec)
{
    if (usec == UINT64_MAX) {
        (void)snprintf(out, size, "+Inf");
        return;
    }
    (void)snprintf(out, size, "%llu.%06llu", (unsigned long long)(usec / CLOCK_SEC),
                   (unsigned long long)(usec % CLOCK_SEC));
    size_t length = strlen(out);
    while (length > 0 && out[length - 1] == '0')
        out[--length] = '\0';
    if (length > 0 && out[length - 1] == '.')
        out[--length] = '\0';
}

/* What never changes, spelt once. */
static struct {
    bool made;
    char bound[BOARD_BUCKETS][24];
    char bound_float[BOARD_BUCKETS][28];
    char label[BOARD_TIMES][BOARD_BUCKETS][40];
} spelt;

static void spell(void)
{
    for (unsigned i = 0; i < BOARD_BUCKETS; i++) {
        bound_text(spelt.bound[i], sizeof spelt.bound[i], board_bucket_bound(i));
        bool whole = strpbrk(spelt.bound[i], ".I") == NULL;
        (void)snprintf(spelt.bound_float[i], sizeof spelt.bound_float[i], "%s%s", spelt.bound[i],
                       whole ? ".0" : "");
        for (unsigned h = 0; h < BOARD_TIMES; h++) {
            const struct field_histogram *histogram = &field_histograms[h];
            char *label = spelt.label[h][i];
            if (board_bucket_bound(i) == UINT64_MAX)
                (void)snprintf(label, sizeof spelt.label[h][i], "%s", histogram->longer);
            else
                (void)snprintf(label, sizeof spelt.label[h][i], "%s <= %s s", histogram->took,
                               spelt.bound[i]);
        }
    }
    spelt.made = true;
}

const char *field_bound(unsigned i)
{
    if (!spelt.made)
        spell();
    return spelt.bound[i < BOARD_BUCKETS ? i : BOARD_BUCKETS - 1];
}

const char *field_bound_float(unsigned i)
{
    (void)field_bound(i);
    return spelt.bound_float[i < BOARD_BUCKETS ? i : BOARD_BUCKETS - 1];
}

const char *field_bound_label(unsigned histogram, unsigned i)
{
    if (!spelt.made)
        spell();
    return spelt
        .label[histogram < BOARD_TIMES ? histogram : 0][i < BOARD_BUCKETS ? i : BOARD_BUCKETS - 1];
}

void field_signal(char *out, size_t size, unsigned number)
{
    const char *name = sigabbrev_np((int)number);
    int first = SIGRTMIN;

    if (name != NULL)
        (void)snprintf(out, size, "SIG%s", name);
    else if (number >= (unsigned)first && number <= (unsigned)SIGRTMAX)
        (void)snprintf(out, size, "SIGRTMIN+%u", number - (unsigned)first);
    else
        (void)snprintf(out, size, "SIG%u", number);
}
