/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order of starting is written once, in `stages`; stopping is the same order backwards.
 *
 * A fatal exit exists only in here and only before the master is ready.  Afterwards nothing that a
 * worker, a pool or a shortage does ends it.
 */
#include "master/master_struct.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/descriptor.h"
#include "base/log.h"
#include "host/capability.h"
#include "host/identity.h"
#include "host/process.h"
#include "host/queue.h"
#include "host/successor.h"
#include "master/birth.h"
#include "master/receive.h"
#include "master/journal.h"
#include "master/loop.h"
#include "master/runtime_folder.h"

/* Ready at the latest so long after the start, whatever slow pools do. */
#define START_PATIENCE (10 * CLOCK_SEC)

/* ---- the stages ---- */

/* Before any descriptor is opened that could have the number of one of them. */
static int start_inherited(struct master *m, struct error *err)
{
    (void)err;
    receive_begin(&m->received);
    m->context.inherited = &m->received;
    return 0;
}

static void stop_inherited(struct master *m)
{
    inherited_clear(&m->received);
}

static int start_daemon(struct master *m, struct error *err)
{
    if (m->adopted != NULL) /* is one already, or is none */
        return 0;
    m->daemon = m->options->daemonise || m->inspection.conf->global.daemonize;
    /* PHP-FPM's configurations say so, and its unit overrules them. */
    if (m->daemon && !m->options->daemonise && getenv("NOTIFY_SOCKET") != NULL) {
        log_write(LOG_LEVEL_NOTICE, NULL,
                  "daemonize = yes is left out: the service manager watches this very process");
        m->daemon = false;
    }
    return m->daemon ? process_daemonise(err) : 0;
}

static int start_log(struct master *m, struct error *err)
{
    journal_tune(&m->inspection.conf->global);
    int r = journal_open(&m->inspection.conf->global, m->daemon, err);

    if (r == 0 && m->adopted != NULL)
        log_go_on(&(struct log_rest){.lines = m->adopted->facts.log_lines,
                                     .torn = m->adopted->facts.log_torn});
    return r;
}

static int start_limits(struct master *m, struct error *err)
{
    struct error warning = ERROR_NONE;

    if (m->adopted != NULL) /* they outlived the exec */
        return 0;
    int r = birth_take_limits(m->inspection.conf, &warning, err);

    if (warning.number != 0)
        log_write(LOG_LEVEL_WARNING, NULL, "%s", warning.text);
    return r;
}

/* After the limits, before anything is made that others can reach. */
static int start_privileges(struct master *m, struct error *err)
{
    return m->context.root ? capability_keep_needed(err) : 0;
}

static int start_folder(struct master *m, struct error *err)
{
    if (m->adopted != NULL)
        return 0;
    return runtime_folder_make(m->inspection.conf->global.runtime_directory, err);
}

static int start_pid_files(struct master *m, struct error *err)
{
    const struct conf_global *g = &m->inspection.conf->global;

    if (m->adopted != NULL)
        return master_adopt_pid_files(m, err);
    const char *asked = m->options->pid_file != NULL ? m->options->pid_file : g->pid;

    return pid_files_write(&m->pid, g->runtime_directory, asked, err);
}

static void stop_pid_files(struct master *m)
{
    pid_files_remove(&m->pid);
}

static int start_program(struct master *m, struct error *err)
{
    int fd = process_open_sibling("ganger-worker", &m->worker_path, err);

    if (fd < 0)
        return fd;
    m->context.worker_fd = fd;
    m->context.worker_path = m->worker_path;
    return 0;
}

static void stop_program(struct master *m)
{
    descriptor_close(&m->context.worker_fd);
    free(m->worker_path);
}

static int start_loop(struct master *m, struct error *err)
{
    int r = sd_event_new(&m->loop);

    m->signals = (struct signals){.cookie = m, .heard = master_signal};
    if (r >= 0)
        r = signals_hear(m->loop, &m->signals);
    if (r >= 0)
        r = sd_event_add_time(m->loop, &m->patience, CLOCK_MONOTONIC,
                              clock_monotonic() + START_PATIENCE, CLOCK_MSEC, master_on_patience,
                              m);
    if (r >= 0)
        r = sd_event_add_defer(m->loop, &m->again, master_on_again,
                               m); /* once: children we were born with */
    if (r < 0)
        return error_errno(err, -r, "the event loop");
    r = journal_watch(&m->journal, m->loop, err);
    if (r == 0)
        r = notify_open(&m->notice, m->loop, err);
    if (r < 0)
        return r;
    notify_tune(&m->notice, m->inspection.conf->global.systemd_interval);
    keep_open(&m->keep, &m->notice);
    if (keep_active(&m->keep))
        m->context.keeper = &m->keep.keeper;
    birth_close_up();
    return 0;
}

static void stop_loop(struct master *m)
{
    signals_end(&m->signals);
    keep_close(&m->keep);
    notify_close(&m->notice);
    journal_close(&m->journal);
    m->patience = sd_event_source_disable_unref(m->patience);
    m->again = sd_event_source_disable_unref(m->again);
    m->loop = sd_event_unref(m->loop);
}

static int start_queue(struct master *m, struct error *err)
{
    struct error why = ERROR_NONE;

    (void)err;
    if (queue_open(&m->context.queue, &why) < 0)
        log_write(LOG_LEVEL_WARNING, NULL, "how many connections wait cannot be told: %s",
                  why.text);
    return 0;
}

static void stop_queue(struct master *m)
{
    m->context.queue = queue_free(m->context.queue);
}

static int start_crew(struct master *m, struct error *err)
{
    const struct inspection *in = &m->inspection;

    m->context.processes = &m->processes;
    m->context.floods = &m->floods;
    int r = crew_new(&m->crew, m->loop, in->conf, &m->context, master_settled, m, err);

    if (r < 0)
        return r;
    if (m->adopted != NULL)
        return master_adopt_crew(m, err);
    size_t failed = crew_open(m->crew, in->reasons);
    bool any = crew_count(m->crew).failed > 0;
    receive_end(&m->received, &m->keep);
    if ((m->options->strict && any) || failed == in->conf->pool_count) {
        keep_stop(&m->keep);
        m->crew = crew_free(m->crew);
        return error_set(err, EINVAL, "%s",
                         m->options->strict ? "a pool cannot run, and -S asks for all of them"
                                            : "no pool can run");
    }
    crew_settle_all(m->crew);
    return 0;
}

static void stop_crew(struct master *m)
{
    master_reload_close(m);
    keep_stop(&m->keep);
    m->crew = crew_free(m->crew);
}

static int start_control(struct master *m, struct error *err)
{
    const struct conf_global *g = &m->inspection.conf->global;
    const struct orders_desk desk = {.cookie = m, .give = master_order, .look = master_look};
    struct control_options options = {
        .directory = m->context.runtime_directory, .group = (gid_t)-1, .listener = -1};

    /* The socket that was kept is its group's; what the configuration says by now takes effect at the
     * next start, and may not even exist. */
    if (m->adopted != NULL) {
        if (master_adopt_control(m, &options, err) < 0)
            return -EINVAL;
    } else if (g->control_group != NULL &&
               identity_group(g->control_group, &options.group, err) != 0)
        return error_wrap(err, "control.group");
    return control_open(&m->control, m->loop, &options, &desk, err);
}

static void stop_control(struct master *m)
{
    bool left = m->crew != NULL && crew_count(m->crew).workers > 0;

    m->control = control_close(m->control, left ? "some workers could not be ended" : NULL);
}

static int start_upgrade(struct master *m, struct error *err)
{
    int r = master_upgrade_open(m, err);

    if (r == 0 && m->adopted != NULL) {
        struct crew_count n = crew_count(m->crew);

        master_adopt_end(m);
        master_announce(m, &n);
    }
    return r;
}

static void stop_upgrade(struct master *m)
{
    m->upgrade = upgrade_free(m->upgrade);
}

static const struct stage {
    int (*start)(struct master *m, struct error *err);
    void (*stop)(struct master *m); /* NULL: nothing to undo */
} stages[] = {
    {start_inherited, stop_inherited},
    {start_daemon, NULL},
    {start_log, NULL},
    {start_limits, NULL},
    {start_privileges, NULL},
    {start_folder, NULL},
    {start_pid_files, stop_pid_files},
    {start_program, stop_program},
    {start_loop, stop_loop},
    {start_queue, stop_queue},
    {start_crew, stop_crew},
    {start_control, stop_control},
    {start_upgrade, stop_upgrade},
};
#define STAGES (sizeof(stages) / sizeof(stages[0]))

static int serve(struct master *m)
{
    log_write(LOG_LEVEL_NOTICE, NULL, "ganger is running, pid %d", (int)getpid());
    int status = loop_run(m->loop, MASTER_EXIT_CANNOT);
    if (status == MASTER_EXIT_OK)
        log_write(LOG_LEVEL_NOTICE, NULL, "exiting, bye-bye!");
    return status;
}

static int run_stages(struct master *m)
{
    struct error err = ERROR_NONE;
    int status = MASTER_EXIT_CANNOT;
    size_t done = 0;

    while (done < STAGES && stages[done].start(m, &err) >= 0)
        done++;
    if (done < STAGES) {
        log_write(LOG_LEVEL_ERROR, NULL, "%s", err.text);
        /* Whoever typed the command is not reading a log file. */
        if (m->daemon || strcmp(m->inspection.conf->global.error_log, "stderr") != 0)
            (void)fprintf(stderr, "ganger: not started: %s\n", err.text);
    } else
        status = serve(m);
    while (done > 0) {
        if (stages[--done].stop != NULL)
            stages[done].stop(m);
    }
    return m->adopted != NULL ? master_adopt_afresh(m, err.text) : status;
}

/* From the configuration file. */
static int run_anew(struct master *m)
{
    const struct master_options *options = m->options;
    int r = inspect_config(&m->inspection, options->config, &m->context);

    if (r < 0) {
        log_write(LOG_LEVEL_ERROR, NULL, "cannot read the configuration: %s", strerror(-r));
        return MASTER_EXIT_CANNOT;
    }
    if (options->test > 0)
        return inspect_report(&m->inspection, options->config, options->test > 1);
    inspect_log(&m->inspection);
    if (m->inspection.conf == NULL || (options->strict && !inspect_passed(&m->inspection))) {
        log_write(LOG_LEVEL_ERROR, NULL, "configuration file %s does not pass; not started",
                  options->config);
        return MASTER_EXIT_CONFIG;
    }
    return run_stages(m);
}

int master_run(const struct master_options *options)
{
    struct master m = {.options = options, .pid = PID_FILES_NONE};
    struct error err = ERROR_NONE;
    int status;

    if (options->adopt_check != NULL)
        master_adopt_check(options->adopt_check);
    int r = birth_normalise(&m.context, &err);
    if (r == 0 && options->adopt == NULL) {
        m.path = successor_own_path(&err);
        r = m.path == NULL ? -ENOENT : 0;
    }
    if (r < 0) {
        log_write(LOG_LEVEL_ERROR, NULL, "%s", err.text);
        return MASTER_EXIT_CANNOT;
    }
    if (options->adopt == NULL)
        status = run_anew(&m);
    else
        status = master_adopt(&m, &err) < 0 ? master_adopt_afresh(&m, err.text) : run_stages(&m);
    inspect_clear(&m.inspection);
    free(m.path);
    return status;
}
