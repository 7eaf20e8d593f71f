/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_REPORT_ASSETS_H
#define GANGER_REPORT_ASSETS_H

/* The files of src/report/page/, which scripts/embed makes C of while ganger is built. */

#include <stddef.h>

extern const char assets_style[]; /* page.css */
extern const size_t assets_style_length;
extern const char assets_script[]; /* the scripts, one behind the other */
extern const size_t assets_script_length;
/* Header lines of the answer, each with its CR LF: the policy names the hashes of the two above, so
 * that a browser runs them and nothing else. */
extern const char assets_headers[];

#endif
