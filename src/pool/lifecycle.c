/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of pool/lifecycle.h.
 *
 * Three rules made the cells:
 *   - Only EXITED leads back to EMPTY: a slot is free when the kernel says so, not before.
 *   - States only go forward.  An order that is weaker than what was already done (DRAIN after TERM)
 *     is nothing; a stronger one always goes through.
 *   - Reports may come late and in any order (READY may overtake EXEC_OK, since they travel on two
 *     descriptors), so a report is never an alarm in a state in which its sender still lives.
 *     What only our own hand can do wrong (spawn into an occupied slot, bury an empty one) is.
 */
#include "pool/lifecycle.h"

#define GO(state, what)                                                                            \
    {                                                                                              \
        .next = LIFECYCLE_##state, .action = LIFECYCLE_DO_##what                                   \
    }

static const struct lifecycle_cell table[LIFECYCLE_STATES][LIFECYCLE_EVENTS] =
    {
        [LIFECYCLE_EMPTY] =
            {
                [LIFECYCLE_SPAWNED] = GO(STARTING, AWAIT_EXEC),
                [LIFECYCLE_EXEC_OK] = GO(EMPTY, ALARM),
                [LIFECYCLE_EXEC_FAILED] = GO(EMPTY, ALARM),
                [LIFECYCLE_READY] = GO(EMPTY, ALARM),
                [LIFECYCLE_DRAIN] = GO(EMPTY, NOTHING),
                [LIFECYCLE_TERM] = GO(EMPTY, NOTHING),
                [LIFECYCLE_KILL] = GO(EMPTY, NOTHING),
                [LIFECYCLE_DEADLINE] = GO(EMPTY, ALARM),
                [LIFECYCLE_EXITED] = GO(EMPTY, ALARM),
            },
        [LIFECYCLE_STARTING] =
            {
                [LIFECYCLE_SPAWNED] = GO(STARTING, ALARM),
                [LIFECYCLE_EXEC_OK] = GO(WARMING, AWAIT_READY),
                [LIFECYCLE_EXEC_FAILED] = GO(STARTING, REFUSED),
                [LIFECYCLE_READY] = GO(SERVING, SERVE),
                [LIFECYCLE_DRAIN] = GO(DRAINING, ASK),
                [LIFECYCLE_TERM] = GO(TERMINATING, TERMINATE),
                [LIFECYCLE_KILL] = GO(KILLED, KILL),
                [LIFECYCLE_DEADLINE] = GO(KILLED, GIVE_UP),
                [LIFECYCLE_EXITED] = GO(EMPTY, BURY_EARLY),
            },
        [LIFECYCLE_WARMING] =
            {
                [LIFECYCLE_SPAWNED] = GO(WARMING, ALARM),
                [LIFECYCLE_EXEC_OK] = GO(WARMING, NOTHING),
                [LIFECYCLE_EXEC_FAILED] = GO(WARMING, ALARM),
                [LIFECYCLE_READY] = GO(SERVING, SERVE),
                [LIFECYCLE_DRAIN] = GO(DRAINING, ASK),
                [LIFECYCLE_TERM] = GO(TERMINATING, TERMINATE),
                [LIFECYCLE_KILL] = GO(KILLED, KILL),
                [LIFECYCLE_DEADLINE] = GO(KILLED, GIVE_UP),
                [LIFECYCLE_EXITED] = GO(EMPTY, BURY_EARLY),
            },
        [LIFECYCLE_SERVING] =
            {
                [LIFECYCLE_SPAWNED] = GO(SERVING, ALARM),
                [LIFECYCLE_EXEC_OK] = GO(SERVING, NOTHING),
                [LIFECYCLE_EXEC_FAILED] = GO(SERVING, ALARM),
                [LIFECYCLE_READY] = GO(SERVING, NOTHING),
                [LIFECYCLE_DRAIN] = GO(DRAINING, ASK),
                [LIFECYCLE_TERM] = GO(TERMINATING, TERMINATE),
                [LIFECYCLE_KILL] = GO(KILLED, KILL),
                [LIFECYCLE_DEADLINE] = GO(SERVING, ALARM),
                [LIFECYCLE_EXITED] = GO(EMPTY, BURY_LOST),
            },
        [LIFECYCLE_DRAINING] =
            {
                [LIFECYCLE_SPAWNED] = GO(DRAINING, ALARM),
                [LIFECYCLE_EXEC_OK] = GO(DRAINING, NOTHING),
                [LIFECYCLE_EXEC_FAILED] = GO(DRAINING, REFUSED),
                [LIFECYCLE_READY] = GO(DRAINING, NOTHING),
                [LIFECYCLE_DRAIN] = GO(DRAINING, NOTHING),
                [LIFECYCLE_TERM] = GO(TERMINATING, TERMINATE),
                [LIFECYCLE_KILL] = GO(KILLED, KILL),
                [LIFECYCLE_DEADLINE] = GO(TERMINATING, TERMINATE),
                [LIFECYCLE_EXITED] = GO(EMPTY, BURY_ASKED),
            },
        [LIFECYCLE_TERMINATING] =
            {
                [LIFECYCLE_SPAWNED] = GO(TERMINATING, ALARM),
                [LIFECYCLE_EXEC_OK] = GO(TERMINATING, NOTHING),
                [LIFECYCLE_EXEC_FAILED] = GO(TERMINATING, REFUSED),
                [LIFECYCLE_READY] = GO(TERMINATING, NOTHING),
                [LIFECYCLE_DRAIN] = GO(TERMINATING, NOTHING),
                [LIFECYCLE_TERM] = GO(TERMINATING, NOTHING),
                [LIFECYCLE_KILL] = GO(KILLED, KILL),
                [LIFECYCLE_DEADLINE] = GO(KILLED, KILL),
                [LIFECYCLE_EXITED] = GO(EMPTY, BURY_ASKED),
            },
        [LIFECYCLE_KILLED] =
            {
                [LIFECYCLE_SPAWNED] = GO(KILLED, ALARM),
                [LIFECYCLE_EXEC_OK] = GO(KILLED, NOTHING),
                [LIFECYCLE_EXEC_FAILED] = GO(KILLED, REFUSED),
                [LIFECYCLE_READY] = GO(KILLED, NOTHING),
                [LIFECYCLE_DRAIN] = GO(KILLED, NOTHING),
                [LIFECYCLE_TERM] = GO(KILLED, NOTHING),
                [LIFECYCLE_KILL] = GO(KILLED, NOTHING),
                [LIFECYCLE_DEADLINE] = GO(KILLED, ALARM),
                [LIFECYCLE_EXITED] = GO(EMPTY, BURY_ASKED),
            },
};

struct lifecycle_cell lifecycle_step(enum lifecycle_state state, enum lifecycle_event event)
{
    if ((unsigned)state >= LIFECYCLE_STATES || (unsigned)event >= LIFECYCLE_EVENTS)
        return (struct lifecycle_cell){.next = state, .action = LIFECYCLE_DO_ALARM};
    return table[state][event];
}

const char *lifecycle_state_name(enum lifecycle_state state)
{
    static const char *const names[LIFECYCLE_STATES] = {
        "empty", "starting", "warming", "serving", "draining", "terminating", "killed",
    };
    return (unsigned)state < LIFECYCLE_STATES ? names[state] : "unknown";
}

const char *lifecycle_event_name(enum lifecycle_event event)
{
    static const char *const names[LIFECYCLE_EVENTS] = {
        "spawned", "exec succeeded", "exec failed", "ready",  "drain",
        "term",    "kill",           "deadline",    "exited",
    };
    return (unsigned)event < LIFECYCLE_EVENTS ? names[event] : "unknown";
}
