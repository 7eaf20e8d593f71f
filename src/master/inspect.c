/* SPDX-License-Identifier: Apache-2.0 */
#include "master/inspect.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/bytes.h"
#include "base/log.h"
#include "base/text.h"
#include "host/identity.h"
#include "pool/check.h"

#define DUMP_MAX (64u << 20)

/* The sentence behind "FILE:LINE: pool NAME: ", copied. */
static char *sentence(const char *complaint, const char *pool)
{
    char *head = text_format(": pool %s: ", pool);
    const char *at = head == NULL ? NULL : strstr(complaint, head);
    char *copy = head == NULL ? NULL : strdup(at == NULL ? complaint : at + strlen(head));

    free(head);
    return copy;
}

/* Findings about the i-th pool; its reason is the first error among them. */
static int inspect_pool(struct inspection *in, size_t i, const struct pool_context *context)
{
    const struct conf_pool *pool = &in->conf->pools[i];
    size_t first = in->complaints.count;
    int errors = pool_check(pool, context, &in->complaints);

    if (errors < 0)
        return errors;
    int more = check_duplicates(in->conf, pool, &in->complaints);
    if (more < 0)
        return more;
    if (errors + more == 0)
        return 0;
    for (size_t k = first; k < in->complaints.count && in->reasons[i] == NULL; k++) {
        if (!in->complaints.items[k].warning) {
            in->reasons[i] = sentence(in->complaints.items[k].text, pool->name);
            if (in->reasons[i] == NULL)
                return -ENOMEM;
        }
    }
    in->unfit++;
    return 0;
}

/* Takes `text` over. */
static int complain(struct inspection *in, char *text)
{
    struct conf_complaint *items =
        text == NULL ? NULL
                     : reallocarray(in->complaints.items, in->complaints.count + 1, sizeof(*items));

    if (items == NULL) {
        free(text);
        return -ENOMEM;
    }
    items[in->complaints.count++] = (struct conf_complaint){.text = text};
    in->complaints.items = items;
    in->unfit++;
    return 0;
}

/* What the global options name on this host. */
static int inspect_global(struct inspection *in, const char *path)
{
    const char *group = in->conf->global.control_group;
    struct error err = ERROR_NONE;
    gid_t gid;

    if (group == NULL || identity_group(group, &gid, &err) == 0)
        return 0;
    return complain(in, text_format("%s: control.group: %s", path, err.text));
}

int inspect_config(struct inspection *ret, const char *path, struct pool_context *context)
{
    *ret = (struct inspection){0};
    int r = conf_load(&ret->conf, path, &ret->complaints);

    if (r == CONF_INVALID)
        return 0;
    if (r < 0)
        return r;
    context->runtime_directory = ret->conf->global.runtime_directory;
    context->process_control_timeout = ret->conf->global.process_control_timeout;
    context->process_max = ret->conf->global.process_max;
    context->log_level = ret->conf->global.log_level;
    ret->reasons = calloc(ret->conf->pool_count + 1, sizeof(char *));
    if (ret->reasons == NULL)
        return -ENOMEM;
    r = inspect_global(ret, path);
    for (size_t i = 0; i < ret->conf->pool_count && r == 0; i++)
        r = inspect_pool(ret, i, context);
    return r;
}

void inspect_clear(struct inspection *in)
{
    for (size_t i = 0; in->conf != NULL && in->reasons != NULL && i < in->conf->pool_count; i++)
        free(in->reasons[i]);
    free(in->reasons);
    conf_complaints_clear(&in->complaints);
    in->conf = conf_free(in->conf);
    *in = (struct inspection){0};
}

bool inspect_passed(const struct inspection *in)
{
    return in->conf != NULL && in->unfit == 0;
}

static int print_dump(const struct conf *conf)
{
    struct bytes out;
    int r;

    bytes_init(&out, DUMP_MAX);
    r = conf_dump(conf, &out);
    if (r == 0 && fwrite(bytes_front(&out), 1, bytes_held(&out), stdout) != bytes_held(&out))
        r = -EIO;
    if (fflush(stdout) != 0)
        r = -EIO;
    bytes_clear(&out);
    return r;
}

int inspect_report(const struct inspection *in, const char *path, bool dump)
{
    for (size_t i = 0; i < in->complaints.count; i++)
        (void)fprintf(stderr, "%s%s\n", in->complaints.items[i].text,
                      in->complaints.items[i].warning ? " (warning)" : "");
    if (in->conf != NULL && dump && print_dump(in->conf) < 0) {
        (void)fprintf(stderr, "the configuration cannot be printed\n");
        return 1;
    }
    bool passed = inspect_passed(in);
    (void)fprintf(stderr, "configuration file %s test %s\n", path,
                  passed ? "is successful" : "failed");
    return passed ? 0 : 1;
}

void inspect_say(const struct inspection *in, struct bytes *said)
{
    for (size_t i = 0; i < in->complaints.count; i++)
        (void)bytes_printf(said, "%s%s\n", in->complaints.items[i].text,
                           in->complaints.items[i].warning ? " (warning)" : "");
}

void inspect_log(const struct inspection *in)
{
    for (size_t i = 0; i < in->complaints.count; i++)
        log_write(in->complaints.items[i].warning ? LOG_LEVEL_WARNING : LOG_LEVEL_ERROR, NULL, "%s",
                  in->complaints.items[i].text);
}
