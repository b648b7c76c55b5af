"""Starts what the soak needs, breaks it by a seeded schedule, and writes down what the checker found.

usage: stage.py TENANTRY [--seconds 600] [--seed 1] [--rate 2600] [--report FILE] [--busy] [--expect-wrong]

TENANTRY is the program. PostgreSQL comes from the distribution's packages. With --expect-wrong the run succeeds when
the checker found something wrong: a program with a planted fault.
"""

import argparse
import asyncio
import base64
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from installation import CRON_SECRET, PORT, SOCKET, Database, Node, Way, knows, plan

HERE = Path(__file__).resolve().parent
PASSWORD = "plum orbit kettle seven"
# How long each node serves from memory while the database is down. One that does not is judged strictly when it was paused.
GRACES_S = [10, 0, 0]
TENANTS, MEMBERS = 6, 14
# How long an installation may need to be itself again.
AFTER_NODE_S, AFTER_DATABASE_S, AFTER_APP_S = 2.0, 4.0, 1.0

CONFIG = """
[app]
name = "Soak"
[permissions]
"orders:read" = "See orders"
"orders:write" = "Place orders"
"products:read" = "See products"
[roles.OWNER]
owner = true
permissions = ["orders:read", "orders:write", "products:read", "keys:read", "keys:manage", "members:read", "members:manage", "tenant:manage"]
[roles.ADMIN]
permissions = ["orders:read", "orders:write", "products:read", "keys:read", "keys:manage", "members:read", "members:manage"]
[roles.MEMBER]
permissions = ["orders:read", "orders:write"]
[roles.VIEWER]
permissions = ["products:read"]
[[routes]]
path = "/api/orders"
methods = ["GET"]
guard = ["session", "key"]
permission = "orders:read"
[[routes]]
path = "/api/orders"
methods = ["POST"]
guard = ["session", "key"]
permission = "orders:write"
[[routes]]
path = "/api/products"
guard = ["session", "key"]
permission = "products:read"
[[routes]]
path = "/api/whoami"
guard = ["session", "key"]
[[routes]]
path = "/api/status"
guard = "public"
public_because = "It says only whether the app is up"
[[routes]]
path = "/api/cron/nightly"
methods = ["POST"]
guard = "cron"
[listen]
address = "127.0.0.1:{listen}"
threads = 1
[hosts]
base = "localhost"
scheme = "http"
port = {port}
[upstream]
url = "unix:{app}"
response_timeout_ms = 2000
[sessions]
access_minutes = 60
[passwords]
memory_kib = 7168
iterations = 5
[database]
max_connections = 6
outage_grace_s = {grace}
[mail]
from = "Soak <no-reply@example.com>"
[security_txt]
contact = "mailto:security@example.com"
expires = "2999-01-01T00:00:00Z"
"""


def say(line):
    print(f"soak: {line}", file=sys.stderr, flush=True)


class Child:
    """A Python program that takes a line and answers with one."""

    @classmethod
    async def start(cls, *arguments):
        self = cls()
        pipe = asyncio.subprocess.PIPE
        self.process = await asyncio.create_subprocess_exec(sys.executable, *map(str, arguments), stdin=pipe, stdout=pipe, limit=1 << 24)
        return self

    async def tell(self, line):
        self.process.stdin.write(line.encode() + b"\n")
        await self.process.stdin.drain()
        return await self.hear()

    async def hear(self):
        line = await self.process.stdout.readline()
        if not line:
            raise SystemExit(f"soak: a helper ended early with {await self.process.wait()}")
        return line.decode().strip()


class Stage:
    def __init__(self, wanted, place):
        self.wanted, self.place, self.chance = wanted, place, random.Random(wanted.seed)
        self.done = []

    async def open(self):
        place = self.place
        self.database = Database(place)
        self.database.start()
        app = place / "app.sock"
        self.app = await Child.start(HERE / "app.py", app)
        await self.app.hear()
        # Who asks for what must be refused, all the time and from one address, would be blocked for it.
        shadow = '[offenders]\nmode = "shadow"\n' if knows("offenders") else ""
        config = lambda grace: shadow + CONFIG.replace("{port}", str(PORT)).replace("{app}", str(app)).replace("{grace}", str(grace))
        self.nodes = [Node(self.wanted.tenantry, place, f"node{n}", config(grace)) for n, grace in enumerate(GRACES_S)]
        environment = plan(self.database, self.nodes[0])
        self.nodes[0].environment = environment
        self.nodes[0].run("migrate")
        self.people = self.populate(self.nodes[0])
        for node in self.nodes:
            node.way = Way(self.database, place, f"{node.name}-sockets")
            await node.way.open()
            node.environment = node.way.environment(environment, self.database)
            node.start()
        await asyncio.gather(*(node.ready() for node in self.nodes))

    def populate(self, node):
        """Workspaces with owners and members whose password is known; one of platform staff."""
        slugs = [f"tenant-{letter}" for letter in "abcdef"[:TENANTS]]
        config = ["--config", str(node.file)]
        owners = [{"email": f"owner@{slug}.example"} for slug in slugs] + [{"email": "staff@soak.example"}]
        self.bring_in(node, owners)
        for slug in slugs:
            node.run("tenants", "create", "--slug", slug, "--name", slug.title(), "--owner", f"owner@{slug}.example", *config)
        node.run("operators", "grant", "staff@soak.example", *config)
        members = [{"email": f"m{n}@{slug}.example", "workspace": slug, "role": "MEMBER"} for slug in slugs for n in range(MEMBERS)]
        self.bring_in(node, members)
        of = lambda slug: [{"email": m["email"], "role": m["role"]} for m in members if m["workspace"] == slug]
        return [{"slug": slug, "owner": f"owner@{slug}.example", "members": of(slug)} for slug in slugs]

    def bring_in(self, node, people):
        ab64 = lambda raw: base64.b64encode(raw).decode().rstrip("=").replace("+", ".")
        salt = b"salt of the soak"
        tag = hashlib.pbkdf2_hmac("sha256", PASSWORD.encode(), salt, 1000)
        known = {"name": "Somebody", "email_verified": True, "password_hash": f"$pbkdf2-sha256$1000${ab64(salt)}${ab64(tag)}"}
        file = self.place / "people.jsonl"
        file.write_text("".join(json.dumps(known | person) + "\n" for person in people), encoding="utf-8")
        node.run("people", "import", str(file), "--config", str(node.file))

    # --- faults -----------------------------------------------------------------------------------------

    async def pause(self):
        node = self.chance.choice(self.nodes)
        length = self.chance.uniform(1.5, 4.0)
        node.process.send_signal(signal.SIGSTOP)
        await asyncio.sleep(length)
        node.process.send_signal(signal.SIGCONT)
        await asyncio.sleep(AFTER_NODE_S)

    async def kill(self):
        node = self.chance.choice(self.nodes)
        node.process.kill()
        node.process.wait()
        await asyncio.sleep(self.chance.uniform(0.2, 2.0))
        node.start()
        await node.ready()
        await asyncio.sleep(AFTER_NODE_S)

    async def part(self):
        """One node hears nothing; the others go on, and revoke."""
        node = self.chance.choice(self.nodes)
        node.way.carries.clear()
        await asyncio.sleep(self.chance.uniform(2.0, 5.0))
        node.way.carries.set()
        await asyncio.sleep(AFTER_DATABASE_S)

    async def slow_database(self):
        for node in self.nodes:
            node.way.delay_s = self.chance.uniform(0.05, 0.4)
        await asyncio.sleep(self.chance.uniform(2.0, 5.0))
        for node in self.nodes:
            node.way.delay_s = 0.0
        await asyncio.sleep(AFTER_DATABASE_S)

    async def restart_database(self):
        await asyncio.to_thread(self.database.stop)
        await asyncio.sleep(self.chance.uniform(0.2, 2.5))
        await asyncio.to_thread(self.database.start)
        await asyncio.sleep(AFTER_DATABASE_S)

    async def crash_database(self):
        await asyncio.to_thread(self.database.stop, signal.SIGQUIT)
        await asyncio.to_thread(self.database.start)
        await asyncio.sleep(AFTER_DATABASE_S)

    def follow(self):
        """Before it fails over, which begins nothing that a node could notice."""
        self.follower = Database(self.place, f"-{len(self.done)}", self.database)
        self.follower.start()
        self.database.awaits_its_follower()

    async def fail_over(self):
        before = self.database
        await asyncio.to_thread(before.stop, signal.SIGQUIT)
        await asyncio.sleep(self.chance.uniform(0.0, 1.0))
        await asyncio.to_thread(self.follower.promote)
        self.database = self.follower
        for node in self.nodes:
            node.way.target = self.database.sockets / SOCKET
        await asyncio.to_thread(shutil.rmtree, before.data)
        await asyncio.sleep(AFTER_DATABASE_S)

    async def cut_connections(self):
        cut = "select count(pg_terminate_backend(pid)) from pg_stat_activity where usename like 'tenantry%'"
        for _ in range(self.chance.randint(1, 4)):
            await asyncio.to_thread(self.database.sql, cut)
            await asyncio.sleep(self.chance.uniform(0.05, 0.5))
        await asyncio.sleep(AFTER_DATABASE_S)

    async def end_app(self):
        await self.app.tell("dead")
        await asyncio.sleep(self.chance.uniform(0.5, 3.0))
        await self.app.tell("well")
        await asyncio.sleep(AFTER_APP_S)

    async def slow_app(self):
        await self.app.tell("slow")
        await asyncio.sleep(self.chance.uniform(2.0, 4.0))
        await self.app.tell("well")
        # What it holds back goes out yet, and connections that Tenantry gave up on are made anew.
        await asyncio.sleep(AFTER_APP_S + 4.0)

    async def faults(self, checker):
        """Each kind once in every round, in an order of chance, with calm between them."""
        kinds = {
            "a node stands still (SIGSTOP)": self.pause,
            "a node is killed (SIGKILL) and started": self.kill,
            "a node hears nothing of PostgreSQL": self.part,
            "PostgreSQL is slow": self.slow_database,
            "PostgreSQL is restarted": self.restart_database,
            "PostgreSQL crashes": self.crash_database,
            "PostgreSQL fails over to a follower": self.fail_over,
            "connections to PostgreSQL are cut": self.cut_connections,
            "the app is dead": self.end_app,
            "the app is slow": self.slow_app,
        }
        kinds = {name: fault for name, fault in kinds.items() if self.wanted.faults is None or self.wanted.faults and self.wanted.faults in name}
        began, queue = time.monotonic(), []
        if not kinds:
            return
        while True:
            if not queue:
                queue = self.chance.sample(sorted(kinds), len(kinds))
            name = queue.pop()
            await asyncio.sleep(self.chance.uniform(2.0, 8.0))
            if time.monotonic() - began > self.wanted.seconds - 12.0:
                return
            if kinds[name] == self.fail_over:
                await asyncio.to_thread(self.follow)
            at = time.monotonic() - began
            await checker.tell(f"begin {name}")
            await kinds[name]()
            await checker.tell(f"end {name}")
            self.done.append((at, time.monotonic() - began, name))
            say(f"{at:.1f} s to {self.done[-1][1]:.1f} s: {name}")

    # --- the run ----------------------------------------------------------------------------------------

    async def run(self):
        await self.open()
        wanted = self.wanted
        site = {
            "nodes": [["127.0.0.1", node.port] for node in self.nodes], "port": PORT, "tenants": self.people,
            "operator": "staff@soak.example", "password": PASSWORD, "cron_secret": CRON_SECRET,
            "seconds": wanted.seconds, "rate": wanted.rate, "seed": wanted.seed, "grace_s": max(GRACES_S),
            "busy": wanted.busy,
        }  # fmt: skip
        file = self.place / "site.json"
        file.write_text(json.dumps(site), encoding="utf-8")
        checker = await Child.start(HERE / "checker.py", file)
        await checker.hear()
        say(f"{len(self.nodes)} nodes serve, the checker begins: {wanted.seconds} s, seed {wanted.seed}")
        await self.faults(checker)
        found = json.loads(await checker.hear())
        for child in (checker, self.app):
            child.process.stdin.close()
            await child.process.wait()
        return found

    def close(self):
        for node in getattr(self, "nodes", []):
            if getattr(node, "process", None) and node.process.poll() is None:
                node.process.kill()
                node.process.wait()
        for database in (getattr(self, "database", None), getattr(self, "follower", None)):
            if database and getattr(database, "process", None) and database.process.poll() is None:
                database.stop(signal.SIGQUIT)


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("tenantry")
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rate", type=float, default=2600)
    parser.add_argument("--report")
    parser.add_argument("--keep", action="store_true", help="keep the directory with logs and configurations")
    parser.add_argument("--busy", action="store_true", help="the machine does other things too: a 503 outside of a fault is not wrong")
    parser.add_argument("--faults", help="only those whose names have this word; none: ''")
    parser.add_argument("--expect-wrong", action="store_true")
    return parser.parse_args()


def main():
    wanted = arguments()
    # So that whoever ends it early leaves nothing behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    place = Path(tempfile.mkdtemp(prefix="tenantry-soak-"))
    os.chmod(place, 0o755)
    stage = Stage(wanted, place)
    try:
        found = asyncio.run(stage.run())
    finally:
        stage.close()
        shutil.rmtree(place) if not wanted.keep else say(f"kept: {place}")
    from report import judge, table  # after the run: it is only words

    text = table(found, stage.done, wanted)
    print(text)
    if wanted.report:
        Path(wanted.report).write_text(text, encoding="utf-8")
    faults = judge(found, wanted)
    for fault in faults:
        say(fault)
    sys.exit(0 if bool(faults) == wanted.expect_wrong else 1)


if __name__ == "__main__":
    main()
