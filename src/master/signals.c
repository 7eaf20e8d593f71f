/* SPDX-License-Identifier: Apache-2.0 */
/* Nothing runs in a signal handler: the kernel queues them for a signalfd inside the loop. */
#include "master/signals.h"

#include <signal.h>
#include <stddef.h>
#include <stdint.h>

static const int numbers[] = {SIGHUP, SIGUSR1, SIGUSR2, SIGQUIT, SIGTERM, SIGINT, SIGCHLD};
#define COUNT (sizeof(numbers) / sizeof(numbers[0]))

void signals_block(void)
{
    sigset_t set;

    (void)sigemptyset(&set);
    for (size_t i = 0; i < COUNT; i++)
        (void)sigaddset(&set, numbers[i]);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
}

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
    const struct signals *s = userdata;

    (void)source;
    s->heard(s->cookie, (int)info->ssi_signo);
    return 0;
}

int signals_hear(sd_event *loop, const struct signals *s)
{
    int r = 0;

    for (size_t i = 0; i < COUNT && r >= 0; i++)
        r = sd_event_add_signal(loop, NULL, numbers[i], on_signal, (void *)(uintptr_t)s);
    return r < 0 ? r : 0;
}
