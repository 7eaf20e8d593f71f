/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_SERVE_LISTENER_H
#define GANGER_SERVE_LISTENER_H

/*
 * The listening sockets, shared with the worker's siblings.  They are watched by an epoll set of
 * their own, exclusively (a connection wakes one idle worker, not all), and that set is waited on
 * only while a connection may be accepted.  A busy worker therefore swallows no wake-up and needs
 * no system call to say that it is busy.
 */

#include <stdbool.h>
#include <stddef.h>
#include "base/error.h"
#include "serve/worker.h"

/* Watch `count` listening sockets, descriptors `first` and up (now the listener's).  0 or negative. */
int listener_open(struct worker *w, int first, size_t count, struct error *err);
/* Stop listening; what nobody accepted stays in the backlog for the siblings. */
void listener_close(struct worker *w);
/* Could listener_wait() be used?  False while accepting pauses for want of descriptors, or while the
 * connection accepted last is expected to bring a request. */
bool listener_is_open(const struct worker *w);
/* A request has come. */
void listener_answered(struct worker *w);
/* One round of the event loop that also accepts.  0 or negative. */
int listener_wait(struct worker *w);
/* For the shedder, which never waits for connections.  The i-th of `count` sockets; accept up to `most`
 * connections from it now, and return how many came. */
size_t listener_count(const struct worker *w);
int listener_socket(const struct worker *w, size_t i);
unsigned listener_take(struct worker *w, size_t i, unsigned most);
/* The pause may be over. */
uint64_t listener_deadline(const struct worker *w);
void listener_expire(struct worker *w, uint64_t now);

#endif
