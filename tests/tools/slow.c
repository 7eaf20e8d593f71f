/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program that is slow on purpose, under FastCGI and as CGI: the query is MODE=ARGUMENT.
 *
 *   sleep=MS     slow_sleep(): one nanosleep()
 *   spin=PATH    slow_spin(): until there is such a file
 *   pipe=PATH    slow_pipe(): reads a byte from that FIFO
 *   socket=PATH  slow_socket(): connects to that unix socket, and reads a byte
 *   child=MS     slow_child(): waits for a child that sleeps
 *
 * The answer is "pid=PID MODE RESULT": milliseconds slept, or the byte.
 */
#include <fcgi_stdio.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

__attribute__((noinline)) static long slow_sleep(long ms)
{
    struct timespec pause = {ms / 1000, ms % 1000 * 1000000}, from, to;
    clock_gettime(CLOCK_MONOTONIC, &from);
    nanosleep(&pause, NULL);
    clock_gettime(CLOCK_MONOTONIC, &to);
    return (long)(to.tv_sec - from.tv_sec) * 1000 + (to.tv_nsec - from.tv_nsec) / 1000000;
}

__attribute__((noinline)) static long slow_spin(const char *path)
{
    volatile long n = 0;
    for (long round = 0; round % 100000000 != 0 || access(path, F_OK) != 0; round++)
        n += round;
    return n != 0;
}

__attribute__((noinline)) static long slow_pipe(const char *path)
{
    char byte = '?';
    int fd = open(path, O_RDONLY);
    if (read(fd, &byte, 1) != 1)
        byte = '!';
    close(fd);
    return byte - '0';
}

__attribute__((noinline)) static long slow_socket(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char byte = '?';
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0 || recv(fd, &byte, 1, 0) != 1)
        byte = '!';
    close(fd);
    return byte - '0';
}

__attribute__((noinline)) static long slow_child(long ms)
{
    int status = -1;
    pid_t pid = fork();
    if (pid == 0) {
        usleep((useconds_t)ms * 1000);
        _exit(7);
    }
    while (waitpid(pid, &status, 0) < 0)
        ;
    return WEXITSTATUS(status);
}

int main(void)
{
    while (FCGI_Accept() >= 0) {
        const char *query = getenv("QUERY_STRING");
        char mode[16] = "";
        const char *argument = query == NULL ? NULL : strchr(query, '=');
        long result = -1;

        if (argument != NULL)
            snprintf(mode, sizeof mode, "%.*s", (int)(argument++ - query), query);
        if (strcmp(mode, "sleep") == 0)
            result = slow_sleep(atol(argument));
        else if (strcmp(mode, "spin") == 0)
            result = slow_spin(argument);
        else if (strcmp(mode, "pipe") == 0)
            result = slow_pipe(argument);
        else if (strcmp(mode, "socket") == 0)
            result = slow_socket(argument);
        else if (strcmp(mode, "child") == 0)
            result = slow_child(atol(argument));
        printf("Content-Type: text/plain\r\n\r\npid=%d %s %ld\n", (int)getpid(), mode, result);
    }
    return 0;
}
