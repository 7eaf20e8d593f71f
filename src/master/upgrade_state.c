/* SPDX-License-Identifier: Apache-2.0 */
#include "master/upgrade_state.h"

#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define CONFS_MAX 4096u
#define GANGS_MAX 65536u
#define HANDED_MAX 65536u

#define FACT(type_, member_, least_, most_)                                                        \
    {                                                                                              \
        .name = #member_, .type = STATE_##type_,                                                   \
        .offset = offsetof(struct upgrade_facts, member_), .least = (least_), .most = (most_)      \
    }

static const struct state_field facts_fields[] = {
    FACT(TEXT, version, 0, 64),
    FACT(TEXT, path, 0, UPGRADE_PATH),
    FACT(TEXT, folder, 0, UPGRADE_PATH),
    FACT(I32, pid, 1, INT_MAX),
    FACT(U64, files_soft, 0, UINT64_MAX),
    FACT(U64, files_hard, 0, UINT64_MAX),
    FACT(FLAG, daemon, 0, 1),
    FACT(I32, control, -1, INT_MAX),
    FACT(U32, control_group, 0, UINT32_MAX),
    FACT(U64, log_lines, 0, INT64_MAX),
    FACT(FLAG, log_torn, 0, 1),
    FACT(I32, pid_fds[0], -1, INT_MAX),
    FACT(I32, pid_fds[1], -1, INT_MAX),
    FACT(TEXT, pid_paths[0], 0, UPGRADE_PATH),
    FACT(TEXT, pid_paths[1], 0, UPGRADE_PATH),
};
#define FACTS (sizeof(facts_fields) / sizeof(facts_fields[0]))

static const struct state_field waiter_fields[] = {
    {.name = "waiter", .type = STATE_I32, .least = 3, .most = INT_MAX},
};

static const struct state_field handed_fields[] = {
    {.name = "name",
     .type = STATE_TEXT,
     .offset = offsetof(struct upgrade_handed, name),
     .most = INHERITED_NAME_MAX + 1},
    {.name = "fd",
     .type = STATE_I32,
     .offset = offsetof(struct upgrade_handed, fd),
     .least = 3,
     .most = INT_MAX},
};

/* ---- writing ---- */

static int put(struct state *to, uint32_t kind, const struct state_field *fields, size_t count,
               const void *from)
{
    struct settings s;

    settings_init(&s);
    int r = state_write_fields(&s, fields, count, from);
    if (r == 0)
        r = state_add_settings(to, kind, &s);
    settings_clear(&s);
    return r;
}

int upgrade_state_put_facts(struct state *to, const struct upgrade_facts *facts)
{
    return put(to, UPGRADE_MASTER, facts_fields, FACTS, facts);
}

int upgrade_state_put_waiter(struct state *to, int fd)
{
    return put(to, UPGRADE_WAITER, waiter_fields, 1, &fd);
}

int upgrade_state_put_handed(struct state *to, const struct upgrade_handed *handed)
{
    return put(to, UPGRADE_HANDED, handed_fields, 2, handed);
}

int upgrade_state_put_conf(struct state *to, const struct conf *conf, struct error *err)
{
    struct conf_complaints complaints = {0};
    struct conf *back = NULL;
    struct bytes text;

    bytes_init(&text, STATE_MAX);
    int r = conf_dump(conf, &text);
    const char *string = r < 0 ? NULL : bytes_string(&text);
    if (r == 0 && string == NULL)
        r = -ENOMEM;
    if (r == 0)
        r = conf_load_text(&back, "the running configuration", string, &complaints);
    if (r < 0)
        (void)error_errno(err, -r, "the running configuration");
    else if (r == CONF_INVALID || !conf_equal(conf, back))
        r = error_set(err, EINVAL, "the running configuration cannot be written down: %s",
                      complaints.count > 0 ? complaints.items[0].text : "it differs");
    else {
        r = state_add(to, UPGRADE_CONF, bytes_front(&text), bytes_held(&text));
        if (r < 0)
            (void)error_errno(err, -r, "the running configuration");
    }
    (void)conf_free(back);
    conf_complaints_clear(&complaints);
    bytes_clear(&text);
    return r;
}

/* ---- reading ---- */

static int read_fields(const struct state_record *record, const struct state_field *fields,
                       size_t count, void *to, struct error *err)
{
    struct settings s;

    settings_init(&s);
    int r = settings_load(&s, record->data, record->length, err);
    if (r == 0)
        r = state_read_fields(&s, fields, count, to, err);
    settings_clear(&s);
    return r;
}

static int read_conf(struct upgrade_state *s, const struct state_record *record, struct error *err)
{
    struct conf_complaints complaints = {0};
    struct conf **more = s->conf_count == CONFS_MAX
                             ? NULL
                             : reallocarray(s->confs, s->conf_count + 1, sizeof(struct conf *));
    char *text = more == NULL ? NULL : malloc(record->length + 1);

    if (more != NULL)
        s->confs = more;
    if (text == NULL)
        return error_set(err, ENOMEM, "too many configurations in the state");
    memcpy(text, record->data, record->length);
    text[record->length] = '\0';
    int r = conf_load_text(&more[s->conf_count], "the running configuration", text, &complaints);
    free(text);
    if (r == CONF_INVALID) {
        const char *first = "";
        for (size_t i = complaints.count; i > 0; i--)
            first = complaints.items[i - 1].warning ? first : complaints.items[i - 1].text;
        r = error_set(err, EINVAL, "%s", first);
    } else if (r < 0)
        (void)error_errno(err, -r, "the running configuration");
    else
        s->conf_count++;
    conf_complaints_clear(&complaints);
    return r;
}

static int read_handed(struct upgrade_state *s, const struct state_record *record,
                       struct error *err)
{
    struct upgrade_handed *more = s->handed_count == HANDED_MAX
                                      ? NULL
                                      : reallocarray(s->handed, s->handed_count + 1, sizeof(*more));

    if (more == NULL)
        return error_set(err, ENOMEM, "too many sockets in the state");
    s->handed = more;
    int r = read_fields(record, handed_fields, 2, &more[s->handed_count], err);
    if (r == 0)
        s->handed_count++;
    return r;
}

static int read_gang(struct upgrade_state *s, struct state_record *record, struct state_reader *r,
                     struct error *err)
{
    struct frozen_gang *more = s->gang_count == GANGS_MAX
                                   ? NULL
                                   : reallocarray(s->gangs, s->gang_count + 1, sizeof(*more));

    if (more == NULL)
        return error_set(err, ENOMEM, "too many pools in the state");
    s->gangs = more;
    int result = frozen_take(&more[s->gang_count], record, r, err);
    if (result < 0)
        return result;
    struct frozen_gang *g = &more[s->gang_count++];
    if (g->conf >= s->conf_count || conf_find(s->confs[g->conf], g->name) == NULL)
        return error_set(err, EINVAL, "pool %s of the state is in no configuration", g->name);
    return 0;
}

static int read_all(struct upgrade_state *s, struct state_reader *r, struct error *err)
{
    struct state_record record;

    state_next(r, &record);
    if (record.kind != UPGRADE_MASTER)
        return error_set(err, EINVAL, "the state does not begin with the master");
    int result = read_fields(&record, facts_fields, FACTS, &s->facts, err);
    state_next(r, &record);
    for (; result == 0 && record.kind == UPGRADE_WAITER; state_next(r, &record)) {
        if (s->waiter_count == CONTROL_LINKS)
            return error_set(err, EINVAL, "too many wait for the upgrade");
        result = read_fields(&record, waiter_fields, 1, &s->waiters[s->waiter_count], err);
        if (result == 0)
            s->waiter_count++;
    }
    for (; result == 0 && record.kind == UPGRADE_HANDED; state_next(r, &record))
        result = read_handed(s, &record, err);
    for (; result == 0 && record.kind == UPGRADE_CONF; state_next(r, &record))
        result = read_conf(s, &record, err);
    if (result == 0 && s->conf_count == 0)
        result = error_set(err, EINVAL, "the state lacks the configuration");
    while (result == 0 && record.kind != STATE_END)
        result = read_gang(s, &record, r, err);
    return result;
}

int upgrade_state_read(struct upgrade_state *ret, const void *data, size_t length,
                       struct error *err)
{
    struct state_reader r;
    int result = state_open(&r, data, length, err);

    *ret = (struct upgrade_state){0};
    if (result < 0)
        return result;
    if (r.version != UPGRADE_VERSION)
        return error_set(err, EPROTO,
                         "the state has version %u, and this is ganger %s, which reads %u",
                         r.version, GANGER_VERSION, UPGRADE_VERSION);
    result = read_all(ret, &r, err);
    if (result < 0)
        upgrade_state_clear(ret);
    return result;
}

void upgrade_state_clear(struct upgrade_state *s)
{
    for (size_t i = 0; i < s->conf_count; i++)
        (void)conf_free(s->confs[i]);
    for (size_t i = 0; i < s->gang_count; i++)
        frozen_clear(&s->gangs[i]);
    free(s->handed);
    free(s->confs);
    free(s->gangs);
    *s = (struct upgrade_state){0};
}
