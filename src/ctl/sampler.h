/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_CTL_SAMPLER_H
#define GANGER_CTL_SAMPLER_H

/*
 * One question at a time to the status responder, never waiting: whoever owns it polls its
 * descriptor among others and gives it a turn.  Each question has a connection of its own, so that a
 * ganger that was away is found again.
 */

#include <stdbool.h>
#include <stdint.h>
#include "base/bytes.h"
#include "base/error.h"
#include "ctl/head.h"

struct sampler; /* opaque */

/* For the status.sock in `directory`, or when that is NULL in the user's default.  NULL with err. */
struct sampler *sampler_new(const char *directory, struct error *err);
struct sampler *sampler_free(struct sampler *s);
/* Where it asks. */
const char *sampler_path(const struct sampler *s);

/*
 * Ask for the pools, or `pool` (NULL: all), `full` with their workers; what was being asked is
 * dropped.  0, or negative with err when there is nobody to ask (-ETIMEDOUT: the socket's queue is full).
 */
int sampler_ask(struct sampler *s, const char *pool, bool full, struct error *err);
/* Forget the question. */
void sampler_drop(struct sampler *s);
/* Whether an answer is awaited, and what to poll for then. */
bool sampler_asking(const struct sampler *s);
int sampler_fd(const struct sampler *s);
short sampler_events(const struct sampler *s);
/* When the answer is given up, monotonic; CLOCK_NEVER when none is awaited. */
uint64_t sampler_deadline(const struct sampler *s);

enum sampler_outcome {
    SAMPLER_MORE = 0,
    SAMPLER_ANSWERED = 1, /* sampler_status(), sampler_page() */
};
/* Go on, when the descriptor is ready or the deadline has come.  An outcome, or negative with err: the
 * question is over without an answer. */
int sampler_turn(struct sampler *s, struct error *err);
/* The Status of the answer, and its body, which lives until the next question. */
unsigned sampler_status(const struct sampler *s);
const struct bytes *sampler_page(const struct sampler *s);

/* Ask and wait for the answer: 0 or negative with err.  What the negative number means is told by
 * sampler_remedy(). */
int sampler_wait(struct sampler *s, const char *pool, bool full, struct error *err);
/* What to do about a failure: "; try …", to be put behind its text. */
const char *sampler_remedy(int rc);

#endif
