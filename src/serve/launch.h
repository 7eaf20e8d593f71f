/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_SERVE_LAUNCH_H
#define GANGER_SERVE_LAUNCH_H

/* From complete parameters to a running program, or to the answer that says why there is none. */

#include "serve/request.h"

/* `r` is WAITING; afterwards it is RUNNING or ANSWERING (or its connection is lost). */
void launch(struct request *r);
/* It ends; if it was not begun: what the board tells next is told of it, not of the one before. */
void launch_never(struct request *r);

/*
 * The response status when exec (or a step before it) failed with `number` (an errno value).  A
 * program that could not be started is 503, except where the file itself is the reason:
 *
 *   EACCES EPERM           403  not executable, or on a noexec mount (a `command`: 503)
 *   ENOENT ENOTDIR         404  gone between check and start; 503 when the file is there: then it is the
 *                               interpreter behind its "#!" that is not
 *   E2BIG                  431  the parameters are larger than the kernel takes for a program
 *   everything else        503  ENOEXEC ETXTBSY EAGAIN ENOMEM EMFILE ENFILE ELOOP EIO …
 */
unsigned launch_status(int number, bool exec_step, bool command, bool file_there);

#endif
