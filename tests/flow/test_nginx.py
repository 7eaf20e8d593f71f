# SPDX-License-Identifier: Apache-2.0
"""Real programs behind a real nginx: git, cgit, scripts, keep-alive."""

import concurrent.futures
import hashlib
import os
import pwd
import shutil
import subprocess
import threading
import time
import urllib.error
import urllib.request

import pytest

import daemon
from fcgi import cgi_params


def fetch(url, data=None, headers=None, timeout=30):
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data, headers or {}), timeout=timeout) as r:
            return r.status, r.read(), r.headers
    except urllib.error.HTTPError as error:
        return error.code, error.read(), error.headers


# fastcgi_param in a location hides those of the server, hence the include in each.
FRONT = """
  location /t {{ include /etc/nginx/fastcgi_params; fastcgi_pass unix:{sock}; fastcgi_param SCRIPT_FILENAME {t}; }}
  location /cgi/ {{ include /etc/nginx/fastcgi_params; fastcgi_pass unix:{sock}; fastcgi_param SCRIPT_FILENAME {root}$fastcgi_script_name;
    rewrite ^/cgi(/.*)$ $1 break; }}
  location /unbuffered/ {{ include /etc/nginx/fastcgi_params; fastcgi_pass unix:{sock};
    fastcgi_param SCRIPT_FILENAME {root}$fastcgi_script_name; fastcgi_request_buffering off;
    rewrite ^/unbuffered(/.*)$ $1 break; }}
  location /stream {{ include /etc/nginx/fastcgi_params; fastcgi_pass unix:{sock}; fastcgi_param SCRIPT_FILENAME {t}; fastcgi_buffering off; }}
  location /keep {{ include /etc/nginx/fastcgi_params; fastcgi_pass kept; fastcgi_keep_conn on; fastcgi_param SCRIPT_FILENAME {t}; }}
  location /abort {{ include /etc/nginx/fastcgi_params; fastcgi_pass unix:{sock}; fastcgi_param SCRIPT_FILENAME {t}; fastcgi_ignore_client_abort off; }}
"""


@pytest.fixture
def site(web):
    if os.geteuid() == 0:
        web.options |= {"listen.owner": '"www-data"', "listen.group": '"www-data"'}
    web.serve()
    web.nginx = daemon.Nginx(web.folder, FRONT.format(sock=web.web, t=web.t, root=web.root),
                             f"upstream kept {{ server unix:{web.web}; keepalive 16; }}")
    yield web
    web.nginx.stop()


def test_hello_and_status_codes(site):
    assert fetch(site.nginx.url("/t?ok&out=hello"))[:2] == (200, b"hello")
    assert fetch(site.nginx.url("/t?out=Status:%20418%20Teapot%0a%0a"))[0] == 418
    assert fetch(site.nginx.url("/t?exit=0"))[0] == 502
    assert fetch(site.nginx.url("/cgi/nothing"))[0] == 404


@pytest.mark.parametrize("language,interpreter", [("sh", "/bin/sh"), ("perl", "/usr/bin/perl"), ("python", "/usr/bin/python3")])
def test_scripts(site, language, interpreter):
    text = {"sh": 'printf "Content-Type: text/plain\\n\\nsh %s" "$QUERY_STRING"',
            "perl": 'print "Content-Type: text/plain\\n\\nperl $ENV{QUERY_STRING}";',
            "python": 'import os; print("Content-Type: text/plain\\n\\npython " + os.environ["QUERY_STRING"], end="")'}
    site.folder.script(f"cgi/{language}.cgi", f"#!{interpreter}\n{text[language]}\n")
    assert fetch(site.nginx.url(f"/cgi/{language}.cgi?q"))[1] == f"{language} q".encode()


def test_post_through_nginx(site):
    """nginx sends no more of a body once it has seen the response's header: a program that writes
    first and reads then is served all the same, as long as what it wrote meanwhile can be held."""
    body = os.urandom(5 << 20)
    assert fetch(site.nginx.url("/t?ok&length"), body)[:2] == (200, b"%d\n" % len(body))
    echo = body[:400 << 10]
    assert fetch(site.nginx.url("/t?ok&cat"), echo)[:2] == (200, echo)


@pytest.mark.parametrize("buffering", ["on", "off"])
def test_header_first_then_twenty_megabytes_of_body(site, buffering):
    site.folder.script("cgi/count", "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n'\nwc -c\n")
    path = "/cgi/count" if buffering == "on" else "/unbuffered/count"
    assert fetch(site.nginx.url(path), bytes(20 << 20))[:2] == (200, b"20971520\n")


def test_head_through_nginx(site):
    request = urllib.request.Request(site.nginx.url("/t?ok&out=hello"), method="HEAD")
    with urllib.request.urlopen(request, timeout=30) as r:
        assert r.status == 200 and r.read() == b""


def test_streaming_clock(site):
    url = site.nginx.url(f"/stream?ok&out=tick&until={site.notes}/go&out=tock")
    with urllib.request.urlopen(url, timeout=30) as r:
        assert r.read(4) == b"tick"
        (site.notes / "go").touch()
        assert r.read() == b"tock"


def test_client_abort_behind_nginx_ends_the_program(site):
    import socket
    s = socket.create_connection(("127.0.0.1", site.nginx.port))
    s.sendall(f"GET /abort?note={site.notes}/a&sleep=60000 HTTP/1.0\r\n\r\n".encode())
    path = site.notes / "a"
    pid = int(daemon.wait_for(lambda: path.exists() and path.read_text().strip()))
    s.close()
    daemon.wait_for(lambda: not daemon.alive(pid), what="the program is gone")


def test_kept_nginx_connections_never_make_a_third_client_wait(web):
    """Two idle kept connections for each worker, as nginx's keepalive makes them."""
    if os.geteuid() == 0:
        web.options |= {"listen.owner": '"www-data"', "listen.group": '"www-data"'}
    web.serve(pm__max_children=2)
    nginx = daemon.Nginx(web.folder, FRONT.format(sock=web.web, t=web.t, root=web.root),
                         f"upstream kept {{ server unix:{web.web}; keepalive 16; }}")
    try:
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            for _ in range(3):
                list(pool.map(lambda i: fetch(nginx.url(f"/keep?sleep=50&ok&out={i}")), range(8)))
        # nginx now holds several idle connections; one worker becomes busy on one of them.
        slow = threading.Thread(target=fetch, args=(
            nginx.url(f"/keep?note={web.notes}/slow&until={web.notes}/go&ok"), None, None, 120))
        slow.start()
        daemon.wait_for((web.notes / "slow").exists)
        for i in range(20):
            assert web.ask(f"ok&out={i}").body == str(i).encode()
            assert fetch(nginx.url(f"/keep?ok&out={i}"))[1] == str(i).encode()
        assert slow.is_alive()
    finally:
        (web.notes / "go").touch()
        slow.join()
        nginx.stop()


def git(*arguments, cwd=None, timeout=120):
    env = {"PATH": os.environ["PATH"], "HOME": str(cwd or "/"), "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0",
           "GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@example.org", "GIT_COMMITTER_NAME": "A",
           "GIT_COMMITTER_EMAIL": "a@example.org"}
    result = subprocess.run(["git", *arguments], cwd=cwd, env=env, capture_output=True, text=True,
                            timeout=timeout, stdin=subprocess.DEVNULL)
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.fixture
def forge(ganger):
    """git-http-backend and cgit on one bare repository, behind nginx."""
    repos = ganger.base / "repos"
    repos.mkdir()
    bare = repos / "r.git"
    git("init", "-q", "--bare", "-b", "main", str(bare))
    git("config", "http.receivepack", "true", cwd=bare)
    owner = "www-data" if os.geteuid() == 0 else None
    if owner:
        subprocess.run(["chown", "-R", f"{owner}:{owner}", str(repos)], check=True)
        ident = f'  user = "{owner}"\n  group = "{owner}"\n  listen.owner = "{owner}"\n'
    else:
        ident = ""
    cgitrc = ganger.base / "cgitrc"
    cgitrc.write_text(f"cache-size=0\nvirtual-root=/cgit/\nrepo.url=r\nrepo.path={bare}\n")
    cgitrc.chmod(0o644)
    ganger.write(
        ganger.pool("git", f'''  kind = cgi
  command = {{"/usr/lib/git-core/git-http-backend"}}
  env = {{"GIT_PROJECT_ROOT={repos}", "GIT_HTTP_EXPORT_ALL=1"}}
  pm.max_children = 4
{ident}'''),
        ganger.pool("cgit", f'''  kind = cgi
  command = {{"/usr/lib/cgit/cgit.cgi"}}
  env = {{"CGIT_CONFIG={cgitrc}"}}
  pm.max_children = 2
{ident}'''))
    ganger.start()
    nginx = daemon.Nginx(ganger.folder, f"""
  location ~ ^/git(/.*)$ {{ include /etc/nginx/fastcgi_params; fastcgi_pass unix:{ganger.sock("git")}; fastcgi_param PATH_INFO $1;
    fastcgi_param REMOTE_USER tester; fastcgi_request_buffering off; fastcgi_buffering off; }}
  location ~ ^/cgit(/?.*)$ {{ include /etc/nginx/fastcgi_params; fastcgi_pass unix:{ganger.sock("cgit")}; fastcgi_param PATH_INFO $1;
    fastcgi_param SCRIPT_NAME /cgit; }}
""")
    ganger.nginx, ganger.bare = nginx, bare
    yield ganger
    nginx.stop()


def test_git_clone_push_of_30_mb_and_cgit(forge, tmp_path):
    work = tmp_path / "work"
    git("clone", "-q", forge.nginx.url("/git/r.git"), str(work))
    (work / "README").write_text("A readme with a word to find\n")
    (work / "blob").write_bytes(os.urandom(30 << 20))
    git("checkout", "-q", "-b", "main", cwd=work)
    git("add", ".", cwd=work)
    git("commit", "-q", "-m", "Thirty random megabytes", cwd=work)
    git("push", "-q", "origin", "main", cwd=work)  # above http.postBuffer: chunked
    git("-c", "safe.directory=*", "fsck", "--strict", cwd=forge.bare)
    again = tmp_path / "again"
    git("clone", "-q", forge.nginx.url("/git/r.git"), str(again))
    assert (again / "blob").read_bytes() == (work / "blob").read_bytes()
    status, body, _ = fetch(forge.nginx.url("/cgit/r/"))
    assert status == 200 and b"Thirty random megabytes" in body
    status, body, _ = fetch(forge.nginx.url("/cgit/r/tree/README"))
    assert status == 200 and b"a word to find" in body


def test_concurrent_clients_get_their_own_answers(site):
    def one(i):
        return fetch(site.nginx.url(f"/t?ok&out=token-{i}"))[1] == f"token-{i}".encode()
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        assert all(pool.map(one, range(2000 if daemon.LONG else 300)))
