/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A FastCGI program that behaves as badly as its arguments say, and otherwise answers as fcgi-hello:
 *
 *   block     blocks every signal there is, in every thread
 *   ignore    ignores every signal that can be ignored
 *   close     closes 3 to 1023 at start
 *   truncate  truncates and grows every descriptor it was born with
 *   scribble  writes random bytes over every shared mapping it was given, without end
 *   fork      with each request a child that keeps all descriptors for two seconds
 *   exit      accepts, and is gone
 *   never     never accepts
 *   storm     forks, vforks and loads libraries in threads, and calls what the shim wraps in a handler of
 *             a signal that comes every three milliseconds
 *   deaf      sits in accept with SA_RESTART handlers for everything
 */

#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include "fcgi-answer.h"

enum { AREAS = 16 };

static struct area {
    unsigned char *start;
    size_t size;
} areas[AREAS];
static int area_count;

/* What is mapped shared and writable: the board, by whatever name. */
static void find_areas(void)
{
    char line[512];
    FILE *maps = fopen("/proc/self/maps", "r");
    while (maps != NULL && area_count < AREAS && fgets(line, sizeof line, maps) != NULL) {
        unsigned long from, to;
        char mode[8];
        if (sscanf(line, "%lx-%lx %7s", &from, &to, mode) == 3 && mode[1] == 'w' && mode[3] == 's')
            areas[area_count++] = (struct area){(unsigned char *)from, to - from};
    }
    if (maps != NULL)
        fclose(maps);
}

static void *scribble(void *unused)
{
    uint64_t x = (uint64_t)getpid() * UINT64_C(0x9e3779b97f4a7c15);
    (void)unused;
    find_areas();
    fprintf(stderr, "scribbling over %d mappings\n", area_count);
    while (area_count > 0) {
        for (int n = 0; n < 20000; n++) {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            const struct area *a = &areas[x % (unsigned)area_count];
            a->start[(x >> 8) % a->size] = (unsigned char)(x >> 56);
        }
        poll(NULL, 0, 1); /* leave something of the processor to the others */
    }
    return NULL;
}

static void truncate_all(void)
{
    for (int fd = 3; fd < 1024; fd++) {
        if (ftruncate(fd, 0) == 0)
            fprintf(stderr, "truncated %d\n", fd);
        if (ftruncate(fd, 1 << 30) == 0)
            fprintf(stderr, "grew %d\n", fd);
    }
}

static void nothing(int number)
{
    (void)number;
}

static void set_all(void (*handler)(int))
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
    for (int number = 1; number <= SIGRTMAX; number++)
        sigaction(number, &action, NULL); /* some refuse, and the C library keeps two */
}

static void keep_descriptors(void)
{
    if (fork() == 0) {
        poll(NULL, 0, 2000);
        _exit(0);
    }
}

/* Whatever the thread was doing: the library's own functions may be among it. */
static void on_storm(int number)
{
    struct pollfd look = {.fd = 0, .events = POLLIN};
    int keep = errno;
    (void)number;
    poll(&look, 1, 0);
    accept(-1, NULL, NULL);
    int copy = dup(0);
    close(copy);
    errno = keep;
}

static void *storm_children(void *unused)
{
    (void)unused;
    for (;;) {
        pid_t child = fork();
        if (child == 0) {
            accept(-1, NULL, NULL);
            close(0);
            _exit(0);
        }
        waitpid(child, NULL, 0);
        child = vfork();
        if (child == 0)
            _exit(0);
        waitpid(child, NULL, 0);
        poll(NULL, 0, 2);
    }
    return NULL;
}

static void *storm_libraries(void *unused)
{
    (void)unused;
    for (;;) {
        void *library = dlopen("libfcgi.so.0", RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND);
        if (library != NULL)
            dlclose(library);
        poll(NULL, 0, 1);
    }
    return NULL;
}

static void storm(void)
{
    const struct itimerval every = {{0, 3000}, {0, 3000}};
    struct sigaction action = {.sa_handler = on_storm, .sa_flags = SA_RESTART};
    pthread_t thread;
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &every, NULL);
    if (pthread_create(&thread, NULL, storm_children, NULL) != 0 ||
        pthread_create(&thread, NULL, storm_libraries, NULL) != 0)
        _exit(1);
}

int main(int argc, char **argv)
{
    int forks = 0, exits = 0, never = 0;
    pthread_t thread;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "block") == 0) {
            sigset_t all;
            sigfillset(&all);
            sigprocmask(SIG_SETMASK, &all, NULL);
        } else if (strcmp(argv[i], "ignore") == 0) {
            set_all(SIG_IGN);
        } else if (strcmp(argv[i], "deaf") == 0) {
            set_all(nothing);
        } else if (strcmp(argv[i], "close") == 0) {
            for (int fd = 3; fd < 1024; fd++)
                close(fd);
        } else if (strcmp(argv[i], "truncate") == 0) {
            truncate_all();
        } else if (strcmp(argv[i], "scribble") == 0) {
            if (pthread_create(&thread, NULL, scribble, NULL) != 0)
                return 1;
        } else if (strcmp(argv[i], "storm") == 0) {
            storm();
        } else if (strcmp(argv[i], "fork") == 0) {
            forks = 1;
        } else if (strcmp(argv[i], "exit") == 0) {
            exits = 1;
        } else if (strcmp(argv[i], "never") == 0) {
            never = 1;
        }
    }
    while (never)
        poll(NULL, 0, 60000);
    if (exits) {
        accept(0, NULL, NULL);
        _exit(0);
    }

    FCGX_Request request;
    if (FCGX_Init() != 0 || FCGX_InitRequest(&request, 0, 0) != 0)
        return 1;
    while (FCGX_Accept_r(&request) == 0) {
        if (forks)
            keep_descriptors();
        answer_give(&request);
        FCGX_Finish_r(&request);
    }
    return 0;
}
