/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_CTL_LOAD_H
#define GANGER_CTL_LOAD_H

/* A closed load: so many connections, each with one request after the other, until the time is over or
 * all requests are made.  One thread, one epoll. */

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"
#include "ctl/tally.h"
#include "host/socket.h"

struct load {
    struct address address;
    const uint8_t *request; /* see client_begin(), with the body and its end */
    size_t length;
    unsigned connections;
    bool keep;
    uint64_t duration;                        /* microseconds; 0: no limit */
    uint64_t count;                           /* requests; 0: no limit */
    uint64_t timeout;                         /* microseconds for one request */
    const volatile sig_atomic_t *interrupted; /* ends it; looked at ten times a second, and after a
                                                 signal at once */
};

/* Run to the end, adding to *tally.  0, or negative with err (no memory, no descriptors; nobody
 * was there from the beginning: then tally->connects is 0): what was measured until then is in *tally. */
int load_run(const struct load *load, struct tally *tally, struct error *err);

#endif
