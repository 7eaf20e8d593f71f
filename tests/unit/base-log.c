/* SPDX-License-Identifier: Apache-2.0 */
/* The form of a line on each target, what is cut, what is replaced, and the count of the dropped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>
#include "base/log.h"
#include "base/text.h"

static char folder[] = "/tmp/ganger-log-XXXXXX";
static char path[64];
static char text[200000];

/* What the file holds; it is emptied. */
static const char *taken(void)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    ssize_t n;

    assert_true(fd >= 0);
    n = read(fd, text, sizeof(text) - 1);
    assert_true(n >= 0);
    text[n] = '\0';
    assert_int_equal(ftruncate(fd, 0), 0);
    close(fd);
    return text;
}

static int to_file(void **unused)
{
    struct error err = ERROR_NONE;

    (void)unused;
    log_set_level(LOG_LEVEL_NOTICE);
    log_set_limit(LOG_LIMIT_DEFAULT);
    assert_int_equal(log_open(LOG_TARGET_FILE, path, &err), 0);
    (void)taken();
    return 0;
}

static void test_form(void **unused)
{
    static const struct {
        enum log_level level;
        const char *pool, *want;
    } rows[] = {
        {LOG_LEVEL_ALERT, NULL, "ALERT: said\n"},
        {LOG_LEVEL_ERROR, "git", "ERROR: [pool git] said\n"},
        {LOG_LEVEL_WARNING, NULL, "WARNING: said\n"},
        {LOG_LEVEL_NOTICE, "a", "NOTICE: [pool a] said\n"},
    };
    int day;
    int year;
    int n = 0;
    char month[4];

    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *line;

        errno = E2BIG;
        log_write(rows[i].level, rows[i].pool, "%s", "said");
        assert_int_equal(errno, E2BIG);
        line = taken();
        assert_int_equal(sscanf(line, "[%2d-%3s-%4d %*2d:%*2d:%*2d] %n", &day, month, &year, &n),
                         3);
        assert_string_equal(line + n, rows[i].want);
    }
    log_write(LOG_LEVEL_DEBUG, NULL, "not at this level");
    assert_string_equal(taken(), "");
    log_set_level(LOG_LEVEL_DEBUG);
    assert_int_equal(log_get_level(), LOG_LEVEL_DEBUG);
    log_write(LOG_LEVEL_DEBUG, NULL, "now");
    assert_true(text_ends(taken(), "DEBUG: now\n"));
    log_write(LOG_LEVEL_NOTICE, NULL, "with newlines\r\n\n");
    assert_true(text_ends(taken(), "NOTICE: with newlines\n"));
}

/* Every byte value through the text and through the pool's name: one line, valid UTF-8. */
static void test_every_byte_is_one_line(void **unused)
{
    (void)unused;
    for (int c = 1; c < 256; c++) {
        char bytes[4] = {'a', (char)c, 'b', '\0'};
        const char *line;
        const char *body;

        log_write(LOG_LEVEL_NOTICE, bytes, "%s%c%s", bytes, c, "end");
        line = taken();
        assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
        for (size_t at = 0; at < strlen(line) - 1;) {
            size_t length = text_printable(line + at, strlen(line) - at);

            assert_true(length > 0);
            at += length;
        }
        body = strstr(line, "NOTICE: ");
        assert_non_null(body);
        bytes[1] = (char)(c < 0x20 || c > 0x7e ? '?' : c);
        assert_memory_equal(body + 8, "[pool ", 6);
        assert_memory_equal(body + 14, bytes, 3);
        assert_memory_equal(body + 19, bytes, 3);
        assert_int_equal(body[22], bytes[1]);
    }
    log_write(LOG_LEVEL_NOTICE, NULL, "a%cb", '\0'); /* ends the text, harmlessly */
    assert_non_null(strchr(taken(), '\n'));
}

static void test_long_lines_are_cut(void **unused)
{
    static const size_t limits[] = {0, 511, 512, 513, 1024, 4095, 65535, 1u << 20};
    char *big = malloc(100000);

    (void)unused;
    assert_non_null(big);
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        size_t limit = limits[i] < 512 ? 512 : limits[i] > 65535 ? 65535 : limits[i];

        log_set_limit(limits[i]);
        memset(big, 'x', 99999);
        big[99999] = '\0';
        log_write(LOG_LEVEL_NOTICE, "p", "%s", big);
        assert_int_equal(strlen(taken()), limit + 1);
        assert_true(text_ends(text, "x...\n"));
        /* not through a character: é at every offset around the cut */
        for (size_t shift = 0; shift < 2; shift++) {
            for (size_t at = shift; at + 1 < 99999; at += 2)
                memcpy(big + at, "\xc3\xa9", 2);
            log_write(LOG_LEVEL_NOTICE, "p", "%s", big);
            assert_true(strlen(taken()) >= limit && strlen(text) <= limit + 1);
            assert_true(text_ends(text, "\xc3\xa9...\n"));
        }
    }
    free(big);
}

static void test_exact_length_is_not_cut(void **unused)
{
    char body[600];
    size_t prefix;

    (void)unused;
    log_set_limit(512);
    log_write(LOG_LEVEL_NOTICE, NULL, "x");
    prefix = strlen(taken()) - 2;
    memset(body, 'y', sizeof(body));
    body[512 - prefix] = '\0';
    log_write(LOG_LEVEL_NOTICE, NULL, "%s", body);
    assert_true(text_ends(taken(), "yyyy\n"));
    assert_int_equal(strlen(text), 513);
}

static void test_a_full_pipe_drops_counts_and_tells(void **unused)
{
    int saved = dup(2);
    int fds[2];
    unsigned written = 0;
    size_t got = 0;
    ssize_t n;

    (void)unused;
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    assert_int_equal(log_open(LOG_TARGET_STDERR, NULL, NULL), 0);
    assert_true(dup2(fds[1], 2) == 2);
    for (unsigned i = 0; i < 3000; i++) /* far more than 64 KiB: a blocking write would hang here */
        log_write(LOG_LEVEL_NOTICE, NULL, "line %u %s", i, "........................");
    assert_int_equal(fcntl(fds[1], F_GETFL) & O_NONBLOCK, 0); /* the shared flags are untouched */
    while (got < 65536 && (n = read(fds[0], text + got, 4096)) > 0) {
        got += (size_t)n;
        if (text[got - 1] == '\n' && n < 4096)
            break;
    }
    text[got] = '\0';
    assert_int_equal(text[got - 1], '\n'); /* no line was torn */
    for (size_t i = 0; i < got; i++)
        written += text[i] == '\n';
    assert_true(written > 500 && written < 3000);
    log_write(LOG_LEVEL_NOTICE, NULL, "again");
    log_write(LOG_LEVEL_NOTICE, NULL, "and again");
    n = read(fds[0], text, sizeof(text) - 1);
    dup2(saved, 2);
    close(saved);
    assert_true(n > 0);
    text[n] = '\0';
    {
        char want[64];

        (void)snprintf(want, sizeof(want), "WARNING: %u lines dropped\n", 3000 - written);
        assert_non_null(strstr(text, want));
        assert_non_null(strstr(strstr(text, want), "NOTICE: again\n"));
        assert_true(text_ends(text, "NOTICE: and again\n"));
    }
    close(fds[0]);
    close(fds[1]);
}

static void test_journal(void **unused)
{
    char stream[64];
    int saved = dup(2);
    int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
    struct stat st;

    (void)unused;
    assert_int_equal(fstat(fd, &st), 0);
    (void)snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)st.st_dev,
                   (unsigned long long)st.st_ino);
    setenv("JOURNAL_STREAM", stream, 1);
    log_open(LOG_TARGET_STDERR, NULL, NULL);
    assert_true(dup2(fd, 2) == 2);
    log_write(LOG_LEVEL_WARNING, "git", "to the journal");
    setenv("JOURNAL_STREAM", "1:2", 1);
    log_write(LOG_LEVEL_WARNING, "git", "elsewhere");
    unsetenv("JOURNAL_STREAM");
    dup2(saved, 2);
    close(saved);
    close(fd);
    assert_true(text_starts(taken(), "<4>WARNING: [pool git] to the journal\n["));
}

static void test_open_failures_keep_the_old_target(void **unused)
{
    static const struct {
        const char *name, *says;
    } rows[] = {
        {"/missing/log", "No such file"},
        {"/link", "symbolic link"},
        {"", "Is a directory"},
    };
    char other[128];
    struct error err = ERROR_NONE;

    (void)unused;
    (void)snprintf(other, sizeof(other), "%s/link", folder);
    assert_int_equal(symlink(path, other), 0);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        (void)snprintf(other, sizeof(other), "%s%s", folder, rows[i].name);
        assert_true(log_open(LOG_TARGET_FILE, other, &err) < 0);
        assert_non_null(strstr(err.text, other));
        assert_non_null(strstr(err.text, rows[i].says));
        log_write(LOG_LEVEL_NOTICE, NULL, "still here");
        assert_true(text_ends(taken(), "still here\n"));
    }
    assert_true(log_open(LOG_TARGET_FILE, "", &err) < 0);
    assert_true(log_open(LOG_TARGET_FILE, NULL, &err) < 0);
    (void)snprintf(other, sizeof(other), "%s/link", folder);
    unlink(other);
}

static void test_reopen(void **unused)
{
    char moved[80];
    struct stat st;
    struct error err = ERROR_NONE;

    (void)unused;
    (void)snprintf(moved, sizeof(moved), "%s.1", path);
    assert_int_equal(rename(path, moved), 0);
    assert_int_equal(log_reopen(&err), 0);
    log_write(LOG_LEVEL_NOTICE, NULL, "new file");
    assert_true(text_ends(taken(), "new file\n"));
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07137, 0); /* nothing beyond 0640 */
    assert_int_equal(stat(moved, &st), 0);
    assert_int_equal(st.st_size, 0);
    /* cannot be opened again: the old one goes on */
    assert_int_equal(rename(path, moved), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_true(log_reopen(&err) < 0);
    log_write(LOG_LEVEL_NOTICE, NULL, "old file");
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(rename(moved, path), 0);
    assert_true(text_ends(taken(), "old file\n"));
}

static void test_standard_streams_by_name(void **unused)
{
    int saved = dup(2);
    int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);

    (void)unused;
    assert_int_equal(log_open(LOG_TARGET_FILE, "/dev/stderr", NULL), 0);
    dup2(fd, 2);
    log_write(LOG_LEVEL_NOTICE, NULL, "by name");
    dup2(saved, 2);
    close(saved);
    close(fd);
    assert_true(text_ends(taken(), "by name\n"));
}

static void test_closed_stderr_is_harmless(void **unused)
{
    int saved = dup(2);

    (void)unused;
    assert_int_equal(log_open(LOG_TARGET_STDERR, NULL, NULL), 0);
    close(2);
    errno = E2BIG;
    log_write(LOG_LEVEL_NOTICE, NULL, "to nobody");
    assert_int_equal(errno, E2BIG);
    assert_int_equal(log_open(LOG_TARGET_FILE, path, NULL), 0);
    dup2(saved, 2);
    close(saved);
    log_write(LOG_LEVEL_NOTICE, NULL, "back");
    assert_non_null(strstr(taken(), "WARNING: 1 line dropped\n"));
}

static void test_names(void **unused)
{
    (void)unused;
    for (int level = LOG_LEVEL_ALERT; level <= LOG_LEVEL_DEBUG; level++)
        assert_int_equal(log_level_parse(log_level_name((enum log_level)level)), level);
    assert_int_equal(log_level_parse("crit"), -1);
    assert_int_equal(log_level_parse(""), -1);
    assert_int_equal(log_level_parse("ERROR"), -1);
}

static void test_limit(void **unused)
{
    struct log_limit limit = {0};
    unsigned held = 99;
    int passed = 0;

    (void)unused;
    for (uint64_t i = 0; i < 100; i++)
        passed += log_limit_pass(&limit, 5 + i, 10, &held);
    assert_int_equal(passed, 10);
    assert_int_equal(log_limit_pass(&limit, 999999, 10, &held), 0);
    assert_int_equal(log_limit_pass(&limit, 1000005, 10, &held), 1);
    assert_int_equal(held, 91);
    assert_int_equal(log_limit_pass(&limit, 1000006, 10, &held), 1);
    assert_int_equal(held, 0);
    assert_int_equal(log_limit_pass(&limit, 3, 10, NULL), 1); /* a clock that went back */
    assert_int_equal(log_limit_pass(&limit, 3, 0, &held), 0);
}

/* A pipe that is full: what comes is kept, the oldest dropped, and all of it told in order. */
static void test_spool(void **unused)
{
    int saved = dup(2);
    int fds[2];
    unsigned number = 0, next = 0, dropped = 0, lines = 0;
    char *rest, *end;
    ssize_t n;

    (void)unused;
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    assert_int_equal(log_open(LOG_TARGET_STDERR, NULL, NULL), 0);
    assert_true(dup2(fds[1], 2) == 2);
    log_set_spool(20000);
    while (!log_waits()) {
        log_write(LOG_LEVEL_NOTICE, NULL, "line %u %s", number++, "........................");
        assert_true(number < 5000);
    }
    for (unsigned i = 0; i < 100; i++) /* some are kept */
        log_write(LOG_LEVEL_NOTICE, NULL, "line %u %s", number++, "........................");
    assert_false(log_flush());
    assert_int_equal(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
    for (unsigned round = 0; round < 2; round++) { /* first none are dropped, then some are */
        for (unsigned i = 0; round == 1 && i < 3000; i++)
            log_write(LOG_LEVEL_NOTICE, NULL, "line %u %s", number++, "........................");
        assert_true(log_waits());
        size_t got = 0;
        do {
            while ((n = read(fds[0], text + got, sizeof(text) - 1 - got)) > 0)
                got += (size_t)n;
        } while (!log_flush());
        while ((n = read(fds[0], text + got, sizeof(text) - 1 - got)) > 0)
            got += (size_t)n;
        text[got] = '\0';
        assert_false(log_waits());
        for (rest = text; *rest != '\0'; rest = end + 1) {
            unsigned this = 0;

            end = strchr(rest, '\n');
            assert_non_null(end);
            *end = '\0';
            char *body = strstr(rest, ": ") + 2;
            if (sscanf(body, "line %u", &this) == 1) {
                assert_int_equal(this, next);
                next++;
                lines++;
                continue;
            }
            assert_int_equal(sscanf(body, "%u lines dropped", &dropped), 1);
            assert_int_equal(round, 1);
            next += dropped; /* exactly where they are missing */
        }
        assert_int_equal(next, number);
        assert_int_equal(dropped > 0, round == 1);
    }
    assert_int_equal(lines + dropped, number);
    log_set_spool(0);
    dup2(saved, 2);
    close(saved);
    close(fds[0]);
    close(fds[1]);
}

/* What one process leaves unwritten the next one tells of, on a line of its own. */
static void test_rest(void **unused)
{
    const struct log_rest torn = {.lines = 3, .torn = true};
    int saved = dup(2);
    int fds[2];

    (void)unused;
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    assert_int_equal(log_open(LOG_TARGET_STDERR, NULL, NULL), 0);
    assert_true(dup2(fds[1], 2) == 2);
    assert_int_equal(log_rest().lines, 0);
    assert_false(log_rest().torn);
    log_set_spool(4096);
    while (!log_waits())
        log_write(LOG_LEVEL_NOTICE, NULL, "........................");
    log_write(LOG_LEVEL_NOTICE, NULL, "........................");
    assert_int_equal(log_rest().lines, 2); /* kept */
    for (int i = 0; i < 998; i++)
        log_write(LOG_LEVEL_NOTICE, NULL, "........................");
    assert_int_equal(log_rest().lines, 1000); /* some of them dropped */
    assert_false(log_rest().torn);
    log_set_spool(0);
    assert_int_equal(log_rest().lines, 1000);
    assert_int_equal(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
    do
        while (read(fds[0], text, sizeof(text)) > 0)
            ;
    while (!log_flush());
    while (read(fds[0], text, sizeof(text)) > 0)
        ;
    assert_int_equal(log_rest().lines, 0);
    log_go_on(&torn);
    assert_true(log_waits());
    assert_int_equal(log_rest().lines, 4); /* the newline, too */
    assert_true(log_flush());
    ssize_t n = read(fds[0], text, sizeof(text) - 1);
    assert_true(n > 0);
    text[n] = '\0';
    assert_int_equal(text[0], '\n');
    assert_non_null(strstr(text, "] WARNING: 3 lines dropped\n"));
    dup2(saved, 2);
    close(saved);
    close(fds[0]);
    close(fds[1]);
}

static void test_plain_lines(void **unused)
{
    const struct log_about about = {.pool = "git", .worker = 7, .plain = true};
    const struct log_about decorated = {.pool = "git", .worker = 7};

    (void)unused;
    log_write_about(LOG_LEVEL_WARNING, &about, "%s", "as it is\033");
    assert_string_equal(taken(), "as it is?\n");
    log_write_about(LOG_LEVEL_WARNING, &decorated, "%s", "so");
    assert_true(text_ends(taken(), "] WARNING: [pool git] so\n"));
    assert_true(log_mark_plain("{4}x") && !log_mark_plain("<4>x"));
    assert_int_equal(log_mark_parse("{4}x", 4), LOG_LEVEL_WARNING);
    assert_int_equal(log_mark_parse("{4>x", 4), -1);
}

/* ---- the journal ---- */

static int journal_bind(const char *socket_path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    assert_true(fd >= 0);
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", socket_path);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

static const char *entry(int fd)
{
    ssize_t n = recv(fd, text, sizeof(text) - 1, 0);

    assert_true(n >= 0);
    text[n] = '\0';
    return text;
}

/* What the fields of an entry are, and what becomes of lines while nobody listens. */
static void test_journal_entries(void **unused)
{
    const struct log_about about = {.pool = "git", .worker = 4711};
    char socket_path[80], big[3000];
    int saved = dup(2);
    int file = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
    int fd;

    (void)unused;
    (void)snprintf(socket_path, sizeof(socket_path), "%s/journal", folder);
    log_set_ident("ganger-\n\"x", 3 << 3);
    assert_int_equal(log_open(LOG_TARGET_JOURNAL, socket_path, NULL), 0);
    assert_true(dup2(file, 2) == 2);
    log_write(LOG_LEVEL_ERROR, "git", "nobody listens");
    assert_true(text_ends(taken(), "] ERROR: [pool git] nobody listens\n"));
    fd = journal_bind(socket_path);
    for (unsigned i = 0; i < 2000; i++) { /* it is looked for some times a second */
        log_write(LOG_LEVEL_WARNING, "git", "one\ntwo");
        if (*taken() == '\0')
            break;
        usleep(10000);
    }
    assert_string_equal(entry(fd), "PRIORITY=4\nSYSLOG_IDENTIFIER=ganger-\\x0a\"x\n"
                                   "SYSLOG_FACILITY=3\nPOOL=git\nMESSAGE=[pool git] one?two\n");
    log_set_ident("ganger", 3 << 3);
    log_write_about(LOG_LEVEL_NOTICE, &about, "worker %d: x", 4711);
    assert_string_equal(entry(fd), "PRIORITY=5\nSYSLOG_IDENTIFIER=ganger\nSYSLOG_FACILITY=3\n"
                                   "POOL=git\nWORKER_PID=4711\n"
                                   "MESSAGE=[pool git] worker 4711: x\n");
    memset(big, 'x', sizeof(big) - 1);
    big[sizeof(big) - 1] = '\0';
    log_write(LOG_LEVEL_ALERT, NULL, "%s", big);
    assert_true(text_starts(entry(fd), "PRIORITY=1\n"));
    assert_true(text_ends(text, "xx...\n"));
    assert_int_equal(strlen(strstr(text, "MESSAGE=") + 8), LOG_LIMIT_DEFAULT + 1);
    /* it does not read, then it does */
    log_set_spool(20000);
    unsigned sent = 0, got = 0;
    while (!log_waits() && sent < 100000)
        log_write(LOG_LEVEL_NOTICE, NULL, "number %u", sent++);
    assert_true(log_waits());
    log_write(LOG_LEVEL_NOTICE, NULL, "number %u", sent++);
    do {
        ssize_t n = recv(fd, text, sizeof(text) - 1, 0);
        if (n > 0) {
            char want[32];
            text[n] = '\0';
            (void)snprintf(want, sizeof(want), "MESSAGE=number %u\n", got++);
            assert_true(text_ends(text, want));
        }
        (void)log_flush();
    } while (got < sent);
    assert_false(log_waits());
    /* gone, and the journal is another one when it is back */
    close(fd);
    unlink(socket_path);
    log_write(LOG_LEVEL_NOTICE, NULL, "gone");
    assert_true(text_ends(taken(), "NOTICE: gone\n"));
    log_set_spool(0);
    assert_int_equal(log_open(LOG_TARGET_FILE, path, NULL), 0);
    dup2(saved, 2);
    close(saved);
    close(file);
}

/* Last: there is no way back from being a worker. */
static void test_worker_marks(void **unused)
{
    (void)unused;
    log_set_level(LOG_LEVEL_DEBUG);
    log_set_worker();
    for (int level = LOG_LEVEL_ALERT; level <= LOG_LEVEL_DEBUG; level++) {
        log_write((enum log_level)level, "git", "<1>text");
        assert_string_equal(taken() + LOG_MARK_LENGTH, "<1>text\n");
        assert_int_equal(log_mark_parse(text, strlen(text)), level);
    }
    assert_int_equal(log_mark_parse("<4>", 3), LOG_LEVEL_WARNING);
    assert_int_equal(log_mark_parse("<4>", 2), -1);
    assert_int_equal(log_mark_parse("<2>x", 4), -1);
    assert_int_equal(log_mark_parse("<44>", 4), -1);
    assert_int_equal(log_mark_parse("", 0), -1);
    assert_int_equal(log_mark_parse("4> x", 4), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_form, to_file),
        cmocka_unit_test_setup(test_every_byte_is_one_line, to_file),
        cmocka_unit_test_setup(test_long_lines_are_cut, to_file),
        cmocka_unit_test_setup(test_exact_length_is_not_cut, to_file),
        cmocka_unit_test_setup(test_a_full_pipe_drops_counts_and_tells, to_file),
        cmocka_unit_test_setup(test_journal, to_file),
        cmocka_unit_test_setup(test_open_failures_keep_the_old_target, to_file),
        cmocka_unit_test_setup(test_reopen, to_file),
        cmocka_unit_test_setup(test_standard_streams_by_name, to_file),
        cmocka_unit_test_setup(test_closed_stderr_is_harmless, to_file),
        cmocka_unit_test_setup(test_spool, to_file),
        cmocka_unit_test_setup(test_rest, to_file),
        cmocka_unit_test_setup(test_plain_lines, to_file),
        cmocka_unit_test_setup(test_journal_entries, to_file),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_limit),
        cmocka_unit_test_setup(test_worker_marks, to_file),
    };
    int failed;
    int fd;

    if (mkdtemp(folder) == NULL)
        return 1;
    (void)snprintf(path, sizeof(path), "%s/log", folder);
    fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0640);
    if (fd < 0)
        return 1;
    close(fd);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(path);
    (void)snprintf(text, sizeof(text), "%s.1", path);
    unlink(text);
    rmdir(folder);
    return failed;
}
