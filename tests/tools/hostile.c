/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a worker that has turned against its master can do, done from outside with the worker's own
 * descriptors, as its user.
 *
 *   hostile PID UID board SECONDS    write random bytes over the whole scoreboard, at full speed
 *   hostile PID UID words SECONDS    send words without end
 *   hostile PID UID output SECONDS   write short lines to its descriptor 2 without end
 *   hostile PID UID linger COUNT     send COUNT times a socket whose close takes an hour
 *   hostile PID UID garbage COUNT    send COUNT packets of random length and content
 *
 * Says "armed" when it has what it needs of the worker, which may die from then on.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define CHECK(what)                                                                                \
    do {                                                                                           \
        if ((what) < 0) {                                                                          \
            perror(#what);                                                                         \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static uint64_t next(void)
{
    static uint64_t x = 88172645463325252u;

    x ^= x << 13;
    x ^= x >> 7;
    return x ^= x << 17;
}

static void scribble(int fd, double end)
{
    struct stat st;

    CHECK(fstat(fd, &st));
    volatile uint64_t *memory =
        mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED)
        exit(1);
    size_t words = (size_t)st.st_size / 8;
    while (now() < end) {
        for (int i = 0; i < 100000; i++)
            memory[next() % words] = i % 3 == 0 ? ~UINT64_C(0) : next();
    }
}

static void talk(int fd, double end, int lines)
{
    static char block[65536];
    struct {
        uint32_t word, number;
        char name[64];
    } message = {.word = 5};

    memset(block, '\n', sizeof block);
    for (size_t i = 0; i < sizeof block; i += 2)
        block[i] = 'x';
    while (now() < end) {
        for (int i = 0; i < 100; i++) {
            if (lines)
                (void)!write(fd, block, sizeof block);
            else
                (void)send(fd, &message, sizeof message, MSG_NOSIGNAL);
        }
    }
}

/* A connection with bytes that its peer never takes, and an hour's patience on close. */
static int lingering(void)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof in;
    struct linger hour = {.l_onoff = 1, .l_linger = 3600};
    static char block[65536];
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    CHECK(bind(listener, (struct sockaddr *)&in, sizeof in));
    CHECK(listen(listener, 8));
    CHECK(getsockname(listener, (struct sockaddr *)&in, &length));
    CHECK(connect(fd, (struct sockaddr *)&in, sizeof in));
    CHECK(fcntl(fd, F_SETFL, O_NONBLOCK));
    while (send(fd, block, sizeof block, 0) > 0)
        ;
    CHECK(setsockopt(fd, SOL_SOCKET, SO_LINGER, &hour, sizeof hour));
    return fd; /* the listener stays open until we end */
}

static void give(int channel, int descriptor)
{
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int))];
    } control = {0};
    char text[72] = {5};
    struct iovec data = {text, sizeof text};
    struct msghdr packet = {.msg_iov = &data,
                            .msg_iovlen = 1,
                            .msg_control = &control,
                            .msg_controllen = sizeof control};
    struct cmsghdr *h = CMSG_FIRSTHDR(&packet);

    h->cmsg_level = SOL_SOCKET;
    h->cmsg_type = SCM_RIGHTS;
    h->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(h), &descriptor, sizeof descriptor);
    (void)sendmsg(channel, &packet, MSG_NOSIGNAL);
    /* When the master has got rid of its own by now, this close is the one that waits: not long. */
    const struct itimerval tick = {.it_value = {.tv_usec = 50000},
                                   .it_interval = {.tv_usec = 50000}};
    const struct itimerval never = {{0, 0}, {0, 0}};
    setitimer(ITIMER_REAL, &tick, NULL);
    close(descriptor);
    setitimer(ITIMER_REAL, &never, NULL);
}

/* The board of worker `pid`: it has closed its descriptor by now, its master has not. */
static int open_board(int pid)
{
    char line[512], path[64], target[256], name[256] = "";
    int parent = 0;

    snprintf(path, sizeof path, "/proc/%d/maps", pid);
    FILE *maps = fopen(path, "r");
    while (maps != NULL && fgets(line, sizeof line, maps) != NULL) {
        char *at = strstr(line, "/memfd:ganger-board-");
        if (at != NULL)
            snprintf(name, sizeof name, "%.*s", (int)strcspn(at, "\n"), at);
    }
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *stat_file = fopen(path, "r");
    if (maps == NULL || stat_file == NULL || fscanf(stat_file, "%*d (%*[^)]) %*c %d", &parent) != 1)
        exit(1);
    for (int fd = 3; fd < 4096; fd++) {
        snprintf(path, sizeof path, "/proc/%d/fd/%d", parent, fd);
        ssize_t length = readlink(path, target, sizeof target - 1);
        if (length <= 0)
            continue;
        target[length] = '\0';
        if (strcmp(target, name) == 0)
            return open(path, O_RDWR);
    }
    return -1;
}

static void interrupt(int number)
{
    (void)number;
}

int main(int argc, char **argv)
{
    const struct sigaction action = {.sa_handler = interrupt};

    sigaction(SIGALRM, &action, NULL);

    if (argc != 5)
        return 2;
    int pidfd = (int)syscall(SYS_pidfd_open, atoi(argv[1]), 0);
    CHECK(pidfd);
    int channel = (int)syscall(SYS_pidfd_getfd, pidfd, 6, 0);
    CHECK(channel);
    /* Held only where it is used: a master waits a while for whoever holds a dead worker's output. */
    int output = -1;
    if (strcmp(argv[3], "output") == 0)
        CHECK(output = (int)syscall(SYS_pidfd_getfd, pidfd, 2, 0));
    int board = open_board(atoi(argv[1]));
    CHECK(board);
    if (geteuid() == 0)
        CHECK(setresuid((uid_t)atoi(argv[2]), (uid_t)atoi(argv[2]), (uid_t)atoi(argv[2])));
    double amount = atof(argv[4]);
    printf("armed\n");
    fflush(stdout);
    if (strcmp(argv[3], "board") == 0)
        scribble(board, now() + amount);
    else if (strcmp(argv[3], "words") == 0)
        talk(channel, now() + amount, 0);
    else if (strcmp(argv[3], "output") == 0)
        talk(output, now() + amount, 1);
    else if (strcmp(argv[3], "linger") == 0) {
        for (int i = 0; i < (int)amount; i++)
            give(channel, lingering());
        printf("given\n");
        fflush(stdout);
        pause(); /* our end of the connections keeps them from being reset */
    } else if (strcmp(argv[3], "garbage") == 0) {
        for (int i = 0; i < (int)amount; i++) {
            uint64_t noise[32];
            for (size_t k = 0; k < 32; k++)
                noise[k] = next();
            (void)send(channel, noise, 1 + next() % sizeof noise, MSG_NOSIGNAL);
        }
    } else
        return 2;
    return 0;
}
