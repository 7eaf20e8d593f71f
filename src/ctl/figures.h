/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_CTL_FIGURES_H
#define GANGER_CTL_FIGURES_H

/* Numbers in few columns, for people.  Each returns `out`. */

#include <stdint.h>

enum { FIGURES_MAX = 24 };

/* "5s", "12m", "3h04m", "2d05h": at most 6 characters. */
char *figures_age(char out[FIGURES_MAX], uint64_t seconds);
/* "0", "512K", "1.5M", "23M", "1.2G": at most 5 characters. */
char *figures_bytes(char out[FIGURES_MAX], uint64_t bytes);
/* "999", "12345", "99999", "123k", "4.5M": at most 5 characters. */
char *figures_count(char out[FIGURES_MAX], uint64_t count);
/* "0", "0.2", "31.5", "999", "12.3k": at most 5 characters. */
char *figures_rate(char out[FIGURES_MAX], double rate);
/* A time in seconds: "0", "85us", "1.2ms", "340ms", "12.5s", "3m20s": at most 6 characters. */
char *figures_span(char out[FIGURES_MAX], double seconds);

#endif
