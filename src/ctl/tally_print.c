/* SPDX-License-Identifier: Apache-2.0 */
/* The report of a bench.  Names of failures are the same for people and for programs. */

#include <string.h>
#include "base/text.h"
#include "ctl/tally.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const char *const fault_names[TALLY_FAULTS] = {
    [TALLY_CONNECT] = "cannot connect",     [TALLY_BACKLOG] = "backlog full",
    [TALLY_TIMEOUT] = "timed out",          [TALLY_CLOSED] = "closed early",
    [TALLY_PROTOCOL] = "protocol error",    [TALLY_REFUSED] = "request refused",
    [TALLY_HEADER] = "bad header",          [TALLY_STATUS_5] = "status 500 and above",
    [TALLY_STATUS_4] = "status 400 to 499", [TALLY_APP_STATUS] = "application status not 0",
};

static const struct {
    const char *name;
    double share; /* -1: minimum, -2: mean, 1: maximum */
} points[] = {{"min", -1},   {"mean", -2},     {"p50", 0.5}, {"p90", 0.9},
              {"p99", 0.99}, {"p99.9", 0.999}, {"max", 1}};

static double point(const struct histogram *h, size_t i)
{
    if (points[i].share == -1.0)
        return (double)h->minimum;
    if (points[i].share == -2.0)
        return histogram_mean(h);
    return (double)histogram_quantile(h, points[i].share);
}

static double seconds(const struct tally *t)
{
    return (double)t->elapsed / 1e9;
}

static double rate(const struct tally *t, uint64_t amount)
{
    return t->elapsed == 0 ? 0 : (double)amount / seconds(t);
}

/* ---- for people ---- */

/* The sum of what the calls return is negative when one of them failed: a report that does not fit is
 * told once, at its end. */
static int put_bytes(struct bytes *out, const char *name, uint64_t amount, const struct tally *t)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
    double numbers[2] = {(double)amount, rate(t, amount)};
    const char *unit[2];
    for (unsigned i = 0; i < 2; i++) {
        unsigned k = 0;
        for (; numbers[i] >= 1000 && k + 1 < COUNT(units); k++)
            numbers[i] /= 1000;
        unit[i] = units[k];
    }
    return bytes_printf(out, "  %-11s%10.1f %-2s  %10.1f %s/s\n", name, numbers[0], unit[0],
                        numbers[1], unit[1]);
}

static int put_count(struct bytes *out, const char *name, uint64_t count, const char *note)
{
    return bytes_printf(out, "  %-11s%10llu%s%s\n", name, (unsigned long long)count,
                        *note == '\0' ? "" : "     ", note);
}

static int put_times(struct bytes *out, const char *name, const struct histogram *h)
{
    int rc = bytes_printf(out, "  %-11s", name);
    for (size_t i = 0; rc == 0 && i < COUNT(points); i++)
        rc = h->count == 0 ? bytes_printf(out, "%10s", "-")
                           : bytes_printf(out, "%10.3f", point(h, i) / 1e6);
    return rc < 0 ? rc : bytes_printf(out, "\n");
}

static int put_failures(const struct tally *t, struct bytes *out)
{
    int rc = put_count(out, "failed", tally_failed(t), "");
    for (unsigned i = 0; rc == 0 && i < TALLY_FAULTS; i++) {
        if (t->faults[i] > 0)
            rc = bytes_printf(out, "  %21llu     %s\n", (unsigned long long)t->faults[i],
                              fault_names[i]);
    }
    if (rc == 0 && t->backlog_retries > 0)
        rc = put_count(out, "retries", t->backlog_retries,
                       "connects tried again, the backlog was full");
    if (rc == 0 && t->reconnects > 0)
        rc = put_count(out, "reconnects", t->reconnects,
                       "kept connections that the application had closed");
    if (rc == 0 && t->cut_off > 0)
        rc = bytes_printf(
            out, "  %-11s%10llu     not yet answered at the end, the oldest after %.3f s\n",
            "cut off", (unsigned long long)t->cut_off, (double)t->oldest / 1e9);
    return rc;
}

int tally_print_text(const struct tally *t, struct bytes *out)
{
    char socket[512], path[512];
    int rc = bytes_printf(out, "%s %s: %u connection%s%s, %.2f s%s\n",
                          text_escape_fixed(socket, sizeof socket, t->socket, strlen(t->socket)),
                          text_escape_fixed(path, sizeof path, t->path, strlen(t->path)),
                          t->connections, t->connections == 1 ? "" : "s",
                          t->keep ? ", kept alive" : ", one for each request", seconds(t),
                          t->interrupted ? ", interrupted" : "");
    if (rc == 0)
        rc = bytes_printf(out, "  %-11s%10llu     %10.1f /s\n", "requests",
                          (unsigned long long)tally_requests(t), tally_rate(t));
    if (rc == 0)
        rc = put_failures(t, out);
    if (rc == 0)
        rc = put_bytes(out, "received", t->received, t);
    if (rc == 0)
        rc = put_bytes(out, "sent", t->sent, t);
    if (rc == 0)
        rc = bytes_printf(out, "  %-11s", "time in ms");
    for (size_t i = 0; rc == 0 && i < COUNT(points); i++)
        rc = bytes_printf(out, "%10s", points[i].name);
    if (rc == 0)
        rc = bytes_printf(out, "\n");
    if (rc == 0)
        rc = put_times(out, "request", &t->latency);
    return rc < 0 ? rc : put_times(out, "connect", &t->connect);
}

/* ---- for programs ---- */

static int put_string(struct bytes *out, const char *text)
{
    char escaped[1024];
    int rc = bytes_append(out, "\"", 1);
    /* After this nothing but the backslash and the quote has a meaning in JSON. */
    text_escape_fixed(escaped, sizeof escaped, text, strlen(text));
    for (const char *c = escaped; rc == 0 && *c != '\0'; c++)
        rc = bytes_printf(out, "%s%c", *c == '"' || *c == '\\' ? "\\" : "", *c);
    return rc < 0 ? rc : bytes_append(out, "\"", 1);
}

static int put_histogram(struct bytes *out, const char *name, const struct histogram *h)
{
    int rc = bytes_printf(out, ",\"%s\":{\"count\":%llu", name, (unsigned long long)h->count);
    for (size_t i = 0; rc == 0 && i < COUNT(points); i++)
        rc = bytes_printf(out, ",\"%s\":%.9f", points[i].name, point(h, i) / 1e9);
    return rc < 0 ? rc : bytes_printf(out, "}");
}

static int put_asked(const struct tally *t, struct bytes *out)
{
    int rc = bytes_printf(out, "{\"socket\":");
    if (rc == 0)
        rc = put_string(out, t->socket);
    if (rc == 0)
        rc = bytes_printf(out, ",\"path\":");
    if (rc == 0)
        rc = put_string(out, t->path);
    return rc < 0 ? rc
                  : bytes_printf(out, ",\"connections\":%u,\"keep alive\":%s", t->connections,
                                 t->keep ? "true" : "false");
}

static int put_counts(const struct tally *t, struct bytes *out)
{
    const struct {
        const char *name;
        uint64_t value;
    } counts[] = {
        {"requests", tally_requests(t)}, {"answered", t->answered},
        {"failed", tally_failed(t)},     {"cut off", t->cut_off},
        {"connects", t->connects},       {"backlog retries", t->backlog_retries},
        {"reconnects", t->reconnects},   {"bytes sent", t->sent},
        {"bytes received", t->received},
    };
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < COUNT(counts); i++)
        rc = bytes_printf(out, ",\"%s\":%llu", counts[i].name, (unsigned long long)counts[i].value);
    if (rc == 0)
        rc = bytes_printf(out, ",\"failures\":{");
    for (unsigned i = 0; rc == 0 && i < TALLY_FAULTS; i++)
        rc = bytes_printf(out, "%s\"%s\":%llu", i == 0 ? "" : ",", fault_names[i],
                          (unsigned long long)t->faults[i]);
    if (rc == 0)
        rc = bytes_printf(out, "},\"statuses\":{");
    for (unsigned i = 1; rc == 0 && i < TALLY_CLASSES; i++)
        rc = bytes_printf(out, "%s\"%uxx\":%llu", i == 1 ? "" : ",", i,
                          (unsigned long long)t->classes[i]);
    return rc < 0 ? rc : bytes_printf(out, "}");
}

int tally_print_json(const struct tally *t, struct bytes *out)
{
    int rc = put_asked(t, out);
    if (rc == 0)
        rc = bytes_printf(out, ",\"seconds\":%.6f,\"interrupted\":%s,\"requests per second\":%.1f",
                          seconds(t), t->interrupted ? "true" : "false", tally_rate(t));
    if (rc == 0)
        rc = bytes_printf(out, ",\"bytes received per second\":%.1f", rate(t, t->received));
    if (rc == 0)
        rc = bytes_printf(out, ",\"oldest cut off\":%.9f", (double)t->oldest / 1e9);
    if (rc == 0)
        rc = put_counts(t, out);
    if (rc == 0)
        rc = put_histogram(out, "latency", &t->latency);
    if (rc == 0)
        rc = put_histogram(out, "connect", &t->connect);
    return rc < 0 ? rc : bytes_printf(out, "}\n");
}
