/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/native.h"

#include <stdlib.h>
#include <string.h>
#include "conf/endpoint.h"

/*
 * The program is told in FCGI_WEB_SERVER_ADDRS who may connect, and that holds addresses, no blocks.
 * Whether it looks at all is up to the program: libfcgi and php-cgi do.
 */
static void check_clients(struct draft *d, const struct draft_pool *p)
{
    const struct conf_list *clients = &p->pool.listen_allowed_clients;

    for (size_t i = 0; i < clients->count; i++) {
        const char *text = clients->items[i];
        const char *slash = strchr(text, '/');
        struct place where = draft_place(d, p, "listen.allowed_clients", i);

        if (slash == NULL || strcmp(slash, strchr(text, ':') == NULL ? "/32" : "/128") == 0)
            continue;
        complaint_error(d->box, &where,
                        "listen.allowed_clients: %s is a block; a native program can be told only "
                        "single addresses (FCGI_WEB_SERVER_ADDRS): name each web server, and keep "
                        "the others out with a firewall",
                        text);
    }
}

static void check_reachable(struct draft *d, const struct draft_pool *p)
{
    struct endpoint endpoint;
    struct error err = ERROR_NONE;
    struct place where = draft_place(d, p, "listen", 0);

    if (p->pool.listen.count != 1 || p->pool.listen_allowed_clients.count == 0 ||
        endpoint_parse(&endpoint, p->pool.listen.items[0], &err) != 0 ||
        endpoint.family != ENDPOINT_TCP || endpoint.loopback)
        return;
    complaint_warning(d->box, &where,
                      "listen: other machines can reach %s, and it is up to the program whether it "
                      "obeys listen.allowed_clients (libfcgi and php-cgi do): keep a firewall in "
                      "front of it",
                      p->pool.listen.items[0]);
}

void native_check(struct draft *d, const struct draft_pool *p)
{
    struct place where;

    if (p->pool.command.count == 0 && !p->lost) {
        where = draft_place(d, p, "kind", 0);
        complaint_error(d->box, &where,
                        "command is missing; kind = fastcgi needs the program that speaks FastCGI, "
                        "such as {\"/usr/bin/php-cgi\"}");
    }
    if (p->pool.listen.count > 1) {
        where = draft_place(d, p, "listen", 1);
        complaint_error(d->box, &where,
                        "listen: a native program has one socket, its descriptor 0; leave one "
                        "address, or write another pool");
    }
    if (conf_signal(p->pool.stop_signal) == 0) {
        where = draft_place(d, p, "stop_signal", 0);
        complaint_error(d->box, &where,
                        "stop_signal: %s is not allowed; allowed: TERM, QUIT, INT, HUP, USR1, "
                        "USR2, ABRT, ALRM, PWR and WINCH, or the number of one of them",
                        p->pool.stop_signal);
    }
    check_clients(d, p);
    check_reachable(d, p);
}
