/* SPDX-License-Identifier: Apache-2.0 */
#include "master/receive.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include "base/descriptor.h"
#include "base/log.h"
#include "base/text.h"

static void forget_variables(void)
{
    (void)unsetenv("LISTEN_PID");
    (void)unsetenv("LISTEN_FDS");
    (void)unsetenv("LISTEN_FDNAMES");
}

void receive_begin(struct inherited *l)
{
    char **names = NULL;
    const char *announced = getenv("LISTEN_FDS");
    int count = sd_listen_fds_with_names(0, &names);

    *l = (struct inherited){0};
    if (count < 0)
        log_write(
            LOG_LEVEL_WARNING, NULL,
            "LISTEN_FDS and LISTEN_FDNAMES do not fit what was handed over (%s); none of it is "
            "used",
            strerror(-count));
    else if (count == 0 && announced != NULL)
        log_write(LOG_LEVEL_NOTICE, NULL,
                  "LISTEN_PID names another process: the sockets handed over are not ours");
    forget_variables();
    for (int i = 0; i < count; i++) {
        struct error err = ERROR_NONE;
        char shown[INHERITED_NAME_MAX * 4 + 1];
        int fd = SD_LISTEN_FDS_START + i;

        if (inherited_add(l, names[i], fd, &err) == 0)
            continue;
        text_escape_fixed(shown, sizeof shown, names[i], strlen(names[i]));
        log_write(LOG_LEVEL_WARNING, NULL,
                  "descriptor %d (%s), which was handed over, %s; it is closed", fd, shown,
                  err.text);
        descriptor_close(&fd);
    }
    for (int i = 0; i < count; i++)
        free(names[i]);
    free(names);
}

static void say(void *cookie, const struct inherited_socket *s)
{
    const struct keep *keep = cookie;
    char shown[INHERITED_NAME_MAX * 4 + 1];

    text_escape_fixed(shown, sizeof shown, s->name, strlen(s->name));
    if (s->stored)
        log_write(LOG_LEVEL_NOTICE, NULL, "no pool listens on %s any more: it is closed", shown);
    else
        log_write(
            LOG_LEVEL_WARNING, NULL,
            "no pool listens on the socket %s, which was handed over: it is closed; say listen = "
            "\"systemd:%s\" in a pool, or stop its socket unit",
            shown, shown);
    /* It may have come from the store under a name that is none of ours. */
    for (const char *p = s->name; *p != '\0'; p++) {
        if (*p < ' ' || *p > '~')
            return;
    }
    if (!keep_holds(keep, s->name))
        notify_unstore(keep->notify, s->name);
}

void receive_end(struct inherited *l, const struct keep *keep)
{
    inherited_close_rest(l, say, (void *)(uintptr_t)keep);
}
