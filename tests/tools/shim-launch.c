/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One native program under the preloaded library, without a master:
 *
 *     shim-launch [-np] [-s NAME=VALUE]… SHIM SOCKET PROGRAM…
 *
 * Makes a board of 4 slots (slot 1 is the program's) and a unix socket, starts the program as a native
 * pool's worker is started, and obeys lines on stdin, with an answer for each on stdout:
 *
 *     show            state active accepted requests aborted shim drain
 *     drain           set the drain flag, and send the drain signal every MS as the master does
 *     once            set the drain flag, look, and send once, as close to one another as can be
 *     spare N         what the header asks for
 *     ring N          ring when `requests` reaches N
 *     bells           how often the bell was rung since
 *     deaf            close the master's end of the bell
 *     pid             of the program
 *     wait            until the program has ended: "exit N" or "signal N"
 *
 * -n: the listening socket does not block.  -p: without the library.  -s: one more setting of GANGER_SHIM.

 */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include "board/board.h"
#include "board/mapping.h"

#define SLOT 1
#define SLOTS 4

static struct board *board;
static int bell[2];
static pid_t program;
static int pidfd = -1, plain;

static void die(const char *what)
{
    fprintf(stderr, "shim-launch: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int listen_on(const char *path, int flags)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | flags, 0);

    if (fd < 0 || strlen(path) >= sizeof(address.sun_path))
        die(path);
    memcpy(address.sun_path, path, strlen(path) + 1);
    (void)unlink(path);
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 128) < 0)
        die(path);
    return fd;
}

static void start(const char *shim, int listener, const char *more, char **argv)
{
    char text[512], preload[512];
    const char *before = getenv("LD_PRELOAD");

    program = fork();
    if (program != 0) {
        pidfd = (int)syscall(SYS_pidfd_open, program, 0);
        return;
    }
    int from[3] = {fcntl(listener, F_DUPFD, 100), fcntl(board_fd(board), F_DUPFD, 100),
                   fcntl(bell[1], F_DUPFD, 100)};
    prctl(PR_SET_PDEATHSIG, SIGRTMIN + 7);
    dup2(from[0], 0);
    dup2(from[1], 3);
    dup2(from[2], 4);
    closefrom(5);
    snprintf(preload, sizeof(preload), "%s%s%s", shim, before ? ":" : "", before ? before : "");
    snprintf(text, sizeof(text),
             "board=3,slot=%d,slots=%d,gen=7,bell=4,stop=%d,drain=%d,master=%d%s", SLOT, SLOTS,
             SIGTERM, SIGRTMIN + 7, getppid(), more);
    if (!plain) {
        setenv("LD_PRELOAD", preload, 1);
        setenv("GANGER_SHIM", text, 1);
    }
    execvp(argv[0], argv);
    perror(argv[0]);
    _exit(127);
}

static struct board_slot *slot(void)
{
    return mapping_slot(board, SLOT);
}

/* The master's rule. */
static void drain_once(void)
{
    board_slot_set_drain(board, SLOT);
    if (atomic_load(&slot()->active) == 0 && (atomic_load(&slot()->state) == BOARD_WORKER_IDLE ||
                                              atomic_load(&slot()->state) == BOARD_WORKER_LEAVING))
        syscall(SYS_pidfd_send_signal, pidfd, SIGRTMIN + 7, NULL, 0);
}

static int gone(int timeout)
{
    struct pollfd p = {.fd = pidfd, .events = POLLIN};

    return poll(&p, 1, timeout) == 1;
}

static void finish(void)
{
    int status = 0;

    if (waitpid(program, &status, 0) == program)
        printf(WIFEXITED(status) ? "exit %d\n" : "signal %d\n",
               WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
    else
        printf("nothing\n");
}

static void obey(char *line)
{
    unsigned long number = 0;
    char *space = strchr(line, ' ');

    line[strcspn(line, "\n")] = '\0';
    if (space != NULL)
        number = strtoul(space, NULL, 10);
    if (strcmp(line, "show") == 0) {
        printf("%u %u %lu %lu %lu %u %u\n", slot()->state, slot()->active,
               (unsigned long)slot()->accepted, (unsigned long)slot()->requests,
               (unsigned long)slot()->aborted, slot()->shim, slot()->drain);
    } else if (strncmp(line, "drain", 5) == 0) {
        /* Without a number as the master does: every 100 ms. */
        do
            drain_once();
        while (!gone(number > 0 ? (int)number : 100));
        finish();
    } else if (strcmp(line, "once") == 0) {
        drain_once();
        printf("sent\n");
    } else if (strncmp(line, "spare ", 6) == 0) {
        board_set_spare_wanted(board, (uint32_t)number);
        printf("ok\n");
    } else if (strncmp(line, "ring ", 5) == 0) {
        slot()->ring_at = number;
        printf("ok\n");
    } else if (strncmp(line, "hold ", 5) == 0) {
        slot()->hold_at = number;
        printf("ok\n");
    } else if (strcmp(line, "bells") == 0) {
        printf("%u\n", board_doorbell_drain(bell[0]));
    } else if (strcmp(line, "deaf") == 0) {
        close(bell[0]);
        printf("ok\n");
    } else if (strcmp(line, "pid") == 0) {
        printf("%d\n", program);
    } else if (strcmp(line, "wait") == 0) {
        finish();
    } else {
        printf("what?\n");
    }
    fflush(stdout);
}

int main(int argc, char **argv)
{
    struct error err = ERROR_NONE;
    char more[256] = "", line[64];
    int option, flags = 0, listener;

    while ((option = getopt(argc, argv, "+nps:")) != -1) {
        if (option == 'n')
            flags = SOCK_NONBLOCK;
        else if (option == 'p')
            plain = 1;
        else if (option == 's')
            snprintf(more, sizeof(more), ",%s", optarg);
        else
            return 2;
    }
    if (argc - optind < 3)
        return 2;
    if (board_create(&board, "test", SLOTS, &err) != 0 || board_doorbell(bell, &err) != 0) {
        fprintf(stderr, "shim-launch: %s\n", err.text);
        return 1;
    }
    listener = listen_on(argv[optind + 1], flags);
    board_slot_assign(board, SLOT, 7, 0);
    start(argv[optind], listener, more, argv + optind + 2);
    close(listener);
    while (fgets(line, sizeof(line), stdin) != NULL)
        obey(line);
    if (pidfd >= 0 && !gone(0))
        syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
    return 0;
}
