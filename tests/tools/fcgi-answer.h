/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FCGI_ANSWER_H
#define FCGI_ANSWER_H

/*
 * The answer that every native program of the tests gives (see tests/flow/native.py), by libfcgi:
 * "pid=PID slept=MS\n", the start of the process when the query has `born`, then the body when it has `cat`.
 * Query: sleep=MS, note=PATH, grow=BYTES, born, cat.
 */

#include <fcgiapp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* The value of `name` in the query, in `out`; NULL when it is not there. */
static const char *answer_order(const char *query, const char *name, char *out, size_t size)
{
    size_t length = strlen(name);
    for (const char *at = query; at != NULL && *at != '\0';) {
        size_t whole = strcspn(at, "&");
        if (whole >= length && strncmp(at, name, length) == 0 &&
            (whole == length || at[length] == '=')) {
            size_t from = whole == length ? whole : length + 1;
            snprintf(out, size, "%.*s", (int)(whole - from), at + from);
            return out;
        }
        at += whole;
        if (*at == '&')
            at++;
    }
    return NULL;
}

/* Once: a signal that cuts the sleep short shows in what this returns (milliseconds). */
static long answer_sleep(long ms)
{
    struct timespec pause = {ms / 1000, ms % 1000 * 1000000}, from, to;
    clock_gettime(CLOCK_MONOTONIC, &from);
    nanosleep(&pause, NULL);
    clock_gettime(CLOCK_MONOTONIC, &to);
    return (long)(to.tv_sec - from.tv_sec) * 1000 + (to.tv_nsec - from.tv_nsec) / 1000000;
}

/* When this process was started, in the kernel's ticks: with the pid, who it is. */
static long answer_born(void)
{
    char text[1024] = "";
    long born = -1;
    FILE *stat = fopen("/proc/self/stat", "r");
    if (stat != NULL) {
        text[fread(text, 1, sizeof text - 1, stat)] = '\0';
        const char *at = strrchr(text, ')');
        for (int field = 2; at != NULL && field < 22; field++)
            at = strchr(at + 1, ' ');
        born = at != NULL ? atol(at) : -1;
        fclose(stat);
    }
    return born;
}

static void answer_give(FCGX_Request *request)
{
    char value[512], block[65536];
    const char *query = FCGX_GetParam("QUERY_STRING", request->envp);
    long slept = 0;
    int got;

    if (answer_order(query, "note", value, sizeof value) != NULL) {
        FILE *note = fopen(value, "a");
        if (note != NULL) {
            fprintf(note, "%d\n", (int)getpid());
            fclose(note);
        }
    }
    if (answer_order(query, "sleep", value, sizeof value) != NULL)
        slept = answer_sleep(atol(value));
    if (answer_order(query, "grow", value, sizeof value) != NULL) {
        char *kept = malloc((size_t)atol(value)); /* for good */
        if (kept != NULL)
            memset(kept, 'x', (size_t)atol(value));
    }
    FCGX_FPrintF(request->out, "Content-Type: text/plain\r\n\r\npid=%d slept=%ld\n", (int)getpid(),
                 slept);
    if (answer_order(query, "born", value, sizeof value) != NULL)
        FCGX_FPrintF(request->out, "%ld\n", answer_born());
    if (answer_order(query, "cat", value, sizeof value) != NULL) {
        while ((got = FCGX_GetStr(block, sizeof block, request->in)) > 0)
            FCGX_PutStr(block, got, request->out);
    }
}

#endif
