/* SPDX-License-Identifier: Apache-2.0 */
/* The command line's words.  Everything that a user can mistype ends here, in one manner. */

#include "ctl/argument.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "base/clock.h"
#include "base/number.h"
#include "base/text.h"
#include "wire/record.h"

enum { COUNT_MAX = 1000000 };
#define DURATION_MAX (UINT64_C(7) * 86400 * CLOCK_SEC)

static const char *const subcommands[] = {"status", "top",   "request", "reload", "restart",
                                          "stop",   "start", "scale",   "reopen", "upgrade",
                                          "quit",   "test",  "ping",    "bench",  "proxy-config"};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* `before` WORD `after`. */
static int wrong(const char *before, const char *word, const char *after)
{
    char text[256];
    text_escape_fixed(text, sizeof text, word, strlen(word));
    fprintf(stderr, "gangerctl: %s%s%s\n", before, text, after);
    return CTL_USAGE;
}

int argument_hint(void)
{
    fputs("Try 'gangerctl -h'.\n", stderr);
    return CTL_USAGE;
}

int argument_wrong(const char *before, const char *word, const char *after)
{
    wrong(before, word, after);
    return argument_hint();
}

int argument_duration(uint64_t *ret_usec, const char *option, const char *text)
{
    int rc = number_parse_duration(text, ret_usec);
    if (rc == 0 && *ret_usec > 0 && *ret_usec <= DURATION_MAX)
        return 0;
    if (rc == -ERANGE || (rc == 0 && *ret_usec > 0))
        return wrong(option, "", " takes at most seven days");
    return wrong(option, "", " takes a time above zero, such as 60, 1.5s or 200ms");
}

int argument_interval(uint64_t *ret_usec, const char *option, const char *text)
{
    if (number_parse_duration(text, ret_usec) == 0 && *ret_usec >= 100 * CLOCK_MSEC &&
        *ret_usec <= 86400 * CLOCK_SEC)
        return 0;
    return wrong(option, "", " takes a time from 100ms to 1d, such as 2 or 500ms");
}

int argument_count(unsigned *ret, const char *option, const char *text)
{
    uint64_t count;
    if (number_parse(text, COUNT_MAX, &count) < 0 || count == 0)
        return wrong(option, "", " takes a number from 1 to 1000000");
    *ret = (unsigned)count;
    return 0;
}

int argument_role(uint16_t *ret, const char *text)
{
    if (strcmp(text, "responder") == 0)
        *ret = FCGI_RESPONDER;
    else if (strcmp(text, "authorizer") == 0)
        *ret = FCGI_AUTHORIZER;
    else if (strcmp(text, "filter") == 0)
        *ret = FCGI_FILTER;
    else
        return wrong("--role is responder, authorizer or filter, not \"", text, "\"");
    return 0;
}

int argument_stderr(enum ctl_stderr *ret, const char *text)
{
    static const char *const words[] = {"show", "raw", "hide"}; /* as the enumeration */
    for (unsigned i = 0; i < COUNT(words); i++) {
        if (strcmp(text, words[i]) == 0) {
            *ret = (enum ctl_stderr)i;
            return 0;
        }
    }
    return wrong("--stderr is show, raw or hide, not \"", text, "\"");
}

int argument_unknown(const char *word)
{
    for (size_t i = 0; i < COUNT(subcommands); i++) {
        if (text_distance(word, subcommands[i], 3) < 3) {
            char after[64];
            snprintf(after, sizeof after, "\" is no subcommand; did you mean %s?", subcommands[i]);
            return wrong("\"", word, after);
        }
    }
    return argument_wrong("\"", word, "\" is no subcommand; gangerctl -h lists them");
}
