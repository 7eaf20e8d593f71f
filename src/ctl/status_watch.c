/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gangerctl status --watch.  On a terminal each status is drawn over the last one, on a screen of its
 * own that goes when the command does; elsewhere one block follows the other.  While ganger does not
 * answer the last status stays, and a line says since when.
 */

#include "ctl/status.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/number.h"
#include "ctl/cells.h"
#include "ctl/figures.h"
#include "ctl/interrupts.h"

enum { OUT_MAX = 64 * 1024 * 1024, LINES_DEFAULT = 24 };

#define ENTER "\033[?1049h\033[?25l"
#define LEAVE "\033[?25h\033[?1049l"

struct watch {
    const struct ctl_status_options *o;
    struct sampler *s;
    bool utf8, screen; /* drawn in place */
    uint64_t next;     /* monotonic, when the next question is due */
    uint64_t answered; /* monotonic, of the last answer or the start */
    struct error away; /* number 0: ganger answers */
    struct bytes table;
    bool any; /* a block was written */
    int failure;
};

static void put(struct watch *w, const struct bytes *text)
{
    if (w->failure == 0)
        w->failure = status_write(text);
}

static void put_string(struct watch *w, const char *text)
{
    struct bytes b;
    bytes_init(&b, OUT_MAX);
    if (bytes_append(&b, text, strlen(text)) == 0)
        put(w, &b);
    bytes_clear(&b);
}

/*
 * ---- in place ----
 *
 * A line is cleared before it is written: when it fills the terminal, many still have the cursor on its
 * last cell, and what clears the rest of the line takes that cell, too.
 */

static void put_title(struct watch *w, const struct table_style *style, struct bytes *out)
{
    char every[NUMBER_TEXT_MAX];
    char stamp[CLOCK_TEXT_MAX];
    char silent[FIGURES_MAX];
    char line[CELLS_BYTES_MAX];
    char text[2 * CELLS_BYTES_MAX];
    snprintf(text, sizeof text, "Every %s  %s", number_format_duration(every, w->o->watch),
             clock_format_log(stamp, clock_wall()));
    cells_cut(line, text, style->width, style->ascii);
    (void)bytes_printf(out, "\033[H\033[K%s\r\n\033[K", line);
    text[0] = '\0';
    if (w->away.number != 0)
        snprintf(text, sizeof text, "No answer for %s, trying again: %s",
                 figures_age(silent, (clock_monotonic() - w->answered) / CLOCK_SEC), w->away.text);
    cells_cut(line, text, style->width, style->ascii);
    (void)bytes_printf(out, "%s%s%s", style->colour ? "\033[31m" : "", line,
                       style->colour ? "\033[0m" : "");
}

static unsigned lines_of_terminal(void)
{
    struct winsize size;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_row == 0)
        return LINES_DEFAULT;
    return size.ws_row;
}

/* As many lines as there is room for, and how many are missing. */
static int put_body(const struct bytes *table, unsigned room, unsigned width, struct bytes *out)
{
    const char *at = (const char *)bytes_front(table);
    const char *end = at + bytes_held(table);
    char text[CELLS_BYTES_MAX];
    size_t count = 0;
    int rc = 0;
    for (const char *c = at; c < end; c++)
        count += *c == '\n';
    size_t shown = count <= room ? count : room > 0 ? room - 1 : 0;
    for (size_t i = 0; rc == 0 && i < shown; i++) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        rc = bytes_printf(out, "\r\n\033[K%.*s", (int)(newline - at), at);
        at = newline + 1;
    }
    if (rc == 0 && shown < count && room > 0) {
        snprintf(text, sizeof text, "%zu more lines; `gangerctl top` scrolls", count - shown);
        rc = bytes_printf(out, "\r\n\033[K%.*s", (int)width, text);
    }
    return rc < 0 || count >= room ? rc : bytes_printf(out, "\r\n\033[J");
}

static void draw(struct watch *w)
{
    struct table_style style = status_style(w->o, w->utf8);
    unsigned lines = lines_of_terminal();
    struct bytes out;
    bytes_init(&out, OUT_MAX);
    put_title(w, &style, &out);
    if (put_body(&w->table, lines > 2 ? lines - 2 : 0, style.width, &out) == 0)
        put(w, &out);
    bytes_clear(&out);
}

/* ---- one block after the other ---- */

static void add_block(struct watch *w)
{
    char stamp[CLOCK_TEXT_MAX];
    if (!w->o->json) {
        put_string(w, w->any ? "\n" : "");
        put_string(w, clock_format_log(stamp, clock_wall()));
        put_string(w, "\n");
    }
    put(w, &w->table);
    size_t length = bytes_held(&w->table);
    if (length == 0 || bytes_front(&w->table)[length - 1] != '\n')
        put_string(w, "\n");
    w->any = true;
}

/* ---- the loop ---- */

static void fail(struct watch *w, const struct error *err)
{
    bool news = w->away.number == 0;
    w->away = *err;
    if (w->screen)
        draw(w);
    else if (news)
        fprintf(stderr, "gangerctl: no answer, trying again: %s\n", err->text);
}

static void take_answer(struct watch *w)
{
    struct error err = ERROR_NONE;
    struct table_style style = status_style(w->o, w->utf8);
    style.cut = w->screen;
    struct bytes table;
    bytes_init(&table, OUT_MAX);
    if (status_render(w->o, w->s, &style, &table, &err) < 0) {
        bytes_clear(&table);
        fail(w, &err);
        return;
    }
    bytes_clear(&w->table);
    w->table = table;
    w->answered = clock_monotonic();
    if (w->away.number != 0 && !w->screen)
        fprintf(stderr, "gangerctl: ganger answers again\n");
    w->away = ERROR_NONE;
    if (w->screen)
        draw(w);
    else
        add_block(w);
}

static void ask(struct watch *w, uint64_t now)
{
    struct error err = ERROR_NONE;
    w->next = now + w->o->watch;
    if (sampler_ask(w->s, w->o->pool, w->o->full, &err) < 0)
        fail(w, &err);
}

static void hear(struct watch *w)
{
    struct error err = ERROR_NONE;
    int rc = sampler_turn(w->s, &err);
    if (rc == SAMPLER_ANSWERED)
        take_answer(w);
    else if (rc < 0)
        fail(w, &err);
}

/* The signal that ends it, or 0. */
static int take_signals(struct watch *w)
{
    struct interrupts seen = interrupts_take();
    if (seen.end != 0)
        return seen.end;
    if (seen.stop) {
        put_string(w, w->screen ? LEAVE : "");
        interrupts_stop();
        int end = interrupts_take().end; /* `kill %1` */
        if (end != 0) {
            w->screen = false; /* it has been left */
            return end;
        }
    }
    if (w->screen && (seen.stop || seen.resume))
        put_string(w, ENTER);
    if (seen.resize || seen.stop || seen.resume)
        w->next = clock_monotonic(); /* a table for the width of now */
    return 0;
}

static int milliseconds_to(uint64_t until, uint64_t now)
{
    return until <= now ? 0 : (int)((until - now + CLOCK_MSEC - 1) / CLOCK_MSEC);
}

/* The signal that ended it, or 0 when the output did. */
static int run(struct watch *w)
{
    int ended = 0;
    while (ended == 0 && w->failure == 0) {
        uint64_t now = clock_monotonic();
        if (now >= w->next && !sampler_asking(w->s)) {
            ask(w, now);
            continue;
        }
        uint64_t until = sampler_asking(w->s) ? sampler_deadline(w->s) : w->next;
        struct pollfd fds[] = {
            {.fd = interrupts_fd(), .events = POLLIN},
            {.fd = sampler_fd(w->s), .events = sampler_events(w->s)},
        };
        if (poll(fds, sizeof fds / sizeof *fds, milliseconds_to(until, now)) < 0 && errno != EINTR)
            break;
        if (fds[0].revents != 0)
            ended = take_signals(w);
        if (ended == 0 && sampler_asking(w->s) &&
            (fds[1].revents != 0 || clock_monotonic() >= sampler_deadline(w->s)))
            hear(w);
    }
    return ended;
}

int status_watch(const struct ctl_status_options *o, struct sampler *s, bool utf8)
{
    struct watch w = {.o = o, .s = s, .utf8 = utf8, .answered = clock_monotonic()};
    struct error err = ERROR_NONE;
    if (interrupts_open(&err) < 0) {
        fprintf(stderr, "gangerctl: %s\n", err.text);
        return CTL_UNREACHABLE;
    }
    w.screen = !o->json && status_on_terminal();
    put_string(&w, w.screen ? ENTER : "");
    int ended = run(&w);
    int failure = w.failure;
    w.failure = 0;
    put_string(&w, w.screen ? LEAVE : "");
    bytes_clear(&w.table);
    interrupts_close(ended);
    return failure == 0 ? CTL_OK : CTL_WRITE;
}
