/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_WIRE_STATUS_H
#define GANGER_WIRE_STATUS_H

/* Private to wire: the standard names of HTTP status codes.  "Unknown" for any other. */
const char *wire_status_name(unsigned status);

#endif
