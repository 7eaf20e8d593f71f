/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Orders carried out, whether a signal gave them or somebody at the control socket.
 *
 * An order is begun at once, and whoever waits for it asks again after every round of settling: what
 * is looked at is the state of the pools, never who gave the order, so two who order the same thing
 * both learn what has become of it.
 */
#include "master/master_struct.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>
#include "base/log.h"

/* ---- orders about the master itself ---- */

static int ping(const struct master *m, struct bytes *said)
{
    struct crew_count n = crew_count(m->crew);

    return bytes_printf(said, "ganger %s, pid %d: %zu pools, %u workers%s\n", GANGER_VERSION,
                        (int)getpid(), n.pools, n.workers, m->stopping ? ", stopping" : "");
}

static int test(const struct master *m, struct bytes *said, struct error *err)
{
    struct pool_context context = m->context; /* nothing of it takes effect */
    struct inspection in;
    int r = inspect_config(&in, m->options->config, &context);

    if (r < 0)
        (void)error_errno(err, -r, "cannot read the configuration");
    else {
        inspect_say(&in, said);
        if (!inspect_passed(&in))
            r = error_set(err, EINVAL, "configuration file %s test failed", m->options->config);
    }
    inspect_clear(&in);
    return r;
}

static int reopen_pool(void *cookie, const struct crew_member *member)
{
    unsigned *failed = cookie;

    *failed += gang_logs_reopen(member->gang);
    return 0;
}

static int reopen(const struct master *m, struct error *err)
{
    unsigned failed = 0;
    int r = log_reopen(err);

    /* Those of the pools all the same. */
    (void)crew_each(m->crew, reopen_pool, &failed);
    crew_settle_all(m->crew);
    if (r < 0)
        return error_wrap(err, "cannot reopen the log, going on with the old one");
    if (failed > 0)
        return error_set(
            err, EIO,
            "%u log files of pools cannot be opened anew (the log says which and why); "
            "going on with the old ones",
            failed);
    log_write(LOG_LEVEL_NOTICE, NULL, "log reopened");
    return 0;
}

/* ---- the desk ---- */

static int carry_out(struct master *m, const struct order *o, struct bytes *said, struct error *err)
{
    switch (o->word) {
    case ORDER_PING:
        return ping(m, said);
    case ORDER_TEST:
        return test(m, said, err);
    case ORDER_REOPEN:
        return reopen(m, err);
    case ORDER_QUIT:
        master_stop(m, GANG_STOP_DRAIN);
        return 0;
    case ORDER_RELOAD:
        return master_reload(m, said, err);
    case ORDER_RESTART:
        return crew_restart(m->crew, o->pool, err);
    case ORDER_STOP:
        return crew_stop_pool(m->crew, o->pool, err);
    case ORDER_START:
        return crew_start_pool(m->crew, o->pool, err);
    case ORDER_SCALE:
        return crew_scale(m->crew, o->pool, o->number, err);
    case ORDER_UPGRADE:
        return upgrade_order(m->upgrade, err);
    }
    return -EINVAL;
}

int master_order(void *cookie, const struct order *o, struct bytes *said, struct error *err)
{
    struct master *m = cookie;

    if (m->stopping && o->word != ORDER_PING && o->word != ORDER_REOPEN && o->word != ORDER_QUIT)
        return error_set(err, ESHUTDOWN, "ganger is stopping");
    int r = carry_out(m, o, said, err);
    return r < 0 || !o->wait ? r : master_look(m, o, said, err);
}

/* Who still asks when it is done asks the new image. */
static int look_at_upgrade(const struct master *m, struct bytes *said, struct error *err)
{
    int r = upgrade_look(m->upgrade, err);

    if (r == UPGRADE_UNDER_WAY)
        return ORDERS_PENDING;
    if (r == 0)
        (void)bytes_printf(said, "now ganger %s, pid %d\n", GANGER_VERSION, (int)getpid());
    return r;
}

int master_look(void *cookie, const struct order *o, struct bytes *said, struct error *err)
{
    const struct master *m = cookie;

    switch (o->word) {
    case ORDER_RELOAD:
        return master_change_look(m, NULL, said, err);
    case ORDER_RESTART:
    case ORDER_STOP:
    case ORDER_START:
    case ORDER_SCALE:
        return master_change_look(m, o->pool, said, err);
    case ORDER_UPGRADE:
        return look_at_upgrade(m, said, err);
    case ORDER_QUIT:
        return ORDERS_PENDING; /* until control_close() */
    default:
        return 0;
    }
}

/* ---- signals ---- */

static void on_term(struct master *m, bool graceful)
{
    enum gang_stop_how how = GANG_STOP_TERM;

    if (!m->stopping && graceful)
        how = GANG_STOP_DRAIN;
    else if (m->stopping && m->how >= GANG_STOP_TERM)
        how = GANG_STOP_KILL;
    master_stop(m, how);
}

/* As if it had been ordered; what comes of it is told to the log. */
static void order(struct master *m, enum order_word word)
{
    struct order o = {.word = word};
    struct error err = ERROR_NONE;
    struct bytes said;

    bytes_init(&said, CONTROL_ANSWER_MAX);
    if (master_order(m, &o, &said, &err) < 0)
        log_write(LOG_LEVEL_ERROR, NULL, "%s", err.text);
    bytes_clear(&said);
}

void master_signal(void *cookie, int number)
{
    struct master *m = cookie;

    switch (number) {
    case SIGCHLD:
        master_reap(m);
        break;
    case SIGQUIT:
        order(m, ORDER_QUIT);
        break;
    case SIGTERM:
        on_term(m, m->inspection.conf->global.stop_on_term == CONF_ENDING_GRACEFUL);
        break;
    case SIGINT:
        on_term(m, false);
        break;
    case SIGUSR1:
        order(m, ORDER_REOPEN);
        break;
    case SIGHUP:
        master_reload_soon(m);
        break;
    case SIGUSR2:
        order(m, ORDER_UPGRADE);
        break;
    default:
        break;
    }
}
