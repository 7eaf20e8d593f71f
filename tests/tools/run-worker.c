/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ganger-worker without its master, for trying one by hand:
 *
 *     run-worker [-n COUNT] [-p POOL] WORKER LISTEN… NAME=VALUE…
 *
 * Starts COUNT workers on the addresses (which hold no '=') with the given settings (names as in
 * host/handover.h).  SIGQUIT drains them, SIGTERM ends them.  Their log goes to stderr.
 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/settings.h"
#include "board/board.h"
#include "host/handover.h"
#include "host/process.h"
#include "host/socket.h"

#define WORKERS 64
#define PORTS 8

static int channels[WORKERS][2];
static int workers = 1;
static const char *pool = "test";
static pid_t pids[WORKERS];
static volatile sig_atomic_t ending;

static void fail(const struct error *err)
{
    fprintf(stderr, "run-worker: %s\n", err->text);
    exit(1);
}

static void on_signal(int number)
{
    struct channel_message m = {.word = CHANNEL_DRAIN};

    ending = 1;
    for (int i = 0; i < workers; i++)
        if (number == SIGQUIT)
            (void)channel_send(channels[i][0], &m, -1);
        else if (pids[i] > 0)
            (void)kill(pids[i], SIGTERM);
}

static void start(const char *program, int number, const int *fds, int count)
{
    char slot[16];
    pid_t pid = fork();

    if (pid != 0) {
        pids[number] = pid;
        return;
    }
    /* Move everything out of the way first: targets may be sources. */
    int moved[32];
    for (int i = 0; i < count; i++)
        moved[i] = fcntl(fds[i], F_DUPFD, 100);
    for (int i = 0; i < count; i++)
        dup2(moved[i], 3 + i);
    closefrom(3 + count);
    snprintf(slot, sizeof slot, "%d", number);
    execl(program, "ganger-worker", pool, slot, "1", (char *)NULL);
    _exit(127);
}

int main(int argc, char **argv)
{
    struct error err = ERROR_NONE;
    struct settings settings;
    struct board *board;
    int bell[2], ports[PORTS], listening = 0, at = 1;

    for (; argc > at + 1 && argv[at][0] == '-'; at += 2) {
        if (strcmp(argv[at], "-n") == 0)
            workers = atoi(argv[at + 1]);
        else
            pool = argv[at + 1];
    }
    if (argc <= at || workers < 1 || workers > WORKERS)
        return 2;
    const char *program = argv[at++];
    (void)signal(SIGPIPE, SIG_IGN);
    settings_init(&settings);
    (void)settings_add(&settings, "pool", pool);
    for (; at < argc; at++) {
        char *equals = strchr(argv[at], '=');
        if (equals != NULL) {
            *equals = '\0';
            (void)settings_add(&settings, argv[at], equals + 1);
            continue;
        }
        struct socket_plan plan = {
            .backlog = -1, .owner = (uid_t)-1, .group = (gid_t)-1, .mode = 0666, .nonblock = true};
        if (address_parse(&plan.address, argv[at], &err) < 0 || listening == PORTS ||
            socket_listen(&plan, &ports[listening++], &err) != 0)
            fail(&err);
        (void)settings_add(&settings, "listen", argv[at]);
    }
    if (board_create(&board, pool, (uint32_t)workers, &err) < 0 || board_doorbell(bell, &err) < 0)
        fail(&err);
    int sealed =
        handover_seal(bytes_front(&settings.block), bytes_held(&settings.block), "s", &err);
    if (sealed < 0)
        fail(&err);
    for (int i = 0; i < workers; i++) {
        int fds[4 + PORTS] = {sealed, board_fd(board), bell[1]};
        if (channel_pair(channels[i], &err) < 0)
            fail(&err);
        fds[3] = channels[i][1];
        memcpy(fds + 4, ports, sizeof ports);
        board_slot_assign(board, (uint32_t)i, 1, 0);
        start(program, i, fds, 4 + listening);
        close(channels[i][1]);
    }
    struct sigaction act = {.sa_handler = on_signal};
    (void)sigaction(SIGQUIT, &act, NULL);
    (void)sigaction(SIGTERM, &act, NULL);
    for (int i = 0; i < workers;) {
        int status;
        pid_t pid = wait(&status);
        if (pid > 0) {
            for (int k = 0; k < workers; k++)
                if (pids[k] == pid) {
                    pids[k] = 0;
                    i++;
                }
            fprintf(stderr, "run-worker: %ld ended with status %x\n", (long)pid, (unsigned)status);
        } else if (errno != EINTR) {
            break;
        }
        (void)board_doorbell_drain(bell[0]);
    }
    return 0;
}
