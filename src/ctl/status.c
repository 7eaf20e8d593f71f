/* SPDX-License-Identifier: Apache-2.0 */
/* gangerctl status: one FastCGI request to the status responder, then a table or the JSON itself. */

#include "ctl/status.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "base/descriptor.h"
#include "base/text.h"
#include "ctl/cells.h"
#include "report/summary.h"

enum { OUT_MAX = 64 * 1024 * 1024 };

bool status_on_terminal(void)
{
    const char *terminal = getenv("TERM");
    return isatty(STDOUT_FILENO) == 1 && terminal != NULL && terminal[0] != '\0' &&
           strcmp(terminal, "dumb") != 0;
}

struct table_style status_style(const struct ctl_status_options *o, bool utf8)
{
    const char *no_colour = getenv("NO_COLOR");
    struct table_style style = {.full = o->full};
    struct winsize size;
    if (isatty(STDOUT_FILENO) != 1)
        return style; /* whoever reads a pipe gets everything, as it is */
    style.ascii = !utf8;
    style.colour = status_on_terminal() && (no_colour == NULL || no_colour[0] == '\0');
    style.width = 80;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        style.width = size.ws_col;
    return style;
}

int status_write(const struct bytes *text)
{
    int rc = descriptor_write_all(STDOUT_FILENO, bytes_front(text), bytes_held(text));
    if (rc < 0 && rc != -EPIPE)
        fprintf(stderr, "gangerctl: cannot write: %s\n", strerror(-rc));
    return rc;
}

static bool is_bad(const struct summary *s)
{
    for (size_t i = 0; i < s->count; i++) {
        if (strcmp(s->pools[i].state, "failing") == 0 || strcmp(s->pools[i].state, "failed") == 0)
            return true;
    }
    return false;
}

int status_render(const struct ctl_status_options *o, const struct sampler *s,
                  const struct table_style *style, struct bytes *out, struct error *err)
{
    const struct bytes *page = sampler_page(s);
    struct summary summary;
    char name[256];
    if (sampler_status(s) == 404 && o->pool != NULL)
        return error_set(err, ENOENT, "there is no pool \"%s\"; `gangerctl status` lists them",
                         text_escape_fixed(name, sizeof name, o->pool, strlen(o->pool)));
    if (sampler_status(s) >= 400)
        return error_set(err, EPROTO, "%s answered with Status %u", sampler_path(s),
                         sampler_status(s));
    int rc = summary_parse(&summary, bytes_front(page), bytes_held(page), err);
    if (rc < 0)
        return error_wrap(err, "%s", sampler_path(s));
    rc = o->json ? bytes_append(out, bytes_front(page), bytes_held(page))
                 : table_print(&summary, style, out);
    bool bad = is_bad(&summary);
    summary_clear(&summary);
    if (rc < 0)
        return error_errno(err, -rc, "cannot show the status");
    return bad ? CTL_FAILED : CTL_OK;
}

static int once(const struct ctl_status_options *o, struct sampler *s, bool utf8)
{
    struct error err = ERROR_NONE;
    struct bytes out;
    int rc = sampler_wait(s, o->pool, o->full, &err);
    if (rc < 0) {
        fprintf(stderr, "gangerctl: ganger does not answer on %s: %s%s\n", sampler_path(s),
                err.text, sampler_remedy(rc));
        return CTL_UNREACHABLE;
    }
    struct table_style style = status_style(o, utf8);
    bytes_init(&out, OUT_MAX);
    int status = status_render(o, s, &style, &out, &err);
    if (status < 0) {
        fprintf(stderr, "gangerctl: %s\n", err.text);
        status = CTL_UNREACHABLE;
    } else if (status_write(&out) < 0) {
        status = CTL_WRITE;
    }
    bytes_clear(&out);
    return status;
}

int ctl_status(const struct ctl_status_options *options)
{
    struct error err = ERROR_NONE;
    if (descriptor_open_standard() < 0)
        return CTL_UNREACHABLE;
    (void)signal(SIGPIPE, SIG_IGN);
    bool utf8 = cells_locale();
    struct sampler *s = sampler_new(options->directory, &err);
    if (s == NULL) {
        fprintf(stderr, "gangerctl: %s\n", err.text);
        return CTL_UNREACHABLE;
    }
    int status = options->watch > 0 ? status_watch(options, s, utf8) : once(options, s, utf8);
    (void)sampler_free(s);
    return status;
}
