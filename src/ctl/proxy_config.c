/* SPDX-License-Identifier: Apache-2.0 */
/* It reads the configuration itself, and asks no ganger: the snippet can be made before one runs. */

#include "ctl/proxy_config.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/descriptor.h"
#include "base/text.h"
#include "conf/conf.h"
#include "ctl/argument.h"
#include "ctl/proxy.h"

#define DEFAULT_CONFIG "/etc/ganger/ganger.conf"
enum { LONG_PATH = 256, LONG_ROOT, SNIPPET_MAX = 256 * 1024, GUESS = 3 };

static const char usage_text[] =
    "Usage: gangerctl proxy-config PROXY POOL [OPTION]...\n"
    "\n"
    "Prints what the web server needs in its configuration to reach the pool.  PROXY is nginx,\n"
    "apache, caddy, haproxy or lighttpd; lines \"# ---- in ...\" say where each part belongs.\n"
    "  -c, --config FILE            ganger's configuration (" DEFAULT_CONFIG ")\n"
    "      --path PREFIX            where the pool is in the site (/POOL/; for PHP /)\n"
    "      --root FOLDER            the site's folder, for PHP\n"
    "\n"
    "It exits with 1 when there is no such snippet and says why, 2 for a wrong command line.\n"
    "See gangerctl(1).\n";

struct wanted {
    const char *config, *path, *root;
    const struct proxy_kind *kind;
    const char *pool;
};

static void print_complaints(const struct conf_complaints *c)
{
    for (size_t i = 0; i < c->count; i++) {
        if (!c->items[i].warning)
            fprintf(stderr, "%s\n", c->items[i].text);
    }
}

static int no_such_pool(const struct conf *c, const char *name)
{
    char shown[256];
    fprintf(stderr, "gangerctl: there is no pool \"%s\"",
            text_escape_fixed(shown, sizeof shown, name, strlen(name)));
    for (size_t i = 0; i < c->pool_count; i++) {
        if (text_distance(name, c->pools[i].name, GUESS) < GUESS) {
            fprintf(stderr, "; did you mean %s?\n", c->pools[i].name);
            return CTL_USAGE;
        }
    }
    fputs("; there are", stderr);
    for (size_t i = 0; i < c->pool_count && i < 20; i++)
        fprintf(stderr, "%s %s", i == 0 ? "" : ",", c->pools[i].name);
    fputs(c->pool_count > 20 ? " …\n" : "\n", stderr);
    return CTL_USAGE;
}

static int print_snippet(const struct wanted *w, const struct conf_pool *pool)
{
    struct error err = ERROR_NONE;
    struct bytes text;
    int status = CTL_OK;
    bytes_init(&text, SNIPPET_MAX);
    int rc = proxy_write(w->kind, pool, w->path, w->root, &text, &err);
    if (rc < 0) {
        fprintf(stderr, "gangerctl: %s\n", err.text);
        status = CTL_FAILED;
    } else {
        rc = descriptor_write_all(STDOUT_FILENO, bytes_front(&text), bytes_held(&text));
        if (rc < 0) {
            fprintf(stderr, "gangerctl: cannot write: %s\n", strerror(-rc));
            status = CTL_WRITE;
        }
    }
    bytes_clear(&text);
    return status;
}

static int run(const struct wanted *w)
{
    struct conf *c = NULL;
    struct conf_complaints complaints = {0};
    int status = CTL_FAILED;
    int rc = conf_load(&c, w->config, &complaints);
    if (rc == 0) {
        const struct conf_pool *pool = conf_find(c, w->pool);
        status = pool == NULL ? no_such_pool(c, w->pool) : print_snippet(w, pool);
    } else if (rc == CONF_INVALID) {
        print_complaints(&complaints);
    } else {
        fputs("gangerctl: no memory\n", stderr);
    }
    conf_complaints_clear(&complaints);
    conf_free(c);
    return status;
}

static int read_words(struct wanted *w, int argc, char **argv)
{
    if (argc - optind < 2)
        return argument_wrong("proxy-config needs a PROXY and a POOL", "", "");
    if (argc - optind > 2)
        return argument_wrong("proxy-config takes a PROXY and a POOL; what is \"", argv[optind + 2],
                              "\"?");
    w->kind = proxy_find(argv[optind]);
    w->pool = argv[optind + 1];
    if (w->kind == NULL) {
        char after[128];
        snprintf(after, sizeof after, "\" is no proxy it knows; %s are", proxy_names);
        return argument_wrong("\"", argv[optind], after);
    }
    return 0;
}

int proxy_config_run(int argc, char **argv)
{
    static const struct option longs[] = {
        {"config", required_argument, NULL, 'c'},
        {"path", required_argument, NULL, LONG_PATH},
        {"root", required_argument, NULL, LONG_ROOT},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    struct wanted w = {.config = DEFAULT_CONFIG};
    if (descriptor_open_standard() < 0)
        return CTL_FAILED;
    for (int c; (c = getopt_long(argc, argv, "c:h", longs, NULL)) != -1;) {
        switch (c) {
        case 'c':
            w.config = optarg;
            break;
        case LONG_PATH:
            w.path = optarg;
            break;
        case LONG_ROOT:
            w.root = optarg;
            break;
        case 'h':
            fputs(usage_text, stdout);
            return CTL_OK;
        default:
            return argument_hint();
        }
    }
    int status = read_words(&w, argc, argv);
    return status != 0 ? status : run(&w);
}
