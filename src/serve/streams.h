/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_SERVE_STREAMS_H
#define GANGER_SERVE_STREAMS_H

/* The three pipes between a request and its program. */

#include <stdbool.h>
#include <stddef.h>
#include "serve/request.h"

#define STREAMS_LINE_MAX (8u << 10) /* a longer line of stderr is cut into pieces of this size */

/* Watch the pipes and the end of a program that was just started.  0 or negative. */
int streams_open(struct request *r);
/* Body bytes towards stdin, as far as the pipe takes them; closes it when all was said. */
void streams_feed(struct request *r);
/* Read what the pipes hold now, within bounds. */
void streams_drain(struct request *r);
/* The program is over: the rest, and an unfinished line of stderr. */
void streams_finish(struct request *r);
/* Stop or go on watching stdout. */
void streams_pause(struct request *r, bool paused);
/* Stop watching everything and close the pipes (the program's own end is not waited for here). */
void streams_close(struct request *r);

#endif
