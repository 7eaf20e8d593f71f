/* SPDX-License-Identifier: Apache-2.0 */
/* Unix sockets while others look, race and start at the same time (FAULTS C84, C85). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include "host_folder.h"
#include "host_socket.h"

/* Whoever waits for the name finds owner, mode and a listener the moment that it appears. */
static void test_c84_right_at_first_sight(void **unused)
{
    struct socket_plan plan = plan_for("s");
    (void)unused;
    if (geteuid() == 0) {
        plan.owner = 54321;
        plan.group = 54322;
    } else {
        print_message("not root: the owner cannot be changed, only the mode is looked at\n");
    }
    for (int i = 0; i < 300; i++) {
        pid_t watcher = fork();
        if (watcher == 0) {
            struct stat st;
            alarm(50); /* should the test die first */
            while (lstat(plan.address.text, &st) < 0)
                ;
            int fd = socket_connect(&plan.address, 20000000, NULL);
            _exit((st.st_mode & 07777) != 0660                                            ? 1
                  : fd < 0                                                                ? 2
                  : plan.owner != (uid_t)-1 && (st.st_uid != 54321 || st.st_gid != 54322) ? 3
                                                                                          : 0);
        }
        int fd = must_listen(&plan);
        int status = 0;
        assert_int_equal(waitpid(watcher, &status, 0), watcher);
        assert_int_equal(status, 0);
        socket_unlink(&plan.address, fd);
        close(fd);
    }
}

static volatile bool racing;
static char raced[256], victim_path[256];

/* Puts a victim file under the name, swapped with what is there, and takes back what it finds.  It
 * never overwrites, so that a victim that is gone was not lost by the racer itself. */
static void *race(void *unused)
{
    while (racing) {
        (void)renameat2(AT_FDCWD, victim_path, AT_FDCWD, raced, RENAME_EXCHANGE);
        (void)renameat2(AT_FDCWD, victim_path, AT_FDCWD, raced, RENAME_NOREPLACE);
        (void)renameat2(AT_FDCWD, raced, AT_FDCWD, victim_path, RENAME_NOREPLACE);
    }
    return unused;
}

static void test_c84_racer_loses_nothing(void **unused)
{
    struct socket_plan plan = plan_for("s");
    struct socket_plan dead_plan = plan_for("dead");
    struct stat victim, st;
    pthread_t thread;
    unsigned won = 0;
    int rounds = getenv("LONG") != NULL ? 10000 : 120;
    (void)unused;
    snprintf(raced, sizeof raced, "%s", plan.address.text);
    snprintf(victim_path, sizeof victim_path, "%s/victim", folder);
    close(must_listen(&dead_plan));
    for (int i = 0; i < rounds; i++) {
        int fd = -1;
        close(open(victim_path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
        assert_int_equal(lstat(victim_path, &victim), 0);
        if (i % 2 == 0) /* a dead socket is in the way at first */
            (void)!link(dead_plan.address.text, plan.address.text);
        racing = true;
        assert_int_equal(pthread_create(&thread, NULL, race, NULL), 0);
        int r = socket_listen(&plan, &fd, NULL);
        racing = false;
        assert_int_equal(pthread_join(thread, NULL), 0);
        won += r == 0;
        /* The victim lives, under one of the two names or a temporary one that says so. */
        bool there = (lstat(victim_path, &st) == 0 && st.st_ino == victim.st_ino) ||
                     (lstat(raced, &st) == 0 && st.st_ino == victim.st_ino);
        DIR *all = opendir(folder);
        for (struct dirent *e; (e = readdir(all)) != NULL;)
            there = there || e->d_ino == victim.st_ino;
        closedir(all);
        if (!there)
            fail_msg("round %d: outcome %d, the victim is gone", i, r);
        if (fd >= 0)
            close(fd);
        (void)unlink(raced);
        (void)unlink(victim_path);
    }
    print_message("%u of %d sockets were had against the racer\n", won, rounds);
}

/* Three masters start at the same time over a dead socket: exactly one gets it, and keeps it. */
static void test_c85_three_at_once(void **unused)
{
    struct socket_plan plan = plan_for("s");
    (void)unused;
    for (int i = 0; i < 40; i++) {
        int go[2], done[2], stay[2];
        pid_t rival[3];
        char byte, said[3] = "";
        close(must_listen(&plan));
        assert_int_equal(pipe2(go, O_CLOEXEC) | pipe2(done, O_CLOEXEC) | pipe2(stay, O_CLOEXEC), 0);
        for (int k = 0; k < 3; k++) {
            rival[k] = fork();
            if (rival[k] == 0) {
                int fd = -1;
                close(go[1]);
                close(stay[1]);
                (void)!read(go[0], &byte, 1);
                int r = socket_listen(&plan, &fd, NULL);
                char answer = r == 0 ? 'y' : r == SOCKET_IN_USE ? 'n' : 'e';
                (void)!write(done[1], &answer, 1);
                (void)!read(stay[0], &byte, 1);
                _exit(r == 0 && !socket_still_there(&plan.address, fd));
            }
        }
        close(go[0]);
        close(go[1]);
        close(stay[0]);
        int yes = 0, no = 0;
        for (int k = 0; k < 3; k++) {
            assert_int_equal(read(done[0], said, 1), 1);
            yes += said[0] == 'y';
            no += said[0] == 'n';
        }
        must_connect(&plan);
        close(stay[1]);
        for (int k = 0; k < 3; k++) {
            int status = 0;
            assert_int_equal(waitpid(rival[k], &status, 0), rival[k]);
            assert_int_equal(status, 0);
        }
        assert_int_equal(yes, 1);
        assert_int_equal(no, 2);
        assert_int_equal(count_entries(), 1);
        close(done[0]);
        close(done[1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(test_c84_right_at_first_sight),
        IN_FOLDER(test_c84_racer_loses_nothing),
        IN_FOLDER(test_c85_three_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
