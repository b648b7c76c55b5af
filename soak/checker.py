"""Judges an installation of Tenantry from outside: it speaks HTTP, shares no code with Tenantry, and keeps a model of its own.

usage: checker.py SITE.json      lines on standard input tell of faults: `begin NAME` before one, `end NAME` after it

It makes keys, revokes, rotates and changes them, suspends workspaces, removes people and changes their roles, and
meanwhile asks several times a millisecond who is let in. It ends with a report as JSON on standard output.
"""

import asyncio
import collections
import functools
import json
import random
import re
import sys
import time
from datetime import datetime, timezone

from model import YES, Fact, Key, Probe, Session, Tenant, verdict
from wire import Line, form, once, request

AHEAD = 6
LINES_A_NODE = 80
HOT_S = 6.0
# Two clocks are read one after the other.
CLOCK_S = 0.01
SHOWN_EACH = 10
KEYS_A_TENANT = 8
REFUSAL = frozenset({401})
SECRET = re.compile(rb"sk_(?:live|test)_[0-9A-Za-z]{60}")
ROLES = {
    "OWNER": {"orders:read", "orders:write", "products:read"},
    "MEMBER": {"orders:read", "orders:write"},
    "VIEWER": {"products:read"},
}
EVERY_SCOPE = ["orders:read", "orders:write", "products:read", "keys:read", "keys:manage", "members:read", "members:manage"]


class Checker:
    def __init__(self, site):
        self.site, self.chance = site, random.Random(site["seed"])
        self.nodes = [tuple(address) for address in site["nodes"]]
        self.tenants = [Tenant(tenant["slug"]) for tenant in site["tenants"]]
        self.hot, self.ended = collections.deque(maxlen=60), collections.deque(maxlen=400)
        self.faults, self.open_faults = [], {}
        self.counts = collections.defaultdict(collections.Counter)
        self.acts, self.wrong, self.late = collections.Counter(), [], []
        self.by_name = {tenant.slug: tenant for tenant in self.tenants}
        self.is_over = False

    # --- asking -----------------------------------------------------------------------------------------

    def host(self, label):
        return f"{label}.localhost:{self.site['port']}"

    def origin(self, label):
        return f"http://{self.host(label)}"

    async def call(self, method, label, path, headers=(), body=b"", seconds=60.0):
        """Until some node gives an answer that is one."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            address = self.chance.choice(self.nodes)
            answer = await once(address, request(method, self.host(label), path, headers, body))
            if answer is not None and answer.status not in (500, 502, 503, 504):
                return answer
            self.acts["tried again"] += 1
            await asyncio.sleep(0.1)
        raise SystemExit(f"{method} {path} on {label} found no node that answers for {seconds} s")

    async def page(self, jar, method, label, path, fields=None):
        """As a browser, with the cookies of each host."""
        cookies = jar.setdefault(label, {})
        headers = [("cookie", "; ".join(f"{name}={value}" for name, value in cookies.items()))] if cookies else []
        body = b""
        if fields is not None:
            body, kind = form(fields)
            headers += [kind, ("origin", self.origin(label))]
        answer = await self.call(method, label, path, headers + [("accept", "text/html")], body)
        for line in answer.headers(b"set-cookie"):
            name, value = line.split(";")[0].split("=", 1)
            cookies[name] = value
        return answer

    # --- the beginning ----------------------------------------------------------------------------------

    async def prepare(self):
        for tenant, said in zip(self.tenants, self.site["tenants"]):
            jar = await self.sign_in(said["owner"])
            tenant.makers = {mode: await self.first_key(jar, tenant, mode) for mode in ("live", "test")}
            answer = await self.call("GET", "api", "/-/api/v1/tenant", bearer(tenant.makers["live"].token))
            tenant.id = json.loads(answer.body)["id"]
            people = await self.people(tenant)
            for member in said["members"]:
                await self.hand_off(tenant, member, people[member["email"]])
            for _ in range(KEYS_A_TENANT):
                await self.make_key(tenant)
        self.operator = await self.sign_in(self.site["operator"])

    async def sign_in(self, email):
        jar = {}
        answer = await self.page(jar, "POST", "app", "/-/sign-in", [("email", email), ("password", self.site["password"])])
        assert answer.status == 303, (email, answer.status, answer.body)
        return jar

    async def first_key(self, jar, tenant, mode):
        """Made by the owner on the console; all others are made with it."""
        fields = [("name", "Soak"), ("expires", "30"), ("networks", "")] + [("scopes", scope) for scope in EVERY_SCOPE]
        answer = await self.page(jar, "POST", "app", f"/-/console/{tenant.slug}/{mode}/keys/new", fields)
        assert answer.status == 200, (answer.status, answer.body)
        token = SECRET.search(answer.body)[0].decode()
        listed = await self.call("GET", "api", "/-/api/v1/keys", bearer(token))
        made = [key["id"] for key in json.loads(listed.body)["data"] if key["name"] == "Soak"]
        assert len(made) == 1, listed.body
        return Key(tenant, mode, token, made[0], EVERY_SCOPE)

    async def people(self, tenant):
        answer = await self.call("GET", "api", "/-/api/v1/members", bearer(tenant.makers["live"].token))
        return {member["email"]: member["id"] for member in json.loads(answer.body)["data"]}

    async def hand_off(self, tenant, member, person):
        """From the central host to the workspace's own, as a browser goes."""
        jar = await self.sign_in(member["email"])
        asked = await self.page(jar, "GET", tenant.slug, "/-/sign-in?return_to=/")
        offered = await self.page(jar, "GET", "app", path_of(asked))
        arrived = await self.page(jar, "GET", tenant.slug, path_of(offered))
        code = re.search(rb'name="code" value="([^"]*)"', arrived.body)[1].decode()
        redeemed = await self.page(jar, "POST", tenant.slug, "/-/handoff", [("code", code)])
        assert redeemed.status == 303, (redeemed.status, redeemed.body)
        cookie = f"__Host-tenantry={jar[tenant.slug]['__Host-tenantry']}"
        tenant.sessions.append(Session(tenant, member["email"], cookie, person, member["role"]))

    # --- what is changed --------------------------------------------------------------------------------

    async def make_key(self, tenant, ends_in=None):
        mode = "live" if self.chance.random() < 0.7 else "test"
        scopes = self.chance.choice([["orders:read"], ["orders:read", "orders:write"], ["products:read"], ["orders:read", "keys:read"]])
        wanted = {"name": "Soak", "scopes": scopes}
        end = time.time() + ends_in if ends_in else None
        if end:
            wanted["expires_at"] = datetime.fromtimestamp(end, timezone.utc).isoformat(timespec="milliseconds")
        answer = await self.call("POST", "api", "/-/api/v1/keys", bearer(tenant.makers[mode].token), json.dumps(wanted).encode())
        if answer.status == 422 and end and end < time.time():
            return None  # it was to end before some node answered
        if answer.status != 201:
            return self.refused_act("make a key", answer, tenant)
        made = json.loads(answer.body)
        key = Key(tenant, mode, made["secret"], made["key"]["id"], scopes)
        if end:
            self.ends_at(key, made["key"]["expires_at"])
        tenant.keys.append(key)
        self.acts["keys made"] += 1
        return self.warm(key)

    def ends_at(self, key, said):
        """Nobody has to be told: each node looks at the time."""
        end = time.monotonic() + (moment(said) - time.time())
        key.works.begin(end - CLOCK_S, False)
        key.works.settle(end + CLOCK_S, False)
        key.is_over = True
        asyncio.get_running_loop().call_later(max(0.0, end - time.monotonic()), self.bury, key)

    def bury(self, key):
        if key in key.tenant.keys:
            key.tenant.keys.remove(key)
        self.ended.append(key)
        self.warm(key)

    def warm(self, subject):
        self.hot.append((time.monotonic(), subject))
        return subject

    async def revoke(self, key):
        key.is_over = True
        key.works.begin(time.monotonic(), False)
        self.warm(key)
        answer = await self.call("DELETE", "api", f"/-/api/v1/keys/{key.id}", bearer(key.tenant.makers[key.mode].token))
        if answer.status != 200:
            return self.refused_act("revoke a key", answer, key.tenant)
        key.works.settle(self.until(answer), False)
        self.acts["keys revoked"] += 1
        self.bury(key)

    async def rotate(self, key):
        overlap = self.chance.choice([0, 0, 2, 4])
        sent, body = time.monotonic(), json.dumps({"overlap_s": overlap}).encode()
        key.works.begin(sent, False)
        key.is_over = True
        path, maker = f"/-/api/v1/keys/{key.id}/rotate", key.tenant.makers[key.mode]
        answer = await self.call("POST", "api", path, bearer(maker.token), body)
        if answer.status != 201:
            # An answer that got lost has rotated it: what becomes of it is unknown until it is revoked.
            self.acts["rotations whose answer was lost"] += 1
            return await self.revoke(key)
        said = json.loads(answer.body)
        successor = Key(key.tenant, key.mode, said["secret"], said["key"]["id"], key.scopes)
        successor.is_at_home.spans = list(key.is_at_home.spans)
        key.tenant.keys.append(successor)
        self.warm(successor)
        self.acts["keys rotated"] += 1
        if overlap == 0:
            key.works.settle(self.until(answer), False)
            self.bury(key)
        else:
            key.works.settle(time.monotonic(), True)
            self.ends_at(key, said["predecessor"]["expires_at"])

    async def bind(self, key):
        """To a network that nobody here comes from, and back."""
        is_at_home = not key.is_at_home.now()[-1]
        key.is_at_home.begin(time.monotonic(), is_at_home)
        self.warm(key)
        body = json.dumps({"allowed_networks": [] if is_at_home else ["192.0.2.0/24"]}).encode()
        path = f"/-/api/v1/keys/{key.id}"
        answer = await self.call("PATCH", "api", path, bearer(key.tenant.makers[key.mode].token), body)
        if answer.status != 200:
            return self.refused_act("bind a key", answer, key.tenant)
        key.is_at_home.settle(self.until(answer), is_at_home)
        self.acts["networks changed"] += 1

    async def change_role(self, session):
        role = "VIEWER" if session.role.now()[-1] == "MEMBER" else "MEMBER"
        session.role.begin(time.monotonic(), role)
        self.warm(session)
        path, body = f"/-/api/v1/members/{session.person}", json.dumps({"role": role}).encode()
        answer = await self.call("PATCH", "api", path, bearer(session.tenant.makers["live"].token), body)
        if answer.status != 200:
            return self.refused_act("change a role", answer, session.tenant)
        session.role.settle(self.until(answer), role)
        self.acts["roles changed"] += 1

    async def remove(self, session):
        session.role.begin(time.monotonic(), None)
        self.warm(session)
        path = f"/-/api/v1/members/{session.person}"
        answer = await self.call("DELETE", "api", path, bearer(session.tenant.makers["live"].token))
        # 404: an answer got lost, and they are gone. Nobody told how far that has come.
        if answer.status not in (200, 404):
            return self.refused_act("remove a member", answer, session.tenant)
        until = self.until(answer) if answer.status == 200 else self.at_the_latest()
        session.role.settle(until, None)
        self.acts["members removed"] += 1

    async def stop_and_serve(self, tenant):
        await self.set_served(tenant, False)
        await asyncio.sleep(self.chance.uniform(1.0, 4.0))
        await self.set_served(tenant, True)

    async def set_served(self, tenant, is_served):
        tenant.served.begin(time.monotonic(), is_served)
        self.warm(tenant)
        path = f"/-/operator/tenants/{tenant.id}/" + ("reactivate" if is_served else "suspend")
        fields = [] if is_served else [("reason", "soak"), ("confirm", tenant.slug)]
        answer = await self.page(self.operator, "POST", "app", path, fields)
        # 409: an answer got lost, and it is so already.
        if answer.status not in (303, 409):
            return self.refused_act("suspend or reactivate", answer, tenant)
        # A page does not say how far the change has come.
        is_calm = answer.status == 303 and self.is_calm()
        tenant.served.settle(time.monotonic() if is_calm else self.at_the_latest(), is_served)
        self.acts["workspaces reactivated" if is_served else "workspaces suspended"] += 1

    def until(self, answer):
        """From when on nobody believes what was before: at once, or as the answer says."""
        reach = json.loads(answer.body).get("reach")
        now = time.monotonic()
        if reach is None:
            return self.at_the_latest()
        if reach.get("lapsed"):
            self.acts["changes that some node had not heard of when they returned"] += 1
        end = reach.get("may_accept_until")
        return now if end is None else now + moment(end) - time.time() + CLOCK_S

    def at_the_latest(self):
        return time.monotonic() + self.site["grace_s"] + 2.0

    def is_calm(self):
        """Whether no fault is so near that a node may still serve without a database."""
        before = time.monotonic() - self.site["grace_s"] - 5.0
        return not self.open_faults and not any(end > before for _, end, _ in self.faults)

    def refused_act(self, what, answer, tenant):
        """Nobody refuses these but for a stopped workspace."""
        if not (answer.status == 403 and False in tenant.served.possible(time.monotonic() - 60, time.monotonic())):
            self.blame("act: " + what, f"{answer.status} {answer.body[:300]!r}")

    # --- who does it ------------------------------------------------------------------------------------

    async def now_and_then(self, every, act):
        while not self.is_over:
            await asyncio.sleep(self.chance.uniform(0.5, 1.5) * every)
            await act()

    def keys_to_change(self):
        return [key for tenant in self.tenants if tenant.served.now() == (True,) for key in tenant.keys if not key.is_over and not key.is_busy]

    async def turn_of_keys(self):
        keys = self.keys_to_change()
        if not keys:
            return
        key = self.chance.choice(keys)
        act = self.chance.choices([self.revoke, self.rotate, self.bind, self.bind], [4, 3, 1, 1])[0]
        key.is_busy = True
        await act(key)
        key.is_busy = False

    async def turn_of_makers(self):
        served = [tenant for tenant in self.tenants if tenant.served.now() == (True,)]
        tenant = min(served, key=lambda tenant: len(tenant.keys))
        if len(tenant.keys) < 3 * KEYS_A_TENANT:
            await self.make_key(tenant, self.chance.choice([None, None, 3.0, 6.0]))

    async def turn_of_people(self):
        sessions = [s for t in self.tenants if t.served.now() == (True,) for s in t.sessions if s.role.now()[-1]]
        if sessions and (len(sessions) < 8 or self.chance.random() < 0.75):
            await self.change_role(self.chance.choice(sessions))
        elif sessions:
            await self.remove(self.chance.choice(sessions))

    async def turn_of_workspaces(self):
        await self.stop_and_serve(self.chance.choice(self.tenants[-3:]))

    # --- what is asked ----------------------------------------------------------------------------------

    def pick(self):
        chance = self.chance.random()
        if chance < 0.30 and self.hot:
            at, subject = self.hot[-1 - min(len(self.hot) - 1, int(self.chance.expovariate(0.3)))]
            if time.monotonic() - at < HOT_S:
                return self.about(subject)
        for weight, make in PROBES:
            chance -= weight
            if chance < 0.30:
                return make(self)
        return self.key_probe(self.any_key())

    def about(self, subject):
        if isinstance(subject, Key):
            return self.key_probe(subject)
        if isinstance(subject, Session):
            return self.session_probe(subject)
        return self.tenant_probe(subject)

    def any_tenant(self):
        return self.chance.choice(self.tenants)

    def any_key(self):
        tenant = self.any_tenant()
        return self.chance.choice(tenant.keys) if tenant.keys else tenant.makers["live"]

    def any_session(self):
        return self.chance.choice(self.any_tenant().sessions)

    def tenant_probe(self, tenant):
        made = self.chance.choice([self.public_probe, self.session_probe, self.key_probe])
        if made == self.public_probe:
            return self.public_probe(tenant)
        return made(self.chance.choice(tenant.sessions if made == self.session_probe else tenant.keys or [tenant.makers["live"]]))

    def key_probe(self, key, label=None, kind="key", route=None):
        """A key at its own workspace's host, its test host or the API's."""
        method, path, scope = route or self.chance.choice(KEY_ROUTES if self.chance.random() < 0.3 else routes_of(key.scopes))
        own = f"{key.tenant.slug}--test" if key.mode == "test" else key.tenant.slug
        label = label or self.chance.choice([key.tenant.slug, own, "api"])
        of_host = self.by_name.get(label.removesuffix("--test"))
        is_missing = scope is not None and scope not in key.scopes
        is_elsewhere = of_host is not None and of_host is not key.tenant
        is_otherwise = label.endswith("--test") and key.mode == "live"

        def judge(is_served, works, is_at_home, host_served):
            if not host_served:
                return frozenset({403})
            statuses = set()
            if not is_served:
                # 401: it was suspended while the key was read.
                statuses |= {401, 403}
            if not works:
                statuses.add(401)
            if not is_at_home:
                statuses.add(403)
            if not statuses and (is_elsewhere or is_otherwise):
                statuses.add(404)
            if not statuses and is_missing:
                statuses.add(403)
            return frozenset(statuses) or YES

        name = "key, another workspace's host" if is_elsewhere else "live key, test host" if is_otherwise else kind
        if name == "key":
            name = "key without the scope" if is_missing else f"{key.mode} key"
        saw = f"{key.tenant.slug}|{key.mode}|api_key|{key.id}" if not path.startswith("/-/") else None
        bytes = request(method, self.host(label), path, bearer(key.token))
        served = of_host.served if of_host else ALWAYS
        return Probe(name, bytes, (key.tenant.served, key.works, key.is_at_home, served), judge, saw)

    def foreign_key_probe(self):
        key, other = self.any_key(), self.any_tenant()
        return self.key_probe(key, other.slug)

    def wrong_mode_probe(self):
        key = self.any_key()
        return self.key_probe(key, f"{key.tenant.slug}--test")

    def ended_key_probe(self):
        return self.key_probe(self.chance.choice(self.ended), kind="key that has ended") if self.ended else self.key_probe(self.any_key())

    def made_up_key_probe(self):
        key = self.any_key()
        at = self.chance.randrange(40, len(key.token))
        other = "a" if key.token[at] != "a" else "b"
        bytes = request("GET", self.host("api"), "/api/orders", bearer(key.token[:at] + other + key.token[at + 1 :]))
        return Probe("key with a wrong letter", bytes, (), lambda: REFUSAL)

    def own_probe(self):
        """The management API, under the same guards."""
        return self.key_probe(self.any_key(), route=("GET", "/-/api/v1/keys", "keys:read"), kind="management API", label="api")

    def session_probe(self, session, origin="own", label=None):
        method, path, permission = self.chance.choice(KEY_ROUTES if origin == "own" else KEY_ROUTES[-1:])
        label = label or session.tenant.slug
        of_host = self.by_name[label]
        headers = [("cookie", session.cookie)]
        if method != "GET":
            headers += {"own": [("origin", self.origin(label))], "foreign": [("origin", "http://evil.example")]}.get(origin, [])
        has_origin = method == "GET" or origin == "own"
        is_elsewhere = of_host is not session.tenant

        def judge(host_served, role):
            if not host_served or not has_origin:
                return frozenset({403})
            if role is None or is_elsewhere:
                return REFUSAL
            return YES if permission is None or permission in ROLES[role] else frozenset({403})

        kind = "session" if method == "GET" else "session that changes something"
        kind = {"none": "session without Origin", "foreign": "session, foreign Origin"}.get(origin, kind)
        kind = "session, another workspace's host" if is_elsewhere else kind
        saw = f"{session.tenant.slug}|live|session|{session.person}"
        return Probe(kind, request(method, self.host(label), path, headers), (of_host.served, session.role), judge, saw)

    def any_session_probe(self):
        return self.session_probe(self.any_session())

    def no_origin_probe(self):
        return self.session_probe(self.any_session(), self.chance.choice(["none", "none", "foreign"]))

    def foreign_session_probe(self):
        return self.session_probe(self.any_session(), label=self.any_tenant().slug)

    def nobody_probe(self):
        tenant = self.any_tenant()
        bytes = request("GET", self.host(tenant.slug), "/api/orders")
        judge = lambda is_served: REFUSAL if is_served else frozenset({403})
        return Probe("nobody", bytes, (tenant.served,), judge)

    def public_probe(self, tenant=None):
        tenant = tenant or self.any_tenant()
        bytes = request("GET", self.host(tenant.slug), "/api/status")
        judge = lambda is_served: YES if is_served else frozenset({403})
        return Probe("public route", bytes, (tenant.served,), judge, f"{tenant.slug}|live|anonymous|anonymous")

    def nowhere_probe(self):
        label = self.chance.choice(["nobody", "no-such-place", f"made-up-{self.chance.randrange(50)}"])
        return Probe("host of nobody", request("GET", self.host(label), "/api/status"), (), lambda: frozenset({404}))

    def no_route_probe(self):
        tenant = self.any_tenant()
        bytes = request("GET", self.host(tenant.slug), "/api/secrets", bearer(tenant.makers["live"].token))
        judge = lambda is_served: frozenset({404 if is_served else 403})
        return Probe("path without a route", bytes, (tenant.served,), judge)

    def cron_probe(self):
        is_right = self.chance.random() < 0.6
        secret = self.site["cron_secret"] if is_right else "not-the-secret-of-the-scheduler"
        bytes = request("POST", self.host("api"), "/api/cron/nightly", bearer(secret))
        return Probe("cron secret" if is_right else "wrong cron secret", bytes, (), lambda: YES if is_right else REFUSAL)

    # --- lines ------------------------------------------------------------------------------------------

    async def clients(self, node, pause):
        """At their own pace: whoever waits keeps nobody else from asking, so that a node that stands still is asked on."""
        free, at_work, next_at = [], set(), time.monotonic() + self.chance.random() * pause
        while not self.is_over:
            next_at = max(next_at + pause, time.monotonic() - 5 * pause)
            await asyncio.sleep(max(0.0, next_at - time.monotonic()))
            if len(at_work) < LINES_A_NODE:
                task = asyncio.create_task(self.client(node, free))
                at_work.add(task)
                task.add_done_callback(at_work.discard)
        await asyncio.gather(*at_work)

    async def client(self, node, free):
        line = free.pop() if free else await self.connect(node)
        if line is None or not line.is_open:
            return
        await self.batch(node, line)
        if line.is_open:
            free.append(line)

    async def connect(self, node):
        try:
            return await Line.to(self.nodes[node])
        except (OSError, asyncio.TimeoutError):
            is_near = self.open_faults or any(time.monotonic() - end < 1.0 for _, end, _ in self.faults)
            if not self.site["busy"] and not is_near:
                self.blame("a node takes no connection", f"node {node}")
            return None

    async def batch(self, node, line):
        probes = [self.pick() for _ in range(AHEAD)]
        sent = time.monotonic()
        answers = await line.ask([probe.bytes for probe in probes])
        answered = time.monotonic()
        for probe, answer in zip(probes, answers):
            self.judge(node, probe, answer, sent, answered)
        if len(answers) < len(probes):
            line.close()
            for probe in probes[len(answers) :]:
                self.excuse(node, probe, "unanswered", sent, answered)

    def judge(self, node, probe, answer, sent, answered):
        found = verdict(probe, answer, sent, answered)
        if found == "unavailable":
            return self.excuse(node, probe, f"unavailable {answer.status}", sent, answered)
        self.counts[probe.kind][found] += 1
        if found not in ("admitted", "refused"):
            self.blame(found, self.tell(node, probe, answer, sent, answered))

    def excuse(self, node, probe, what, sent, answered):
        near = [name for begin, end, name in self.faults if begin <= answered and sent <= end] + list(self.open_faults)
        # An app that fails is no reason not to refuse.
        is_excused = any(not name.startswith("the app") for name in near) or (near and YES in probe.expected(sent, answered))
        self.counts[probe.kind]["unavailable"] += 1
        if not is_excused and not self.site["busy"]:
            self.blame("unavailable without a fault", f"node {node} {probe.kind}: {what} after {answered - sent:.3f} s at {self.clock(answered)}")

    def tell(self, node, probe, answer, sent, answered):
        line = probe.bytes.split(b"\r\n\r\n")[0].replace(b"\r\n", b" ")
        facts = [[(f"{at - self.began:.3f}", values) for at, values in fact.spans[-4:]] for fact in probe.facts]
        saw = (answer.header(b"x-saw"), probe.saw)
        return f"node {node} {probe.kind}: {answer.status} {answer.body[:200]!r} saw {saw} sent {sent - self.began:.4f} answered {answered - self.began:.4f} facts {facts} {line[:60]!r} faults {list(self.open_faults)}"

    def blame(self, what, told):
        self.counts["wrong"][what] += 1
        if self.counts["wrong"][what] <= SHOWN_EACH:
            self.wrong.append(f"{what}: {told}")
            print(f"checker: WRONG {what}: {told}", file=sys.stderr, flush=True)

    def clock(self, at):
        return f"{at - self.began:.2f} s"

    # --- the run ----------------------------------------------------------------------------------------

    async def hear(self):
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        while line := await reader.readline():
            word, name = line.decode().strip().split(" ", 1)
            if word == "begin":
                self.open_faults[name] = time.monotonic()
            else:
                self.faults.append((self.open_faults.pop(name), time.monotonic(), name))
            say({"heard": word})

    async def tell_progress(self):
        while True:
            await asyncio.sleep(10.0)
            print(f"checker: {time.monotonic() - self.began:.0f} s, {self.decisions()} decisions, {self.wrongs()} wrong", file=sys.stderr, flush=True)

    def decisions(self):
        rows = [count for kind, count in self.counts.items() if kind != "wrong"]
        return sum(sum(count.values()) - count["unavailable"] for count in rows)

    def wrongs(self):
        return sum(self.counts["wrong"].values())

    async def run(self):
        self.began = time.monotonic()
        await self.prepare()
        self.began = time.monotonic()
        say({"ready": True})
        hands = [(0.5, self.turn_of_keys), (0.7, self.turn_of_makers), (2.0, self.turn_of_people), (7.0, self.turn_of_workspaces)]
        pause = len(self.nodes) * AHEAD / self.site["rate"]
        tasks = [self.hear(), self.tell_progress()]
        tasks += [self.now_and_then(every, act) for every, act in hands for _ in range(2 if every < 1 else 1)]
        tasks += [self.clients(node, pause) for node in range(len(self.nodes))]
        tasks = [asyncio.create_task(task) for task in tasks]
        ended, _ = await asyncio.wait(tasks, timeout=self.site["seconds"], return_when=asyncio.FIRST_EXCEPTION)
        for task in ended:
            task.result()
        self.is_over = True
        kinds = {kind: count for kind, count in self.counts.items() if kind != "wrong"}
        lasted = time.monotonic() - self.began
        say({"seconds": lasted, "kinds": kinds, "wrong": self.counts["wrong"], "told": self.wrong, "acts": self.acts, "decisions": self.decisions()})


ALWAYS = Fact(True)
# Method, path, and what it takes. The last one changes something.
KEY_ROUTES = [
    ("GET", "/api/orders", "orders:read"),
    ("GET", "/api/products", "products:read"),
    ("GET", "/api/whoami", None),
    ("POST", "/api/orders", "orders:write"),
]
# Of the seven tenths that are not about what was changed last.
PROBES = [
    (0.25, lambda checker: checker.key_probe(checker.any_key())),
    (0.06, Checker.foreign_key_probe),
    (0.05, Checker.wrong_mode_probe),
    (0.06, Checker.ended_key_probe),
    (0.02, Checker.made_up_key_probe),
    (0.11, Checker.any_session_probe),
    (0.03, Checker.no_origin_probe),
    (0.03, Checker.foreign_session_probe),
    (0.02, Checker.nobody_probe),
    (0.03, Checker.public_probe),
    (0.01, Checker.nowhere_probe),
    (0.01, Checker.no_route_probe),
    (0.015, Checker.cron_probe),
    (0.005, Checker.own_probe),
]


@functools.cache
def routes_of(scopes):
    return [route for route in KEY_ROUTES if route[2] is None or route[2] in scopes]


def bearer(token):
    return [("authorization", f"Bearer {token}"), ("content-type", "application/json")]


def path_of(answer):
    location = answer.header(b"location")
    assert answer.status == 303 and location, (answer.status, answer.body[:500])
    return "/" + location.split("//", 1)[1].split("/", 1)[1] if "//" in location else location


def moment(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def say(what):
    print(json.dumps(what), flush=True)


with open(sys.argv[1], encoding="utf-8") as file:
    asyncio.run(Checker(json.load(file)).run())
