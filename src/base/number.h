/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_BASE_NUMBER_H
#define GANGER_BASE_NUMBER_H

/*
 * Text to numbers and back, without locale, without octal, without silent overflow.
 * All parsers accept the whole string or nothing: blanks, signs and rubbish behind are refused.
 */

#include <stddef.h>
#include <stdint.h>

/* Decimal digits only.  0; -EINVAL not a number; -ERANGE above `maximum`. */
int number_parse(const char *text, uint64_t maximum, uint64_t *ret);
/* As number_parse() on `length` bytes that need no NUL behind them. */
int number_parse_bytes(const void *text, size_t length, uint64_t maximum, uint64_t *ret);
/* Decimal with an optional leading '-' or '+', within [minimum, maximum]. */
int number_parse_signed(const char *text, int64_t minimum, int64_t maximum, int64_t *ret);
/* "512", "64k", "16M", "1G" (powers of 1024, either case, optional trailing 'B') in bytes. */
int number_parse_size(const char *text, uint64_t *ret);
/* "10" (seconds, as PHP-FPM), "10s", "200ms", "1.5s", "5m", "1h", "1d" in microseconds; at most eight
 * digits behind the point, and together they must be whole microseconds. */
int number_parse_duration(const char *text, uint64_t *ret_usec);
/* Octal mode "0660" or "660", at most 07777. */
int number_parse_mode(const char *text, uint32_t *ret);

#define NUMBER_TEXT_MAX 32
/* A short form that the parser above reads back equal ("64k", "200ms", "1.5s", "10s", "5m");
 * returns `out`. */
char *number_format_size(char out[NUMBER_TEXT_MAX], uint64_t bytes);
char *number_format_duration(char out[NUMBER_TEXT_MAX], uint64_t usec);

#endif
