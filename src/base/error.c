/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sentences about failures.  Every sentence is formed in a buffer of its own first, so the
 * arguments may point into the error that is being replaced, and is one line whatever they hold.
 */
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* A caller that lost its errno must still not look successful. */
static int error_number(int number)
{
    if (number == 0) {
        return EINVAL;
    }
    return number < 0 ? -number : number;
}

static void error_form(char out[ERROR_TEXT_MAX], const char *format, va_list arguments)
{
    if (vsnprintf(out, ERROR_TEXT_MAX, format, arguments) < 0) {
        (void)snprintf(out, ERROR_TEXT_MAX, "(a message that cannot be formatted)");
    }
}

static void error_store(struct error *err, int number, const char *text)
{
    size_t i = 0;

    for (; i < ERROR_TEXT_MAX - 1 && text[i] != '\0'; i++) {
        err->text[i] = text[i] == '\n' || text[i] == '\r' ? ' ' : text[i];
    }
    while (i > 0 && err->text[i - 1] == ' ') {
        i--;
    }
    err->text[i] = '\0';
    err->number = number;
}

int error_set(struct error *err, int number, const char *format, ...)
{
    char text[ERROR_TEXT_MAX];
    va_list arguments;

    number = error_number(number);
    if (err != NULL) {
        va_start(arguments, format);
        error_form(text, format, arguments);
        va_end(arguments);
        error_store(err, number, text);
    }
    return -number;
}

int error_errno(struct error *err, int number, const char *format, ...)
{
    char text[ERROR_TEXT_MAX];
    char reason[128];
    const char *known;
    size_t room;
    size_t used;
    va_list arguments;

    number = error_number(number);
    if (err == NULL) {
        return -number;
    }
    va_start(arguments, format);
    error_form(text, format, arguments);
    va_end(arguments);

    known = strerrordesc_np(number);
    if (known != NULL) {
        (void)snprintf(reason, sizeof(reason), ": %s", known);
    } else {
        (void)snprintf(reason, sizeof(reason), ": error %d", number);
    }
    /* The reason is worth more than the end of a very long sentence. */
    room = ERROR_TEXT_MAX - 1 - strlen(reason);
    used = strlen(text);
    if (used > room) {
        used = room;
    }
    memcpy(text + used, reason, strlen(reason) + 1);
    error_store(err, number, text);
    return -number;
}

int error_wrap(struct error *err, const char *format, ...)
{
    char text[2 * ERROR_TEXT_MAX + 3]; /* prefix, ": ", sentence: cut when it is stored */
    size_t used;
    va_list arguments;

    if (err == NULL) {
        return -EINVAL;
    }
    va_start(arguments, format);
    error_form(text, format, arguments);
    va_end(arguments);
    used = strlen(text);
    memcpy(text + used, ": ", sizeof(": "));
    memcpy(text + used + 2, err->text, strlen(err->text) + 1);
    error_store(err, error_number(err->number), text);
    return -err->number;
}
