/* SPDX-License-Identifier: Apache-2.0 */
/* Writing what was frozen, and its descriptors. */
#include "pool/frozen.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "pool/frozen_fields.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* ---- writing ---- */

static int put(struct state *to, uint32_t kind, const struct frozen_fields *fields,
               const void *from, const struct frozen_line *line)
{
    struct settings s;

    settings_init(&s);
    int r = state_write_fields(&s, fields->rows, fields->count, from);
    if (r == 0)
        r = state_write_bytes(&s, "line", line->data, line->length);
    if (r == 0)
        r = state_add_settings(to, kind, &s);
    settings_clear(&s);
    return r;
}

int frozen_put_worker(struct state *to, const struct frozen_worker *w)
{
    return put(to, FROZEN_WORKER, &frozen_fields_worker, w, &w->line);
}

int frozen_put_leftover(struct state *to, const struct frozen_leftover *l)
{
    return put(to, FROZEN_LEFTOVER, &frozen_fields_leftover, l, &l->line);
}

/* One entry for each: descriptor (none when it is closed), flags, address. */
static int put_ports(struct settings *s, const struct frozen_gang *g)
{
    int r = 0;

    for (size_t i = 0; i < g->port_count && r == 0; i++) {
        const struct frozen_port *p = &g->ports[i];
        char text[ADDRESS_TEXT_MAX + 32];

        (void)snprintf(text, sizeof(text), "%d %d %d %d %s", p->fd < 0 ? 0 : p->fd, p->lent,
                       p->deaf, p->foreign, p->text);
        r = settings_add(s, "port", text);
    }
    return r;
}

/* They are nothing but numbers: board/board.h. */
static int put_totals(struct settings *s, const char *name, const struct board_totals *totals)
{
    uint64_t numbers[BOARD_GONE];
    char text[BOARD_GONE * 21 + 1];
    size_t length = 0;

    memcpy(numbers, totals, sizeof(numbers));
    for (size_t i = 0; i < BOARD_GONE; i++)
        length += (size_t)snprintf(text + length, sizeof(text) - length, "%llu ",
                                   (unsigned long long)numbers[i]);
    return settings_add(s, name, text);
}

/* Most of them are 0: of the others, place and number. */
static int put_deaths(struct settings *s, const char *name, const uint32_t *counts, size_t count)
{
    char text[BOARD_EXIT_CODES * 15 + 1];
    size_t length = 0;

    text[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        if (counts[i] != 0)
            length += (size_t)snprintf(text + length, sizeof(text) - length, "%u %u ", (unsigned)i,
                                       counts[i]);
    }
    return settings_add(s, name, text);
}

static int put_card(struct settings *s, const char *codes, const char *signals,
                    const struct board_card *card)
{
    int r = put_deaths(s, codes, card->exit_codes, BOARD_EXIT_CODES);

    return r < 0 ? r : put_deaths(s, signals, card->exit_signals, BOARD_EXIT_SIGNALS);
}

int frozen_put_gang(struct state *to, const struct frozen_gang *g)
{
    struct settings s;

    settings_init(&s);
    int r = state_write_fields(&s, frozen_fields_gang.rows, frozen_fields_gang.count, g);
    if (r == 0)
        r = put_totals(&s, "gone", &g->gone);
    if (r == 0)
        r = put_totals(&s, "inherited", &g->inherited);
    if (r == 0)
        r = put_card(&s, "exit_codes", "exit_signals", &g->card);
    if (r == 0)
        r = put_card(&s, "inherited_codes", "inherited_signals", &g->inherited_card);
    for (size_t i = 0; i < WINDOW_BUCKETS && r == 0; i++)
        r = settings_add_number(&s, "needed", g->window.buckets[i]);
    if (r == 0)
        r = put_ports(&s, g);
    if (r == 0)
        r = state_add_settings(to, FROZEN_GANG, &s);
    settings_clear(&s);
    return r;
}

/* ---- descriptors ---- */

int frozen_add_fd(struct frozen_fds *to, int fd)
{
    if (fd < 0)
        return 0;
    if (to->count == to->room) {
        size_t room = to->room * 2 + 64;
        int *more = reallocarray(to->items, room, sizeof(*more));

        if (more == NULL)
            return -ENOMEM;
        to->items = more;
        to->room = room;
    }
    to->items[to->count++] = fd;
    return 0;
}

void frozen_fds_clear(struct frozen_fds *f)
{
    free(f->items);
    *f = (struct frozen_fds){0};
}

int frozen_list(const struct frozen_gang *g, struct frozen_fds *to)
{
    const int own[] = {g->board, g->bell_read, g->bell_write};
    int r = 0;

    for (size_t i = 0; i < COUNT(own) && r == 0; i++)
        r = frozen_add_fd(to, own[i]);
    for (size_t i = 0; i < g->port_count && r == 0; i++)
        r = frozen_add_fd(to, g->ports[i].fd);
    for (size_t i = 0; i < g->worker_count && r == 0; i++) {
        const struct frozen_worker *w = &g->workers[i];
        const int its[] = {w->pidfd, w->report, w->channel, w->output};

        for (size_t k = 0; k < COUNT(its) && r == 0; k++)
            r = frozen_add_fd(to, its[k]);
    }
    for (size_t i = 0; i < g->leftover_count && r == 0; i++)
        r = frozen_add_fd(to, g->leftovers[i].output);
    return r;
}

void frozen_clear(struct frozen_gang *g)
{
    for (size_t i = 0; i < g->worker_count; i++)
        free(g->workers[i].line.data);
    for (size_t i = 0; i < g->leftover_count; i++)
        free(g->leftovers[i].line.data);
    free(g->ports);
    free(g->workers);
    free(g->leftovers);
    *g = (struct frozen_gang){0};
}
