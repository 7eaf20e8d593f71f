/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_REPORT_READY_H
#define GANGER_REPORT_READY_H

/*
 * Is this machine to be sent requests?  Yes, when every pool that counts serves.  A pool counts unless
 * its configuration says `status.ready = no`, or the query names another one; it serves when it is
 * running and has a worker or would start one for the next connection (ondemand).  However busy it is,
 * it is ready, unless the query sets limits.
 */

#include "report/report.h"

/* Append a line for each pool that is not ready, with the reason, or "ready".  0, -ENOBUFS, -ENOMEM. */
int report_ready(const struct report *r, const struct report_query *query, bool *ret_ready,
                 struct bytes *out);

#endif
