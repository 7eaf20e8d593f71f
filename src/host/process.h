/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_HOST_PROCESS_H
#define GANGER_HOST_PROCESS_H

/* What a process of ganger does to itself, and what the kernel says of its children. */

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/error.h"

void process_set_name(const char *name); /* comm, cut at 15 bytes */
void process_become_subreaper(void);     /* orphans of workers come to us */
void process_undumpable(void);           /* no core, no ptrace by the same uid */
/* Nothing inherited ignored, SIGPIPE ignored, and SIGXFSZ (a log that may grow no more kills nobody),
 * blocked exactly what is in *blocked (NULL: nothing); a signal that is in it and pending stays so. */
bool process_signals_normalise(const sigset_t *blocked);
/* Soft RLIMIT_NOFILE up to `wanted`, the hard one too where allowed; never down.  Negative when it
 * stays below `wanted` (it then is as high as the hard limit lets it). */
int process_raise_files_limit(uint64_t wanted, struct error *err);
/* Pids of our direct children as the kernel lists them, zombies too; malloc'd.  0 or negative. */
int process_children(pid_t **ret, size_t *ret_count, struct error *err);
/* SIGTERM to every child, SIGKILL to those that live after `patience` (usec) and to those that their
 * deaths leave to us, and as long again, a second at least, for these to go; all are collected.  How
 * many are left.  Waits: not for a process that serves. */
size_t process_end_children(uint64_t patience);
/* The folder that holds /proc/self/exe, malloc'd; NULL on failure. */
char *process_program_folder(void);
/*
 * Open a sibling program: beside /proc/self/exe, else in ../lib/ganger/ of it.  The descriptor
 * (readable, close-on-exec; exec it by spawn_plan.exec_fd, so that a worker's user needs no right
 * to walk the path), *ret_path malloc'd for messages; or negative with err naming both places.
 */
int process_open_sibling(const char *name, char **ret_path, struct error *err);
/* The path of a file that is found in the same places, without links in it; malloc'd.  NULL with err. */
char *process_sibling_path(const char *name, struct error *err);
/* Write our pid into `path` (0644, replaced by rename, flocked on *ret_fd while we live; call it
 * after process_daemonise()).  The file is the caller's to unlink at the end.  0, PROCESS_PID_TAKEN when another ganger holds it, negative. */
enum { PROCESS_PID_TAKEN = 1 };
int process_pid_file(const char *path, int *ret_fd, struct error *err);
/*
 * Detach as a daemon: new session, folder "/", 0 and 1 on /dev/null.  The command exits with 0 when
 * the daemon calls process_daemon_ready(), with 1 when it dies before (or after ten minutes).
 * Returns only in the daemon: 0, or negative.  process_daemon_ready() also puts stderr on
 * /dev/null (a log that goes to stderr ends there), and does nothing in a process that is no daemon.
 */
int process_daemonise(struct error *err);
void process_daemon_ready(void);

#endif
