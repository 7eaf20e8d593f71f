/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Invariant: every descriptor in the list is a listening stream socket, unix or internet; it stays in
 * the list when it is claimed, so that a pool that is stopped finds it again.
 */
#include "host/inherited.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "base/descriptor.h"
#include "base/text.h"

/* In front of the address, in the name of one of ours.  systemd's own default is "stored". */
#define PREFIX "listen="

/* ---- names ---- */

/* systemd allows printable ASCII but ':' (which separates LISTEN_FDNAMES). */
static bool plain(unsigned char c)
{
    return c > ' ' && c < 0x7f && c != ':' && c != '%';
}

int inherited_name(char ret[INHERITED_NAME_MAX + 1], const struct address *address)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t used = strlen(PREFIX);

    memcpy(ret, PREFIX, used);
    for (const char *p = address->text; *p != '\0'; p++) {
        unsigned char c = (unsigned char)*p;

        if (used + (plain(c) ? 1 : 3) > INHERITED_NAME_MAX)
            return -ENAMETOOLONG;
        if (plain(c))
            ret[used++] = (char)c;
        else {
            ret[used++] = '%';
            ret[used++] = digits[c >> 4];
            ret[used++] = digits[c & 15];
        }
    }
    ret[used] = '\0';
    return 0;
}

static int digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The address that a name of ours stands for.  Only what inherited_name() would write is read. */
static bool read_name(struct address *ret, const char *name)
{
    char text[INHERITED_NAME_MAX + 1];
    char again[INHERITED_NAME_MAX + 1];
    size_t used = 0;

    if (!text_starts(name, PREFIX) || strlen(name) > INHERITED_NAME_MAX)
        return false;
    for (const char *p = name + strlen(PREFIX); *p != '\0'; p++) {
        char c = *p;

        if (c == '%') {
            int high = digit(p[1]);
            int low = high < 0 ? -1 : digit(p[2]);
            if (low < 0)
                return false;
            c = (char)(high * 16 + low);
            p += 2;
        }
        if (c == '\0')
            return false;
        text[used++] = c;
    }
    text[used] = '\0';
    return address_parse(ret, text, NULL) == 0 && ret->family != ADDRESS_SYSTEMD &&
           inherited_name(again, ret) == 0 && strcmp(again, name) == 0;
}

/* ---- the list ---- */

int inherited_add(struct inherited *l, const char *name, int fd, struct error *err)
{
    struct address ignored;
    int r = socket_check_listening(fd, err);

    if (r < 0)
        return r;
    struct inherited_socket *items = realloc(l->items, (l->count + 1) * sizeof(*items));
    if (items == NULL)
        return error_errno(err, ENOMEM, "sockets handed over");
    l->items = items;
    char *copy = strdup(name);
    if (copy == NULL)
        return error_errno(err, ENOMEM, "sockets handed over");
    items[l->count++] =
        (struct inherited_socket){.name = copy, .fd = fd, .stored = read_name(&ignored, name)};
    return 0;
}

void inherited_note(struct inherited *l, const struct address *address, int fd)
{
    struct stat st, has;

    for (size_t i = 0; i < l->count && fstat(fd, &st) == 0; i++) {
        if (fstat(l->items[i].fd, &has) == 0 && has.st_ino == st.st_ino && has.st_dev == st.st_dev)
            return; /* it came along by itself */
    }
    int copy = descriptor_copy(fd);
    const char *name = address->family == ADDRESS_SYSTEMD ? address->text + strlen("systemd:") : "";

    if (copy < 0)
        return;
    if (inherited_add(l, name, copy, NULL) < 0) {
        descriptor_close(&copy);
        return;
    }
    l->items[l->count - 1].claimed = true;
}

void inherited_clear(struct inherited *l)
{
    for (size_t i = 0; i < l->count; i++) {
        descriptor_close(&l->items[i].fd);
        free(l->items[i].name);
    }
    free(l->items);
    *l = (struct inherited){0};
}

/* ---- taking ---- */

static int hand_out(struct inherited_socket *s, int *ret_fd, bool *ret_foreign, struct error *err)
{
    int copy = descriptor_copy(s->fd);

    if (copy < 0)
        return error_errno(err, -copy, "cannot keep the socket that was handed over");
    s->claimed = true;
    *ret_fd = copy;
    *ret_foreign = !s->stored;
    return 0;
}

/* What there is instead, for a message. */
static int no_such_name(const struct inherited *l, const char *name, struct error *err)
{
    char names[160] = "";
    size_t used = 0;

    for (size_t i = 0; i < l->count; i++) {
        char shown[80];

        if (l->items[i].stored)
            continue;
        text_escape_fixed(shown, sizeof shown, l->items[i].name, strlen(l->items[i].name));
        size_t length = strlen(shown);
        if (used + length + 2 >= sizeof names)
            break;
        if (used > 0)
            names[used++] = ' ';
        memcpy(names + used, shown, length + 1);
        used += length;
    }
    return error_set(
        err, ENOENT,
        "systemd handed over no socket of the name %s (%s%s); say FileDescriptorName=%s in "
        "its socket unit, Service= there, and start that unit before ganger",
        name, used > 0 ? "it did: " : "none at all", names, name);
}

static int take_named(struct inherited *l, const struct socket_plan *plan, int *ret_fd,
                      bool *ret_foreign, struct error *err)
{
    const char *name = plan->address.text + strlen("systemd:");

    for (size_t i = 0; i < l->count; i++) {
        struct inherited_socket *s = &l->items[i];

        if (s->stored || strcmp(s->name, name) != 0)
            continue;
        int r = socket_adopt(plan, s->fd, false, err);
        return r == 0 ? hand_out(s, ret_fd, ret_foreign, err) : r < 0 ? r : -EINVAL;
    }
    return no_such_name(l, name, err);
}

int inherited_take(struct inherited *l, const struct socket_plan *plan, int *ret_fd,
                   bool *ret_foreign, struct error *err)
{
    char name[INHERITED_NAME_MAX + 1];

    if (plan->address.family == ADDRESS_SYSTEMD)
        return take_named(l, plan, ret_fd, ret_foreign, err);
    if (inherited_name(name, &plan->address) < 0)
        name[0] = '\0';
    for (size_t i = 0; i < l->count; i++) {
        struct inherited_socket *s = &l->items[i];

        /* One of ours is looked at when its name fits; there may be a thousand. */
        if (s->stored && (s->claimed || strcmp(s->name, name) != 0))
            continue;
        if (socket_adopt(plan, s->fd, s->stored, NULL) == 0)
            return hand_out(s, ret_fd, ret_foreign, err);
    }
    return INHERITED_NONE;
}

void inherited_close_rest(struct inherited *l,
                          void (*visit)(void *cookie, const struct inherited_socket *s),
                          void *cookie)
{
    size_t kept = 0;

    for (size_t i = 0; i < l->count; i++) {
        struct inherited_socket *s = &l->items[i];
        struct address address;

        /* Ours have their pools' descriptors now. */
        if (s->claimed && !s->stored) {
            l->items[kept++] = *s;
            continue;
        }
        if (!s->claimed) {
            visit(cookie, s);
            if (s->stored && read_name(&address, s->name))
                socket_unlink(&address, s->fd);
        }
        descriptor_close(&s->fd);
        free(s->name);
    }
    l->count = kept;
}
