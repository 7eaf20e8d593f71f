/* SPDX-License-Identifier: Apache-2.0 */
/* Nothing runs in a signal handler: the kernel queues them for a signalfd inside the loop. */
#include "master/signals.h"

#include <stddef.h>
#include <stdint.h>

static const int numbers[SIGNALS_COUNT] = {SIGHUP,  SIGUSR1, SIGUSR2, SIGQUIT,
                                           SIGTERM, SIGINT,  SIGCHLD};

void signals_set(sigset_t *ret)
{
    (void)sigemptyset(ret);
    for (size_t i = 0; i < SIGNALS_COUNT; i++)
        (void)sigaddset(ret, numbers[i]);
}

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
    const struct signals *s = userdata;

    (void)source;
    s->heard(s->cookie, (int)info->ssi_signo);
    return 0;
}

int signals_hear(sd_event *loop, struct signals *s)
{
    int r = 0;

    for (size_t i = 0; i < SIGNALS_COUNT && r >= 0; i++)
        r = sd_event_add_signal(loop, &s->sources[i], numbers[i], on_signal, s);
    return r < 0 ? r : 0;
}

bool signals_pending(const struct signals *s)
{
    for (size_t i = 0; i < SIGNALS_COUNT; i++) {
        if (s->sources[i] != NULL && sd_event_source_get_pending(s->sources[i]) > 0)
            return true;
    }
    return false;
}

void signals_end(struct signals *s)
{
    for (size_t i = 0; i < SIGNALS_COUNT; i++)
        s->sources[i] = sd_event_source_disable_unref(s->sources[i]);
}
