/* SPDX-License-Identifier: Apache-2.0 */
/* The signal that ends a program, as it is written in a configuration. */
#include <signal.h>
#include <string.h>
#include <strings.h>

#include "base/number.h"
#include "conf/conf.h"

/* Those that can end a program and that it can catch.  Not the real-time ones: ganger uses one to
 * ask native programs to leave, and a program may use the others for itself. */
static const int allowed[] = {SIGTERM, SIGQUIT, SIGINT,  SIGHUP, SIGUSR1,
                              SIGUSR2, SIGABRT, SIGALRM, SIGPWR, SIGWINCH};

int conf_signal(const char *text)
{
    uint64_t number = 0;
    const char *name = strncasecmp(text, "SIG", 3) == 0 ? text + 3 : text;

    if (number_parse(text, 64, &number) < 0)
        number = 0;
    for (size_t i = 0; i < sizeof allowed / sizeof allowed[0]; i++) {
        if (number == (uint64_t)allowed[i] || strcasecmp(sigabbrev_np(allowed[i]), name) == 0)
            return allowed[i];
    }
    return 0;
}
