/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The addresses of a config are canonical; those that a person types are not.  Whatever has a
 * slash in it, or names an existing file, is a path and is made absolute here.
 */

#include "ctl/place.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/text.h"

static bool is_path(const char *text)
{
    if (text[0] == '\0' || text[0] == '@' || text[0] == '[' || text_starts(text, "systemd:"))
        return false;
    return strchr(text, '/') != NULL || access(text, F_OK) == 0;
}

int place_parse(struct address *ret, const char *text, struct error *err)
{
    char shown[256];
    if (text_starts(text, "systemd:"))
        return error_set(err, EINVAL,
                         "'%s' is no place to connect to: name the socket that systemd listens on",
                         text_escape_fixed(shown, sizeof shown, text, strlen(text)));
    if (!is_path(text) || (text[0] == '/' && strstr(text, "/..") == NULL)) {
        int r = address_parse(ret, text, err);
        if (r < 0 && text[0] != '\0' && strpbrk(text, "/@:[") == NULL)
            error_set(err, -r, "no file '%s' is here, and an address reads 127.0.0.1:9000 or @name",
                      text_escape_fixed(shown, sizeof shown, text, strlen(text)));
        return r;
    }
    char *whole = realpath(text, NULL);
    if (whole == NULL)
        return error_errno(err, errno, "cannot connect to %s",
                           text_escape_fixed(shown, sizeof shown, text, strlen(text)));
    int rc = address_parse(ret, whole, err);
    free(whole);
    return rc;
}

char *place_runtime(const char *directory, const char *name, struct error *err)
{
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    char *path = NULL;
    if (directory != NULL)
        path = text_format("%s/%s", directory, name);
    else if (geteuid() == 0)
        path = text_format("/run/ganger/%s", name);
    else if (runtime != NULL && runtime[0] == '/')
        path = text_format("%s/ganger/%s", runtime, name);
    else {
        error_set(err, ENOENT, "XDG_RUNTIME_DIR is not set: name the runtime directory with -r");
        return NULL;
    }
    if (path == NULL)
        error_set(err, ENOMEM, "no memory");
    return path;
}
