/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GANGER_BASE_SANITIZED_H
#define GANGER_BASE_SANITIZED_H

/* SANITIZED is 1 in a build with the address sanitizer, whose leak checker looks at the process by
 * ptrace and reads its options from the environment, and 0 in all others. */

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

#endif
