/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_SERVE_REQUEST_H
#define GANGER_SERVE_REQUEST_H

/*
 * One request, from complete parameters to END_REQUEST.
 *
 *   WAITING   reported by the reader, not begun
 *   RUNNING   a program serves it; ends when the program is reaped and its pipes are at their end
 *   ANSWERING an answer of ours is being handed to the connection
 *   FLUSHING  END_REQUEST is queued; over when the socket has taken it
 *   OVER      to be freed
 *
 * What becomes of it is its `fate`: NONE while the program is free to do as it likes; the first
 * other fate stays.  request_settle() is the only place that moves a request on.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>
#include "base/bytes.h"
#include "serve/program.h"
#include "wire/params.h"
#include "wire/reader.h"
#include "wire/response.h"

#define REQUEST_BODY_MAX (64u << 10) /* body bytes held for a program that does not read them */
#define REQUEST_LABEL 256

enum request_state {
    REQUEST_WAITING,
    REQUEST_RUNNING,
    REQUEST_ANSWERING,
    REQUEST_FLUSHING,
    REQUEST_OVER,
};

enum request_fate {
    REQUEST_NONE = 0,
    REQUEST_GONE,      /* the connection is lost: nothing can be sent */
    REQUEST_ABORTED,   /* FCGI_ABORT_REQUEST */
    REQUEST_TOO_SLOW,  /* request_terminate_timeout */
    REQUEST_STALLED,   /* the client stopped sending its body */
    REQUEST_MALFORMED, /* the program's header */
    REQUEST_LINGERED,  /* the program closed stdout and ran on */
    REQUEST_HELD,      /* the program is gone, strangers hold its pipes */
    REQUEST_NO_MEMORY,
};

enum request_end { /* for the access log */
                   REQUEST_END_OK,
                   REQUEST_END_ABORTED, /* by the client, or the worker had to leave */
                   REQUEST_END_TIMEOUT,
                   REQUEST_END_CUT, /* the response is not whole */
};

struct access_record;
struct connection;
struct worker;
struct slow_facts;

struct request {
    struct request *next; /* in its connection's list, or among the orphans */
    struct worker *worker;
    struct connection *connection; /* NULL: the client is gone */
    uint16_t id;
    uint16_t role;
    bool keep;      /* FCGI_KEEP_CONN */
    bool too_large; /* parameters over a limit: 431 */
    bool head;
    enum request_state state;
    enum request_fate fate;
    struct params *params; /* until the program runs */

    struct program program;
    sd_event_source *in_source, *out_source, *err_source, *exit_source;
    bool out_paused; /* the client is slow: output stays in the pipe */
    bool killed;     /* SIGKILL was sent */
    struct response *response;
    struct access_record *access; /* serve/access.h; NULL: no line is to be written */
    enum request_end end;
    uint64_t number;    /* among the requests of its connection, from 1 */
    uint64_t queue;     /* usec it waited, serve/arrival.h */
    uint64_t first;     /* usec to the first byte of the response; UINT64_MAX: none yet */
    uint64_t bytes_in;  /* of its body, taken from the web server */
    uint64_t bytes_out; /* of the response, header and body, handed on to it */
    uint64_t started, terminate_at, kill_at, grace_at, body_at;
    uint64_t slow_at, slow_timeout; /* request_slowlog_timeout (serve/slow.h) */
    struct slow_facts *slow;

    struct bytes body;  /* on its way to the program */
    uint64_t body_left; /* of CONTENT_LENGTH; UINT64_MAX: as much as comes */
    bool body_over;     /* nothing more will come */
    bool sized;         /* there is a CONTENT_LENGTH */
    bool unsized_body;  /* there is none, but a body is to be expected (chunked upload) */
    bool holding;       /* the response waits for the body (holdback.h), in `held` */
    struct bytes held;

    struct bytes line;         /* of stderr, not yet complete … */
    bool line_goes_on;         /* … and its beginning was given out already */
    bool wrote_stderr;         /* an FCGI_STDERR record was sent */
    struct bytes answer;       /* of our own, not yet handed on */
    unsigned status;           /* of the response */
    bool failed;               /* answered by us with an error */
    uint64_t end_mark;         /* over when the connection has sent this many bytes */
    char label[REQUEST_LABEL]; /* for the log: "pid 12 (/srv/x.cgi)" */
};

/* A request as the reader reported it (READER_REQUEST or READER_TOO_LARGE); takes ev->params.  Put
 * at the end of the connection's list.  NULL: no memory (params freed). */
struct request *request_new(struct connection *c, const struct reader_event *ev);
void request_free(struct request *r);
/* WAITING → RUNNING or ANSWERING. */
void request_start(struct request *r);
/* FCGI_ABORT_REQUEST. */
void request_abort(struct request *r);
/* The connection is lost; the request becomes an orphan of the worker. */
void request_detach(struct request *r);
/* Read the program's output again, or leave it in the pipe. */
void request_pause(struct request *r, bool paused);
void request_settle(struct request *r);
uint64_t request_deadline(const struct request *r);
void request_expire(struct request *r, uint64_t now);
/* Give a first fate; later ones are ignored. */
void request_doom(struct request *r, enum request_fate fate);
/* So many bytes of the response go to the connection now. */
void request_sends(struct request *r, size_t length);
/* Answer with a status of our own (state → ANSWERING). */
void request_answer(struct request *r, unsigned status);
/* Kill the group at once: the worker is told to die. */
void request_kill(struct request *r);

#endif
