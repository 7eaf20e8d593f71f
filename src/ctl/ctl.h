/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_CTL_CTL_H
#define GANGER_CTL_CTL_H

/*
 * The subcommands of gangerctl, one function each.  gangerctl.c turns argv into these structs and
 * exits with what the function returns; all printing happens inside.  Nothing here keeps state
 * between calls.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Exit statuses, those of curl where it has one for the case. */
enum ctl_exit {
    CTL_OK = 0,
    CTL_FAILED = 1,      /* request: no proper FastCGI answer.  status: a pool is failing or failed.
                       Orders: refused, or not successful */
    CTL_USAGE = 2,       /* the command line is wrong */
    CTL_UNREACHABLE = 2, /* status, orders: ganger does not answer */
    CTL_CONNECT = 7,     /* request, bench: cannot connect */
    CTL_HTTP = 22,       /* request: Status is 400 or above */
    CTL_WRITE = 23,      /* the output cannot be written */
    CTL_READ = 26,       /* request: the body cannot be read */
    CTL_TIMEOUT = 28,    /* request: a time limit passed */
};

enum { CTL_WATCH_DEFAULT = 2000000 }; /* microseconds */
struct ctl_status_options {
    const char *directory; /* -r; NULL: the default for this user */
    const char *pool;      /* NULL: all */
    bool json;             /* as it came, instead of the table */
    bool full;             /* every worker */
    uint64_t watch;        /* microseconds between one and the next; 0: once */
};
/* Ask the status responder and print.  CTL_OK, CTL_FAILED, CTL_UNREACHABLE, CTL_WRITE. */
int ctl_status(const struct ctl_status_options *options);

struct ctl_top_options {
    const char *directory; /* as above */
    const char *pool;      /* only the workers of this one; NULL: begin with the pools */
    uint64_t interval;     /* microseconds between samples; 0: one second */
};
/* Show the pools, live, until the user has seen enough.  CTL_OK; CTL_USAGE: not on this terminal. */
int ctl_top(const struct ctl_top_options *options);

struct ctl_order_options {
    const char *directory;    /* as above */
    const char *const *words; /* of the line: "restart", "shop" */
    size_t word_count;
    bool wait; /* until it has settled */
};
/* Give one order and print what ganger says to it.  CTL_OK; CTL_FAILED: ganger says so, or nothing;
 * CTL_UNREACHABLE; CTL_WRITE. */
int ctl_order(const struct ctl_order_options *options);

enum ctl_stderr { CTL_STDERR_SHOW, CTL_STDERR_RAW, CTL_STDERR_HIDE };

struct ctl_request_options {
    const char *socket;         /* address to connect to */
    const char *path;           /* path and query; "/" when NULL */
    const char *method;         /* NULL: GET, or POST when there is data */
    const char *const *headers; /* "Name: value" */
    size_t header_count;
    const char *const *params; /* "NAME=VALUE", or "NAME" to send none */
    size_t param_count;
    const char *data;        /* text, "@file" or "-"; NULL: no body */
    const char *filter_file; /* FCGI_DATA of a filter: a file, or "-"; NULL: an empty one */
    const char *output;      /* file for the body; NULL: stdout */
    const char *script;      /* SCRIPT_FILENAME */
    uint64_t timeout;        /* microseconds in which nothing moves; 0: 60 s */
    uint64_t max_time;       /* microseconds for one request; 0: no limit of its own */
    unsigned count;          /* requests, one after the other on one connection; at least 1 */
    uint16_t role;           /* enum fcgi_role; 0: responder */
    enum ctl_stderr stderr_mode;
    bool include; /* print the response header, too */
    bool verbose;
    bool timing;
    bool stream; /* a body of unknown length is sent as it comes, not kept until it is whole */
};
struct ctl_bench_options {
    struct ctl_request_options
        request;          /* what is asked: socket to data and script; the rest is unused */
    unsigned connections; /* at least 1 */
    uint64_t duration;    /* microseconds; 0: until `count` */
    uint64_t count;       /* requests; 0: until `duration` */
    uint64_t timeout;     /* microseconds for one request; 0: 60 s */
    bool keep;
    bool json;
};
/* Measure, and print.  CTL_OK; CTL_FAILED when a request failed or none was answered; CTL_CONNECT,
 * CTL_USAGE, CTL_READ, CTL_WRITE. */
int ctl_bench(const struct ctl_bench_options *options);

/* Make the requests.  One of enum ctl_exit; of several requests the first that is not CTL_OK. */
int ctl_request(const struct ctl_request_options *options);

#endif
