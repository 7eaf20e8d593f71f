/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/arrival.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include "base/clock.h"
#include "base/number.h"
#include "base/text.h"

/* A clock may be ahead of ours by so much, and no request waits for longer than that. */
#define AHEAD_MOST (1 * CLOCK_SEC)
#define WAIT_MOST (3600 * CLOCK_SEC)

uint64_t arrival_waited(int fd, bool local, bool here, bool found)
{
    struct tcp_info info = {0};
    socklen_t length = sizeof info;

    if (!here)
        return 0;
    if (local)
        return found ? 0 : ARRIVAL_UNKNOWN;
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) < 0 ||
        length < offsetof(struct tcp_info, tcpi_last_data_recv) + sizeof info.tcpi_last_data_recv)
        return ARRIVAL_UNKNOWN;
    return info.tcpi_last_data_recv * CLOCK_MSEC;
}

/* Seconds with a fraction of up to six digits (more are dropped). */
static bool parse_seconds(const char *text, const char *point, uint64_t *ret)
{
    uint64_t seconds, fraction = 0;
    size_t digits = strlen(point + 1);

    if (digits == 0 || strspn(point + 1, "0123456789") != digits ||
        number_parse_bytes(text, (size_t)(point - text), UINT32_MAX, &seconds) < 0)
        return false;
    digits = digits > 6 ? 6 : digits;
    (void)number_parse_bytes(point + 1, digits, UINT32_MAX, &fraction);
    for (; digits < 6; digits++)
        fraction *= 10;
    *ret = seconds * CLOCK_SEC + fraction;
    return true;
}

uint64_t arrival_since(const char *text, uint64_t wall)
{
    uint64_t start = 0;

    if (text == NULL)
        return ARRIVAL_UNKNOWN;
    if (text_starts(text, "t="))
        text += 2;
    const char *point = strchr(text, '.');
    if (point != NULL) {
        if (!parse_seconds(text, point, &start))
            return ARRIVAL_UNKNOWN;
    } else if (number_parse(text, INT64_MAX, &start) < 0) {
        return ARRIVAL_UNKNOWN;
    } else if (start < UINT64_C(100000000000)) { /* seconds until the year 5138 */
        start *= CLOCK_SEC;
    } else if (start < UINT64_C(100000000000000)) {
        start *= CLOCK_MSEC;
    }
    if (start > wall)
        return start - wall <= AHEAD_MOST ? 0 : ARRIVAL_UNKNOWN;
    return wall - start <= WAIT_MOST ? wall - start : ARRIVAL_UNKNOWN;
}

uint64_t arrival_queue(const struct connection *c, const struct request *r)
{
    const char *start = r->params == NULL ? NULL : params_find(r->params, "REQUEST_START", NULL);
    uint64_t told = start == NULL ? ARRIVAL_UNKNOWN : arrival_since(start, clock_wall());

    if (told != ARRIVAL_UNKNOWN)
        return told;
    if (r->number == 1)
        return c->waited;
    return c->request_count == 1 ? 0 : ARRIVAL_UNKNOWN;
}
