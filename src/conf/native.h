/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_CONF_NATIVE_H
#define GANGER_CONF_NATIVE_H

/* What kind = fastcgi asks of a pool: one program, one socket, which is its descriptor 0. */

#include "conf/draft.h"

/* Complaints about `p`, a pool of kind = fastcgi. */
void native_check(struct draft *d, const struct draft_pool *p);

#endif
