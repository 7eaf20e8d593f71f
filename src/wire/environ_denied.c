/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Names that never come from the wire, because they make a loader, a shell, an interpreter or a
 * library run or read something that whoever fills the parameters has chosen.  Whoever can
 * connect to the socket fills them, and must not get more than the pool's programs give.  A
 * program that needs one of them gets it from the pool's `env`.
 *
 * HOME is among them: .gitconfig, .netrc, .curlrc and their like are read from there, and each
 * can name a program to run.
 *
 * A '*' at the end stands for any rest.  Names are compared without regard to case.
 */

#include "wire/environ.h"

#include <string.h>
#include <strings.h>

static const char *const denied[] = {
    /* the FastCGI protocol, ganger and the service manager themselves */
    "FCGI_*",
    "GANGER_*",
    "LISTEN_FDNAMES",
    "LISTEN_FDS",
    "LISTEN_PID",
    "NOTIFY_SOCKET",
    "WATCHDOG_PID",
    "WATCHDOG_USEC",
    /* what a client's header may become (httpoxy), and its siblings */
    "ALL_PROXY",
    "FTP_PROXY",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "NO_PROXY",
    /* who and where the program is */
    "HOME",
    "LOGNAME",
    "OLDPWD",
    "PATH",
    "PWD",
    "SHELL",
    "USER",
    "XDG_*",
    /* loader and C library */
    "GCONV_PATH",
    "GETCONF_DIR",
    "GLIBC_TUNABLES",
    "HOSTALIASES",
    "LD_*",
    "LOCALDOMAIN",
    "LOCPATH",
    "MALLOC_*",
    "NLSPATH",
    "RESOLV_*",
    "RES_OPTIONS",
    "TMPDIR",
    "TZDIR",
    /* shells */
    "BASHOPTS",
    "BASH_ENV",
    "BASH_FUNC_*",
    "CDPATH",
    "ENV",
    "FPATH",
    "GLOBIGNORE",
    "IFS",
    "PROMPT_COMMAND",
    "PS4",
    "SHELLOPTS",
    "ZDOTDIR",
    /* interpreters and virtual machines */
    "CLASSPATH",
    "GEM_*",
    "JAVA_TOOL_OPTIONS",
    "JDK_JAVA_OPTIONS",
    "LUA_CPATH*",
    "LUA_INIT*",
    "LUA_PATH*",
    "NODE_EXTRA_CA_CERTS",
    "NODE_OPTIONS",
    "NODE_PATH",
    "PERL5DB",
    "PERL5LIB",
    "PERL5OPT",
    "PERL5SHELL",
    "PERLIO",
    "PERLIO_DEBUG",
    "PERLLIB",
    "PHPRC",
    "PHP_INI_SCAN_DIR",
    "PYTHON*",
    "RUBYLIB",
    "RUBYOPT",
    "RUBYSHELL",
    "TCLLIBPATH",
    "TCL_LIBRARY",
    "_JAVA_OPTIONS",
    /* libraries and programs that programs call */
    "CURL_HOME",
    "EDITOR",
    "GIT_ASKPASS",
    "GIT_CONFIG*",
    "GIT_EDITOR",
    "GIT_EXEC_PATH",
    "GIT_EXTERNAL_DIFF",
    "GIT_PAGER",
    "GIT_PROXY_COMMAND",
    "GIT_SEQUENCE_EDITOR",
    "GIT_SSH*",
    "GIT_TEMPLATE_DIR",
    "GIT_TRACE*",
    "GNUPGHOME",
    "LESSCLOSE",
    "LESSOPEN",
    "OPENSSL_*",
    "PAGER",
    "SSH_ASKPASS",
    "SSLKEYLOGFILE",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "VISUAL",
};

const char *environ_denied_name(size_t i)
{
    return i < sizeof denied / sizeof denied[0] ? denied[i] : NULL;
}

bool environ_denied_match(const char *name, size_t length)
{
    for (size_t i = 0; i < sizeof denied / sizeof denied[0]; i++) {
        size_t size = strlen(denied[i]);
        bool prefix = denied[i][size - 1] == '*';

        if (prefix)
            size--;
        if ((prefix ? length >= size : length == size) && strncasecmp(name, denied[i], size) == 0)
            return true;
    }
    return false;
}
