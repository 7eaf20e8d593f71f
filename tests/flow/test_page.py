# SPDX-License-Identifier: Apache-2.0
"""The HTML page in a real browser, through a real nginx under a sub-path (Show: pools appear, numbers move,
sort, filter, a reload, five seconds away, no complaint of the browser, hostile names are text)."""

import base64
import contextlib
import hashlib
import os
import re
import subprocess
import threading

import pytest

import browser as browsers
import daemon
import page_site
from fcgi import Conn, ask, cgi_params, whole

PICTURES = daemon.BUILD / "page"
STATUS = "/ops/ganger/status"
EVIL = "/<script>alert(1)</script>\"><img src=x onerror=alert(2)>'&amp;"
FRONT = "location " + STATUS + " {{ include /etc/nginx/fastcgi_params; fastcgi_pass unix:{sock}; }}"
# Put into every page before anything of its own: what must not happen is remembered.
WATCH = """
window.seen = [];
addEventListener('securitypolicyviolation', (e) => seen.push(`policy: ${e.violatedDirective} ${e.blockedURI}`));
addEventListener('error', (e) => seen.push(`error: ${e.message}`));
addEventListener('unhandledrejection', (e) => seen.push(`rejection: ${e.reason}`));
window.alert = (text) => seen.push(`alert: ${text}`);
"""
CELL = """
const body = [...document.querySelectorAll('tbody.pool')]
  .find((b) => b.querySelector('.name').textContent === arguments[0]);
return body?.querySelector(arguments[1])?.innerText ?? null;
"""


@pytest.fixture(scope="module")
def chromium():
    b = browsers.Browser()
    b.devtools("Page.addScriptToEvaluateOnNewDocument", source=WATCH)
    yield b
    b.close()


@pytest.fixture
def browser(chromium):
    """Whatever a test does: nothing is blocked, thrown or logged but networks that fail."""
    chromium.window(1280)
    chromium.away = False
    yield chromium
    complaints = [text for _, text in chromium.console()
                  if not (chromium.away and "Failed to load resource" in text)]
    seen = chromium.run("return window.seen ?? []")
    chromium.open("about:blank")
    assert (complaints, seen) == ([], [])


class Front:
    """ganger with a status pool that nginx reaches."""

    def __init__(self, web):
        self.ganger = web
        owner = '\n listen.owner = "www-data"\n listen.group = "www-data"' if os.geteuid() == 0 else ""
        self.status = web.pool("status", " kind = status" + owner)
        self.nginx = None

    def cgi(self, name, **more):
        options = "\n".join(f"  {k.replace('__', '.')} = {v}" for k, v in {"pm__max_children": 2, **more}.items())
        return self.ganger.pool(name, f'  kind = cgi\n  script_root = {{"{self.ganger.root}"}}\n{options}')

    def write(self, *names, more=()):
        self.ganger.write(self.status, *(self.cgi(name) for name in names), *more)

    def start(self, *names, more=()):
        self.write(*names, more=more)
        self.ganger.start()
        self.nginx = daemon.Nginx(self.ganger.folder, FRONT.format(sock=self.ganger.sock("status")))
        return self

    def again(self):
        """nginx once more, where it was."""
        self.nginx.process = subprocess.Popen(self.nginx.process.args, stdin=subprocess.DEVNULL,
                                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def url(self, rest=""):
        return self.nginx.url(STATUS + rest)

    def close(self):
        if self.nginx is not None:
            self.nginx.stop()


@pytest.fixture
def front(web):
    f = Front(web)
    yield f
    f.close()


@pytest.fixture(scope="module")
def page():
    """(document, headers) as the status pool gives them."""
    place = daemon.Folder()
    g = daemon.Ganger(place)
    g.write()
    g.start()
    try:
        answer = ask(g.sock("status"), "/status", "html")
    finally:
        g.stop()
        place.remove()
    assert answer.status == 200, answer
    return answer.body, [(name, value) for name, value in answer.headers.items()
                         if name not in ("status", "content-length")]


@pytest.fixture
def site(page):
    s = page_site.Site(*page)
    yield s
    s.close()


def cell(browser, name, selector):
    return browser.run(CELL, name, selector)


def names(browser):
    return browser.texts("tbody.pool .name")


def number(text):
    digits = re.sub(r"[^\d.]", "", text or "")
    return float(digits) if digits else 0.0


@contextlib.contextmanager
def load(address, script):
    """Requests, one behind the other, as long as the block lasts."""
    stop = threading.Event()

    def go():
        while not stop.is_set():
            with contextlib.suppress(OSError, AssertionError):
                ask(address, script, "ok")
            stop.wait(0.02)
    thread = threading.Thread(target=go)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


# ---------------------------------------------------------------- with ganger and nginx


def test_policy_names_what_is_in_the_page(page):
    document, headers = page
    policy = dict(headers)["content-security-policy"]
    for tag, directive in (("style", "style-src"), ("script", "script-src")):
        text = re.search(rb"<" + tag.encode() + rb"[^>]*>(.*?)</" + tag.encode() + rb">", document, re.S).group(1)
        digest = base64.b64encode(hashlib.sha256(text).digest()).decode()
        assert f"{directive} 'sha256-{digest}';" in policy, policy
    for words in ("default-src 'none'", "connect-src 'self'", "base-uri 'none'", "form-action 'none'",
                  "frame-ancestors 'none'"):
        assert words in policy
    assert "unsafe" not in policy
    assert dict(headers)["content-type"].startswith("text/html")


def test_pools_appear_and_numbers_move(front, browser):
    front.start("web", "quiet")
    browser.open(front.url())
    browser.wait(lambda: names(browser) == ["status", "web", "quiet"], "the pools are shown")
    assert browser.text(".pulse") == "live"
    assert browser.run("return document.querySelector('#plain')") is None
    with load(front.ganger.sock("web"), front.ganger.t):
        browser.wait(lambda: number(cell(browser, "web", "td.rate .big")) > 0, "requests a second")
        browser.click("tbody.pool:nth-of-type(2) .name")
        browser.wait(lambda: "Service time" in (cell(browser, "web", ".detail") or ""), "the details")
        served = []

        def moves():
            text = cell(browser, "web", ".detail .sections")
            found = re.search(r"\nRequests\n([\d\u202f]+)", text)
            if found and found.group(1) not in served:
                served.append(found.group(1))
            return len(served) > 2
        browser.wait(moves, "the number of requests moves, twice")
        curve = browser.run("return document.querySelectorAll('tbody.pool')[1].querySelector('.rate .line')"
                            ".getAttribute('d')")
        assert "L" in curve
        browser.wait(lambda: "GET" in (cell(browser, "web", ".detail section.workers") or ""), "the last request")
        browser.picture(PICTURES / "ganger-1280.png")
    assert cell(browser, "quiet", "td.rate .big") == "0"
    # The address keeps what is open.
    assert browser.run("return location.hash") == "#open=web"
    browser.window(390, 844)
    assert browser.run("return document.documentElement.scrollWidth") == 390
    browser.picture(PICTURES / "ganger-390.png")


def test_a_reload_adds_and_drops_pools(front, browser):
    front.start("web")
    browser.open(front.url())
    browser.wait(lambda: names(browser) == ["status", "web"], "one pool")
    front.write("web", "added")
    assert front.ganger.ctl("reload").returncode == 0
    browser.wait(lambda: names(browser) == ["status", "web", "added"], "the added pool")
    front.write("added")
    assert front.ganger.ctl("reload").returncode == 0
    browser.wait(lambda: names(browser) == ["status", "added"], "the dropped pool is gone")


def test_a_failing_pool_is_told(front, browser):
    front.start("web", more=[front.ganger.pool("broken", '  kind = fastcgi\n  command = {"/bin/false"}\n'
                                                         '  pm.max_children = 1')])
    browser.open(front.url())
    browser.wait(lambda: "broken" in (browser.text(".alarms") or ""), "the alarm")
    assert "failing" in browser.text(".alarms")
    assert browser.run("return document.title").startswith("(1)")
    def why():
        browser.run("document.querySelector('.alarms .name')?.click()")
        return cell(browser, "broken", ".detail .reason")
    browser.wait(why, "the reason, from the alarm")


def away_for(browser):
    found = re.match(r"no answer since (\d+)\u202fs", browser.text(".pulse"))
    return int(found.group(1)) if found else 0


def test_away_and_back(front, browser):
    """nginx is gone for five seconds, then the responder hangs: the numbers stay, greyed, and come back."""
    front.start("web")
    browser.away = True
    browser.open(front.url())
    browser.wait(lambda: browser.text(".pulse") == "live" and "web" in names(browser), "the page lives")
    front.nginx.stop()
    browser.wait(lambda: away_for(browser) >= 5, "five seconds away")
    assert "web" in names(browser)
    assert browser.run("return document.documentElement.classList.contains('away')")
    assert browser.run("return document.title").startswith("no answer")
    assert "No answer" in browser.run("return document.querySelector('[aria-live]').textContent")
    front.again()
    browser.wait(lambda: browser.text(".pulse") == "live", "it is back")
    assert not browser.run("return document.documentElement.classList.contains('away')")
    # Nobody answers, and nobody says so either.
    worker = front.ganger.workers("status")[0]
    os.kill(worker, 19)
    try:
        browser.wait(lambda: "no answer since" in browser.text(".pulse"), "a responder that hangs is noticed")
    finally:
        os.kill(worker, 18)
    browser.wait(lambda: browser.text(".pulse") == "live", "it is back again")
    assert "web" in names(browser)


def test_hostile_requests_are_text(front, browser):
    front.start("web")
    with Conn(front.ganger.sock("web")) as c:
        c.send(whole(cgi_params(front.ganger.t, f"note={front.ganger.notes}/evil&sleep=600000",
                                REQUEST_URI=EVIL, REMOTE_USER="<b>&\"'")))
        daemon.wait_for((front.ganger.notes / "evil").exists)
        browser.open(front.url("#open=web"))
        browser.wait(lambda: EVIL in (cell(browser, "web", ".detail") or ""), "the URI as text")
        assert "<b>&\"'" in cell(browser, "web", ".detail")
        assert browser.run("return document.querySelectorAll('img, #app script, #app b b').length") == 0
        tip = browser.run("""
            const strip = document.querySelectorAll('tbody.pool')[1].querySelector('.strip');
            return [...strip.children].map((cell) => {
              cell.dispatchEvent(new PointerEvent('pointerover', {bubbles: true}));
              return cell.title;
            }).join();""")
        assert EVIL in tip
        browser.type("#filter", "onerror=alert")
        browser.wait(lambda: names(browser) == ["web"], "the URI is found")
        # The address holds the pool's name and the words, and no more.
        browser.scripts(False)
        try:
            browser.open(front.url("?html&full"))
            # The driver's own scripts do not run either: the document as the browser has understood it.
            document = browser.devtools("DOMSnapshot.captureSnapshot", computedStyles=[])
            assert EVIL in "".join(document["strings"])
            tags = {document["strings"][i] for i in document["documents"][0]["nodes"]["nodeName"]}
            assert "IMG" not in tags and "TABLE" in tags
            browser.picture(PICTURES / "without-scripts.png")
        finally:
            browser.scripts(True)
    browser.open(front.url())


def test_without_scripts_it_is_a_table(front, browser):
    front.start("web", "other")
    browser.scripts(False)
    try:
        browser.open(front.url("?html"))
        browser.wait(lambda: "at most 2" in rendered(browser), "the table")
        text = rendered(browser)
        for words in ("web", "other", "status", "running", "cgi, static", "with every worker", "Requests/s"):
            assert words in text
        browser.window(390, 844)
        browser.picture(PICTURES / "without-scripts-390.png")
    finally:
        browser.scripts(True)
    browser.open("about:blank")


def rendered(browser):
    """The texts that are laid out, of a page whose scripts do not run."""
    shot = browser.devtools("DOMSnapshot.captureSnapshot", computedStyles=[])
    return "\n".join(shot["strings"][i] for i in shot["documents"][0]["layout"]["text"] if i >= 0)


# ---------------------------------------------------------------- with made-up numbers


def test_sort_and_filter_by_keyboard(site, browser):
    queues = [3, 0, 41, 7, 0, 0, 12, 1]
    pools = [page_site.pool(i, listen_queue=queue) for i, queue in enumerate(queues)]
    site.answer = lambda query: pools
    browser.open(site.url())
    browser.wait(lambda: names(browser) == page_site.NAMES, "as configured")
    for _ in range(30):
        browser.press("Tab")
        if browser.focused() == "Queue":
            break
    assert browser.focused() == "Queue"
    sort = "return document.activeElement.parentNode.getAttribute('aria-sort')"
    browser.press("Enter")
    browser.wait(lambda: names(browser)[:4] == ["web", "status", "php-shop", "git"], "the longest queue first")
    assert (browser.run(sort), browser.focused()) == ("descending", "Queue")
    browser.press("Space")
    browser.wait(lambda: names(browser)[-1] == "web", "the longest queue last")
    assert browser.run(sort) == "ascending"
    # It goes on being sorted when the numbers change, and what has the focus keeps it.
    queues[:] = [0, 0, 0, 99, 0, 0, 0, 0]
    pools[:] = [page_site.pool(i, listen_queue=queue) for i, queue in enumerate(queues)]
    browser.wait(lambda: names(browser)[-1] == "php-shop", "sorted again")
    assert browser.focused() == "Queue"
    browser.press("Enter")
    browser.wait(lambda: names(browser) == page_site.NAMES, "as configured again")
    assert browser.run(sort) is None
    browser.press("/")
    assert browser.run("return document.activeElement.id") == "filter"
    browser.press(*"FASTcgi")
    browser.wait(lambda: names(browser) == ["cgit", "php-shop", "nagios", "mailman"], "the filter")
    assert browser.text("#counted") == "4 of 8 pools"
    browser.press(*" ondem")
    browser.wait(lambda: names(browser) == ["nagios"], "both words")
    browser.press(*"xyz")
    browser.wait(lambda: browser.text(".empty") == "No pool matches the filter.", "none")
    browser.press("Escape")
    browser.wait(lambda: len(names(browser)) == 8, "all again")
    browser.click(".plain")
    browser.wait(lambda: browser.text(".pulse").startswith("paused"), "it stands still")
    browser.click(".plain")
    browser.wait(lambda: browser.text(".pulse") == "live", "it goes on")
    # Opened by keyboard, and seen by those who do not see.
    for _ in range(40):
        if browser.focused() == "git":
            break
        browser.press("Tab")
    browser.press("Enter")
    browser.wait(lambda: "pm.max_requests" in (cell(browser, "git", ".detail") or ""), "the details")
    assert browser.run("return document.activeElement.getAttribute('aria-expanded')") == "true"
    browser.press("Enter")
    browser.wait(lambda: cell(browser, "git", ".detail") is None, "and closed")


def test_what_assistive_technology_is_told(site, browser):
    site.answer = lambda query: [page_site.pool(0), page_site.pool(1, state="failing", reason="no such program")]
    browser.open(site.url())
    browser.wait(lambda: len(names(browser)) == 2, "two pools")
    nodes = browser.devtools("Accessibility.getFullAXTree")["nodes"]
    told = [(n["role"]["value"], n.get("name", {}).get("value", "")) for n in nodes if not n["ignored"]]
    roles = [role for role, _ in told]
    assert roles.count("columnheader") == 9 and roles.count("rowheader") == 2
    assert ("table", "Pools") in told or ("grid", "Pools") in told
    assert ("image", "2 busy, 2 idle, at most 8") in told or ("img", "2 busy, 2 idle, at most 8") in told
    assert any(role == "searchbox" and name == "Filter" for role, name in told), told
    # A pool that fails is said once; what was so from the beginning is not.
    live = "return document.querySelector('[aria-live=polite]').textContent"
    assert browser.run(live) == ""
    site.answer = lambda query: [page_site.pool(0, state="failed", reason="user git is gone"), page_site.pool(1)]
    browser.wait(lambda: browser.run(live), "what is wrong is said")
    assert browser.run(live) == "pool git is failed. user git is gone pool cgit is well again."


def test_wrong_answers(site, browser):
    """Errors, rubbish, missing and mistyped members, counters that go back, a clock that jumps."""
    browser.away = True
    good = [page_site.pool(0, requests=5000), page_site.pool(1)]
    site.answer = lambda query: good
    browser.open(site.url("#open=git"))
    browser.wait(lambda: "Service time" in (cell(browser, "git", ".detail") or ""), "the page")
    for answer, words in ((lambda query: (503, b"too many"), "status 503"),
                          (lambda query: (200, b'{"pools": [{"po'), "unreadable answer")):
        site.answer = answer
        browser.wait(lambda: f"({words})" in browser.text(".pulse"), words, hurry=True)
    strange = {"pool": "git", "requests": "many", "listen queue": -1e999, "state": ["x"], "exits": 3, "limits": None,
               "request duration histogram": {"x": 1, "0.1": "y", "0.5": 4}, "processes": [None, 7, {"state": {}}]}
    site.answer = lambda query: (200, page_site.json.dumps(
        {"ganger": {"now": -5}, "pools": [None, 7, [], strange, {"pool": "__proto__"}, {}]}).encode()
        .replace(b"-Infinity", b"-1e999"))
    browser.wait(lambda: browser.text(".pulse") == "live", "what is strange is shown as unknown", hurry=True)
    assert cell(browser, "git", "td.queue .big") == "\u2013"
    assert cell(browser, "git", "td.state") == "unknown"
    assert "__proto__" in names(browser)
    bodies = [b"null", b"3", b"[]", b'{"pools": 3}', b""]
    before = site.replied
    site.answer = lambda query: (200, bodies[site.replied % len(bodies)])
    browser.wait(lambda: site.replied > before + len(bodies), "all of them", hurry=True)
    browser.wait(lambda: "(unreadable answer)" in browser.text(".pulse"), "nothing of it is taken", hurry=True)
    # It began anew: fewer requests than before are no negative number of them.
    less = [page_site.pool(0, requests=7, failed_requests=0), page_site.pool(1)]
    site.answer = lambda query: less
    browser.wait(lambda: browser.text(".pulse") == "live" and cell(browser, "git", "td.failed") == "0", "it recovers",
                 hurry=True)
    assert cell(browser, "git", "td.rate .big") in ("0", "1.5")
    assert "NaN" not in browser.text() and "undefined" not in browser.text()


def test_a_page_that_stood_still(site, browser):
    """Ten minutes later the numbers are old, which is nobody's fault, and what grew meanwhile did so in ten minutes."""
    given = []

    def count(query):
        given.append(given[-1] + 1 if given else 0)
        return [page_site.pool(0, failed_requests=given[-1])]
    site.answer = count
    browser.open(site.url())
    browser.wait(lambda: names(browser) == ["git"], "the pool")
    browser.run("""
        const ask = window.fetch;
        window.asking = 0;
        window.answers = 0;
        window.fetch = (...what) => {
          asking += 1;
          return ask(...what).finally(() => { asking -= 1; answers += 1; });
        };""")
    browser.wait(lambda: browser.run("return answers") > 0, "whatever is asked for is known of")
    browser.click(".plain")

    def rests():  # what was answered last is drawn, and nothing is asked for
        return browser.run("return asking") == 0 and cell(browser, "git", "td.failed span") == str(given[-1])
    browser.wait(rests, "it stands still")
    given[-1] += 600
    assert browser.run("""
        const real = performance.now.bind(performance);
        performance.now = () => real() + 600000;
        document.querySelector('.plain').click();
        return [document.documentElement.classList.contains('away'), document.querySelector('[aria-live]').textContent];
        """) == [False, ""]
    browser.wait(lambda: number(cell(browser, "git", "td.failed span")) > 600, "the next answer")
    assert 0 < number(cell(browser, "git", "td.failed .more").partition("/")[0]) <= 61


def test_an_address_with_more_in_it(site, browser):
    """A password, and words that a proxy may want to see: every question has them."""
    site.answer = lambda query: [page_site.pool(0), page_site.pool(1)]
    browser.open(site.url("?html&token=a%26b").replace("://", "://ada:secret@"))
    browser.wait(lambda: names(browser) == ["git", "cgit"], "the pools")
    assert site.asked and all("&token=a%26b" in query for query in site.asked)
    hrefs = browser.run("return [...document.querySelectorAll('footer a')].map((a) => a.getAttribute('href'))")
    assert hrefs == ["?text&full&token=a%26b", "?json&full&token=a%26b", "?openmetrics&token=a%26b"]


def test_one_pool(site, browser):
    """The page of one pool leads to what else there is of it, and knows the server's time."""
    began = 1_000_000_000
    one = page_site.pool(0, state="failing", reason="no such program", start_time=began, start_since=1000,
                         throttled_until=began + 1090)
    site.answer = lambda query: [one, page_site.pool(1)]
    browser.open(site.url("?html&pool=git#open=git"))
    browser.wait(lambda: cell(browser, "git", ".detail .reason") == "no such program; the next try in 90\u202fs", "when")
    assert names(browser) == ["git"]
    hrefs = browser.run("return [...document.querySelectorAll('header a, footer a')].map((a) => a.getAttribute('href'))")
    assert hrefs == ["?html", "?text&full&pool=git", "?json&full&pool=git", "?openmetrics&pool=git"]


def test_full_pools_are_told(site, browser):
    site.answer = lambda query: [page_site.pool(0), page_site.pool(1, listen_queue=511), page_site.pool(2, shedding=1),
                                 page_site.pool(3, listen_queue=600, state="failing", reason="no such user")]
    browser.open(site.url())
    browser.wait(lambda: len(names(browser)) == 4, "the pools")
    assert [line.split() for line in browser.texts(".pools b.state")] == \
        [["running"], ["queue", "full"], ["shedding"], ["failing"]]
    failing, *full = browser.texts(".alarms li")
    assert "no such user" in failing and "connections are refused" in full[0] and "answers 503" in full[1]


def test_many_alarms(site, browser):
    site.answer = lambda query: [page_site.pool(i, state="failing", reason=f"reason {i}") for i in range(8)]
    browser.open(site.url())
    browser.wait(lambda: len(names(browser)) == 8, "the pools")
    assert browser.texts(".alarms li")[5:] == ["and 3 pools more"]
    # Peaks of several pools are no peak of all.
    assert browser.texts(".figure")[1] == "Queue\n0\npeak of one pool 5"


def test_a_thousand_pools(site, browser):
    """Only lines that changed are touched, and workers are asked for one pool only."""
    pools = [page_site.pool(i, limit=5, requests=0) for i in range(1000)]
    site.answer = lambda query: pools
    browser.open(site.url())
    browser.wait(lambda: browser.text("#counted") == "1000 pools", "all of them")
    # A first answer makes rates of what follows, so wait until nothing changes any more.
    browser.run("""
        window.touched = new Set();
        new MutationObserver((list) => {
          for (const { target } of list) {
            const body = (target.nodeType === 1 ? target : target.parentElement)?.closest('tbody.pool');
            if (body && !(target.closest && target.closest('svg'))) touched.add(body.querySelector('.name').textContent);
          }
        }).observe(document.querySelector('table.pools'),
                   { subtree: true, childList: true, characterData: true, attributes: true });""")

    def rests():
        browser.run("touched.clear()")
        before = site.replied
        browser.wait(lambda: site.replied > before + 2, "two more answers", hurry=True)
        return browser.run("return [...touched]") == []
    browser.wait(rests, "nothing changes")
    pools[3] = page_site.pool(3, limit=5, requests=0, listen_queue=77)
    pools[700] = page_site.pool(700, limit=5, requests=0, state="failing", reason="gone")
    browser.wait(lambda: len(browser.run("return [...touched]")) == 2, "two lines are touched",
                 hurry=True)
    assert set(browser.run("return [...touched]")) == {"php-shop", "customer-0700"}
    assert all("full" not in query for query in site.asked)
    tips = browser.run("""
        return [...document.querySelector('tbody.pool .strip').children].map((cell) => {
          cell.dispatchEvent(new PointerEvent('pointerover', {bubbles: true}));
          return cell.title;
        });""")
    assert tips == ["busy", "busy", "idle", "idle", "not started"]
    browser.click(".alarms .name")
    browser.wait(lambda: "/usr/lib/customer-0700" in (cell(browser, "customer-0700", ".detail") or ""), "its workers")
    assert {query for query in site.asked if "full" in query} == {"json&full&pool=customer-0700"}
    browser.picture(PICTURES / "pools-1000.png")


def test_pictures(site, browser):
    """For a person's eye, in the build's folder; nothing stands out of the window anywhere."""
    many = [page_site.pool(i, limit=24 if i == 3 else 8, busy=24 if i == 3 else i % 4, requests=1000 * i,
                           listen_queue=18 if i == 3 else 0) for i in range(200)]
    many[4] = page_site.pool(4, busy=0, state="failing", reason="exec /usr/lib/cgi-bin/mapserv: No such file or "
                             "directory; its last words: cannot open /etc/mapserver.conf")
    wide, dark, phone, night = (1280, 900, False), (1280, 900, True), (390, 844, False), (390, 844, True)
    for name, pools, rest, windows in (("pools-0", [], "", [phone]),
                                       ("pools-1", many[:1], "#open=git", [wide, dark, night]),
                                       ("pools-8", many[:8], "", [wide, dark, phone, night]),
                                       ("pools-200", many, "", [wide, phone])):
        site.answer = lambda query, pools=pools: pools
        browser.window(1280)
        browser.open(site.url(rest))
        browser.wait(lambda: browser.text("#counted").startswith(str(len(pools))), "the pools")
        for width, height, late in windows:
            browser.window(width, height, late)
            browser.picture(PICTURES / f"{name}-{width}{'-dark' if late else ''}.png")
            assert browser.run("return document.documentElement.scrollWidth") == width
            if width == 390 and rest:  # what one line of the workers is like, all are
                edges = browser.run("return [...document.querySelectorAll('.detail .list td:first-child,"
                                    ".detail .list td.state, .detail .list td.long')].map((e) => "
                                    "[e.className, getComputedStyle(e).textAlign, getComputedStyle(e).paddingLeft])")
                assert {tuple(edge[1:]) for edge in edges} <= {("left", "0px"), ("start", "0px")}, edges
    browser.away = True
    site.answer = lambda query: None
    browser.wait(lambda: "no answer" in browser.text(".pulse"), "away", hurry=True)
    for width, height in ((1280, 900), (390, 844)):
        browser.window(width, height)
        browser.picture(PICTURES / f"away-{width}.png")
