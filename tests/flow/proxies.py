# SPDX-License-Identifier: Apache-2.0
"""Real web servers with next to nothing in their configuration but what gangerctl proxy-config gave."""

import contextlib
import os
import re
import socket
import subprocess

import daemon

ROOT = os.geteuid() == 0
USER = "www-data"


def sections(snippet):
    """[(where it belongs, text)]"""
    parts = re.split(r"^# ---- in |^# ---- ", snippet, flags=re.M)[1:]
    return [tuple(part.split("\n", 1)) for part in parts]


def section(snippets, word):
    """What all snippets have for the section whose title begins with `word`."""
    found = [text for snippet in snippets for title, text in sections(snippet) if title.startswith(word)]
    assert len(found) == len(snippets), (word, snippets)
    return "\n".join(found)


def nginx(folder, port, root, snippets):
    user = f"user {USER};" if ROOT else ""
    return ["/usr/sbin/nginx", "-p", str(folder), "-e", f"{folder}/error.log", "-c", f"{folder}/conf"], f"""
{user} worker_processes 1; daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log info;
events {{ worker_connections 256; }}
http {{
  access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/p;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
{section(snippets, "the http block")}
  server {{ listen 127.0.0.1:{port}; root {root};
{section(snippets, "the server block")}
  }}
}}
"""


def apache(folder, port, root, snippets):
    modules = "".join(f"LoadModule {m}_module /usr/lib/apache2/modules/mod_{m}.so\n" for m in (
        "mpm_event", "authz_core", "authz_host", "alias", "headers", "setenvif", "proxy", "proxy_fcgi"))
    return ["/usr/sbin/apache2", "-d", str(folder), "-f", f"{folder}/conf", "-DFOREGROUND"], f"""
ServerRoot {folder}
DefaultRuntimeDir {folder}
PidFile {folder}/pid
ErrorLog {folder}/error.log
Listen 127.0.0.1:{port}
ServerName localhost
{modules}
{f"User {USER}{chr(10)}Group {USER}" if ROOT else ""}
StartServers 1
ThreadsPerChild 8
MaxRequestWorkers 16
<VirtualHost 127.0.0.1:{port}>
DocumentRoot {root}
<Directory {root}>
  Require all granted
</Directory>
{section(snippets, "the <VirtualHost>")}
</VirtualHost>
"""


def caddy(folder, port, root, snippets):
    return ["/usr/bin/caddy", "run", "--config", f"{folder}/conf", "--adapter", "caddyfile"], f"""
{{
	admin off
	auto_https off
	storage file_system {folder}/store
}}
http://127.0.0.1:{port} {{
	root * {root}
{section(snippets, "the site")}
}}
"""


def haproxy(folder, port, root, snippets):
    del root
    return ["/usr/sbin/haproxy", "-db", "-f", f"{folder}/conf"], f"""
global
    maxconn 100
defaults
    mode http
    timeout connect 10s
    timeout client 60s
    timeout server 60s
{section(snippets, "beside")}
frontend web
    bind 127.0.0.1:{port}
{section(snippets, "the frontend")}
"""


def lighttpd(folder, port, root, snippets):
    user = f'server.username = "{USER}"\nserver.groupname = "{USER}"\n' if ROOT else ""
    return ["/usr/sbin/lighttpd", "-D", "-f", f"{folder}/conf"], f"""
server.document-root = "{root}"
server.port = {port}
server.bind = "127.0.0.1"
server.errorlog = "{folder}/error.log"
server.upload-dirs = ( "{folder}" )
{user}
{section(snippets, "lighttpd.conf")}
"""


KINDS = {"nginx": nginx, "apache": apache, "caddy": caddy, "haproxy": haproxy, "lighttpd": lighttpd}


class Proxy:
    """It runs until stop()."""

    def __init__(self, kind, base, root, snippets):
        self.folder = base / f"proxy-{kind}"
        self.folder.mkdir()
        self.folder.chmod(0o777)  # each writes as a user of its own
        self.port = daemon.free_port()
        command, text = KINDS[kind](self.folder, self.port, root, snippets)
        (self.folder / "conf").write_text(text)
        (self.folder / "conf").chmod(0o644)
        env = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "LANG": "C.UTF-8"}
        with open(self.folder / "out", "wb") as out:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=env)
        try:
            daemon.wait_for(self.up, what=kind)
        except BaseException:
            self.stop()
            raise

    def up(self):
        if self.process.poll() is not None:
            raise AssertionError(f"{self.said}\n{(self.folder / 'conf').read_text()}")
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port), daemon.PATIENCE).close()
            return True

    @property
    def said(self):
        return "".join((self.folder / name).read_text(errors="replace")
                       for name in ("out", "error.log") if (self.folder / name).exists())

    def url(self, path):
        return f"http://127.0.0.1:{self.port}{path}"

    def stop(self):
        self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(daemon.PATIENCE)
            return
        self.process.kill()
        self.process.wait()
