/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A job belongs to two: to the survey that began it and to its thread.  Who lets go last frees it.
 * Its results are the thread's while it is RUNNING, and the survey's once it is DONE.
 */
#include "host/survey.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/descriptor.h"

#define STACK ((size_t)256 << 10) /* more than twice what it needs, under any sanitizer */

/* Threads that were given up and have not come back. */
static atomic_uint lost;

enum job_state { JOB_RUNNING, JOB_DONE, JOB_ABANDONED };

struct job {
    atomic_uint owners;
    atomic_int state; /* enum job_state */
    int bell;         /* its own descriptor */
    bool rollup;
    survey_meter *meter;
    uint64_t began, took; /* microseconds */
    size_t count;
    struct survey_result *results;
    pid_t pids[];
};

struct survey {
    int bell;
    survey_meter *meter;
    struct job *job;
    uint64_t rested; /* no proportional sizes before */
};

static void let_go(struct job *j)
{
    if (atomic_fetch_sub(&j->owners, 1) > 1)
        return;
    descriptor_close(&j->bell);
    free(j->results);
    free(j);
}

static void *run(void *argument)
{
    struct job *j = argument;
    uint64_t one = 1;

    for (size_t i = 0; i < j->count && atomic_load(&j->state) == JOB_RUNNING; i++)
        j->results[i].error = j->meter(j->pids[i], j->rollup, &j->results[i].family);
    j->took = clock_monotonic() - j->began;
    if (atomic_exchange(&j->state, JOB_DONE) == JOB_ABANDONED)
        (void)atomic_fetch_sub(&lost, 1);
    (void)!write(j->bell, &one, sizeof one);
    let_go(j);
    return NULL;
}

int survey_new(struct survey **ret, survey_meter *meter, struct error *err)
{
    struct survey *s = calloc(1, sizeof *s);

    if (s == NULL)
        return error_errno(err, ENOMEM, "a survey");
    s->meter = meter;
    s->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (s->bell < 0) {
        int r = error_errno(err, errno, "a survey");
        free(s);
        return r;
    }
    *ret = s;
    return 0;
}

int survey_fd(const struct survey *s)
{
    return s->bell;
}

/* The thread inherits what is blocked here: no signal is ever taken by it. */
static int start_thread(struct job *j)
{
    pthread_attr_t attributes;
    pthread_t thread;
    sigset_t all, before;

    int r = pthread_attr_init(&attributes);
    if (r != 0)
        return r;
    (void)pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    (void)pthread_attr_setstacksize(&attributes, STACK);
    sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    atomic_store(&j->owners, 2);
    r = pthread_create(&thread, &attributes, run, j);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void)pthread_attr_destroy(&attributes);
    if (r != 0)
        atomic_store(&j->owners, 1);
    return r;
}

static void abandon(struct survey *s, uint64_t now)
{
    (void)atomic_fetch_add(&lost, 1);
    if (atomic_exchange(&s->job->state, JOB_ABANDONED) == JOB_DONE)
        (void)atomic_fetch_sub(&lost, 1); /* it has come back */
    let_go(s->job);
    s->job = NULL;
    s->rested = now + SURVEY_REST;
}

static struct job *make_job(const struct survey *s, const pid_t *pids, size_t count, uint64_t now)
{
    struct job *j = calloc(1, sizeof *j + count * sizeof j->pids[0]);

    if (j == NULL)
        return NULL;
    atomic_store(&j->owners, 1);
    j->results = calloc(count + 1, sizeof *j->results);
    j->bell = descriptor_copy(s->bell);
    if (j->results == NULL || j->bell < 0) {
        let_go(j);
        return NULL;
    }
    j->rollup = atomic_load(&lost) == 0 && now >= s->rested;
    j->meter = s->meter;
    j->began = now;
    j->count = count;
    if (count > 0)
        memcpy(j->pids, pids, count * sizeof j->pids[0]);
    return j;
}

int survey_start(struct survey *s, const pid_t *pids, size_t count, uint64_t now, struct error *err)
{
    if (s->job != NULL && now - s->job->began < SURVEY_PATIENCE)
        return SURVEY_BUSY;
    if (s->job != NULL)
        abandon(s, now);
    struct job *j = make_job(s, pids, count, now);
    if (j == NULL)
        return error_errno(err, ENOMEM, "a survey");
    int r = start_thread(j);
    if (r != 0) {
        let_go(j);
        return error_errno(err, r, "a thread that measures");
    }
    s->job = j;
    return 0;
}

struct survey_result *survey_take(struct survey *s, size_t *ret_count, uint64_t *ret_took)
{
    struct job *j = s->job;
    uint64_t rings;

    (void)!read(s->bell, &rings, sizeof rings); /* also those of the abandoned */
    if (j == NULL || atomic_load(&j->state) != JOB_DONE)
        return NULL;
    struct survey_result *results = j->results;
    *ret_count = j->count;
    *ret_took = j->took;
    j->results = NULL;
    let_go(j);
    s->job = NULL;
    return results;
}

struct survey *survey_free(struct survey *s)
{
    if (s == NULL)
        return NULL;
    if (s->job != NULL)
        abandon(s, 0);
    descriptor_close(&s->bell);
    free(s);
    return NULL;
}
