/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server on descriptor 0 with the habits that a preloaded library must survive.  It reads a line of
 * each connection, does as its first word says, and answers with a line.  MODE is how it waits for
 * connections: accept, poll, select, epoll, or blocked (accept, with every signal blocked), ignore
 * (accept, stop signal ignored), closed (every descriptor above 0 closed first), handler (accept; the
 * stop signal is noted, and the loop ends when it is seen behind accept).
 *
 *   sleep MS   how many milliseconds it really slept
 *   late MS    answer, close, and only then sleep (told on stdout)
 *   fork       a child closes its copy of the connection, and more
 *   vfork      the same by vfork() and _exit
 *   dup        two more descriptors of the connection; all are closed
 *   fclose     the connection is closed by fclose()
 *   range      by close_range()
 *   env        whether a child sees anything of the library: its environment, its descriptors
 *   masks      whether the drain signal can be seen, blocked or taken
 */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int epoll_fd = -1;
static volatile sig_atomic_t told_to_stop;

static void on_stop(int number)
{
    told_to_stop = number;
}

static long nap(long ms)
{
    struct timespec before, after, t = {ms / 1000, ms % 1000 * 1000000};

    clock_gettime(CLOCK_MONOTONIC, &before);
    nanosleep(&t, NULL);
    clock_gettime(CLOCK_MONOTONIC, &after);
    return (after.tv_sec - before.tv_sec) * 1000 + (after.tv_nsec - before.tv_nsec) / 1000000;
}

static void answer(int fd, const char *text, long number)
{
    char line[128];
    int n = snprintf(line, sizeof line, "%s %ld\n", text, number);

    (void)!write(fd, line, (size_t)n);
}

static void child(int fd)
{
    pid_t pid = fork();

    if (pid == 0) {
        close(fd);
        for (int i = 0; i < 100; i++)
            close(dup(1));
        _exit(0);
    }
    waitpid(pid, NULL, 0);
    answer(fd, "forked", pid > 0);
}

static void vchild(int fd)
{
    pid_t pid = vfork();

    if (pid == 0) {
        close(fd);
        _exit(0);
    }
    waitpid(pid, NULL, 0);
    nap(300);
    answer(fd, "vforked", pid > 0);
}

static void environment(int fd)
{
    int status =
        system("if env | grep -q -e GANGER_SHIM -e libganger; then exit 1; fi; "
               "for d in 3 4; do if [ -e /proc/self/fd/$d ]; then "
               "case $(readlink /proc/self/fd/$d) in *memfd*|pipe*) exit 2;; esac; fi; done");
    answer(fd, "env", WEXITSTATUS(status));
}

static void masks(int fd)
{
    sigset_t all, now;
    struct sigaction old, mine = {.sa_handler = SIG_IGN};
    int wrong = 0, drain = SIGRTMIN + 7;

    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    sigprocmask(SIG_SETMASK, NULL, &now);
    wrong |= sigismember(&now, drain) ? 1 : 0;
    wrong |= sigismember(&now, SIGUSR2) ? 0 : 2;
    wrong |= sigaction(drain, &mine, &old) != 0 || old.sa_handler != SIG_DFL ? 4 : 0;
    wrong |= signal(drain, SIG_IGN) == SIG_DFL ? 0 : 8;
    sigemptyset(&all);
    pthread_sigmask(SIG_SETMASK, &all, NULL);
    answer(fd, "masks", wrong);
}

static void obey(int fd)
{
    char line[64] = "";
    ssize_t n = read(fd, line, sizeof line - 1);
    long number = n > 0 && strchr(line, ' ') ? atol(strchr(line, ' ')) : 0;

    if (strncmp(line, "sleep", 5) == 0) {
        answer(fd, "slept", nap(number));
    } else if (strncmp(line, "late", 4) == 0) {
        answer(fd, "late", 0);
        close(fd);
        /* After the answer, before the next accept(): still at work. */
        printf("late %ld\n", nap(number));
        fflush(stdout);
        return;
    } else if (strncmp(line, "fork", 4) == 0) {
        child(fd);
    } else if (strncmp(line, "vfork", 5) == 0) {
        vchild(fd);
    } else if (strncmp(line, "env", 3) == 0) {
        environment(fd);
    } else if (strncmp(line, "masks", 5) == 0) {
        masks(fd);
    } else if (strncmp(line, "dup", 3) == 0) {
        int more = dup(fd), other = dup2(fd, 77);
        answer(fd, "dup", 0);
        close(more);
        close(other);
    } else if (strncmp(line, "fclose", 6) == 0) {
        answer(fd, "fclose", 0);
        fclose(fdopen(fd, "r+"));
        return;
    } else if (strncmp(line, "range", 5) == 0) {
        answer(fd, "range", 0);
        close_range((unsigned)fd, ~0u, 0);
        return;
    }
    close(fd);
}

static void wait_for_one(const char *mode)
{
    struct pollfd p = {.fd = 0, .events = POLLIN};
    struct epoll_event e;
    fd_set set;

    if (strcmp(mode, "poll") == 0) {
        poll(&p, 1, -1);
    } else if (strcmp(mode, "select") == 0) {
        FD_ZERO(&set);
        FD_SET(0, &set);
        select(1, &set, NULL, NULL, NULL);
    } else if (strcmp(mode, "epoll") == 0) {
        epoll_wait(epoll_fd, &e, 1, -1);
    }
}

int main(int argc, char **argv)
{
    const char *mode = argc > 1 ? argv[1] : "accept";
    struct epoll_event e = {.events = EPOLLIN};
    struct sigaction stop = {.sa_handler = on_stop}; /* accept() is to see it */
    sigset_t all;

    if (strcmp(mode, "epoll") == 0) {
        epoll_fd = epoll_create1(EPOLL_CLOEXEC);
        epoll_ctl(epoll_fd, EPOLL_CTL_ADD, 0, &e);
    } else if (strcmp(mode, "blocked") == 0) {
        sigfillset(&all);
        sigprocmask(SIG_SETMASK, &all, NULL);
    } else if (strcmp(mode, "ignore") == 0) {
        signal(SIGTERM, SIG_IGN);
    } else if (strcmp(mode, "closed") == 0) {
        closefrom(1);
    } else if (strcmp(mode, "handler") == 0) {
        sigaction(SIGTERM, &stop, NULL);
    }
    while (!told_to_stop) {
        wait_for_one(mode);
        int fd = accept(0, NULL, NULL);
        if (fd >= 0)
            obey(fd);
    }
    return 0;
}
