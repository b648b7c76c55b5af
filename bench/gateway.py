"""Tenantry beside nginx and HAProxy, in front of the same app, in turns: what a request costs each of them.

usage: gateway.py TENANTRY STEADY [--rounds 5] [--seconds 6] [--out DIR] [--callgrind] [--only NAME …]

TENANTRY and STEADY are the programs, built with --release (STEADY: the example of tenantry-edge). nginx, HAProxy, wrk,
PostgreSQL, openssl and valgrind come from the distribution. The proxy has one core, everything else the other.
"""

import argparse
import asyncio
import hashlib
import json
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
import zlib
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "soak"))
from installation import PORT, Database, Node, end_with_us, free_port, plan  # noqa: E402

PROXY_CORE, OTHER_CORE = "1", "0"
CONNECTIONS, RATE = 64, 2000
TENANTS, KEYS_EACH = 64, 8
ANSWER = "x" * 1024
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
TICKS = os.sysconf("SC_CLK_TCK")
NAMES = {
    "tenantry": "Tenantry: keys, limits, log, headers",
    "nginx": "nginx, bare",
    "nginx-auth": "nginx, auth_request to Tenantry",
    "haproxy": "HAProxy, bare",
}

CONFIG = """
[app]
name = "Bench"
[permissions]
"orders:read" = "See orders"
[roles.OWNER]
owner = true
permissions = ["orders:read", "keys:read", "keys:manage"]
[[routes]]
path = "/api/orders"
guard = "key"
permission = "orders:read"
[listen]
address = "127.0.0.1:{listen}"
threads = 1
{tls}
[hosts]
base = "localhost"
scheme = "{scheme}"
port = {port}
[forward_auth]
trusted = ["127.0.0.1"]
[upstream]
url = "http://127.0.0.1:{app}"
[mail]
from = "Bench <no-reply@example.com>"
[security_txt]
contact = "mailto:security@example.com"
expires = "2999-01-01T00:00:00Z"
"""

NGINX = """
daemon off;
master_process off;
pid {place}/nginx-{name}.pid;
error_log {place}/nginx-{name}.error.log crit;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    server_tokens off;
    keepalive_requests 1000000000;
    client_body_temp_path {place}/t1; proxy_temp_path {place}/t2; fastcgi_temp_path {place}/t3; uwsgi_temp_path {place}/t4; scgi_temp_path {place}/t5;
    {upstreams}
    server {{
        listen 127.0.0.1:{port}{ssl} backlog=4096;
        {server}
    }}
}}
"""
UPSTREAM = "upstream {name} {{ server 127.0.0.1:{port}; keepalive 128; keepalive_requests 1000000000; }}"
PASS = """
        location / {
            proxy_pass http://app;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-For $remote_addr;
            IDENTITY
        }
"""
AUTH = """
        location = /ask {
            internal;
            proxy_pass http://tenantry/-/forward-auth;
            proxy_http_version 1.1;
            proxy_pass_request_body off;
            proxy_set_header Content-Length "";
            proxy_set_header Connection "";
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-Method $request_method;
            proxy_set_header X-Forwarded-Uri $request_uri;
            proxy_set_header X-Forwarded-Host $http_host;
        }
"""
IDENTITY = "auth_request /ask; auth_request_set $identity $upstream_http_tenantry_identity; proxy_set_header Tenantry-Identity $identity;"
HAPROXY = """
global
    nbthread 1
    maxconn 4096
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
    http-reuse always
    option http-keep-alive
frontend in
    bind 127.0.0.1:{port}{ssl}
    option forwardfor
    default_backend app
backend app
    server app 127.0.0.1:{app} pool-max-conn 128
"""
LUA = """
local file = io.open(os.getenv("REQUESTS"), "rb")
local text, all, at, turn = file:read("*a"), {}, 1, 0
file:close()
while true do
    local found = text:find("\\0", at, true)
    all[#all + 1] = text:sub(at, (found or #text + 1) - 1)
    if not found then break end
    at = found + 1
end
request = function()
    turn = turn % #all + 1
    return all[turn]
end
done = function(summary)
    io.write(string.format("\\nDONE %d %d %d %d\\n", summary.requests, summary.duration, summary.errors.status, summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout))
end
"""


def say(line):
    print(f"bench: {line}", file=sys.stderr, flush=True)


def on(core):
    return ["taskset", "-c", core]


def base62(number, width):
    digits = ""
    for _ in range(width):
        number, digit = divmod(number, 62)
        digits = ALPHABET[digit] + digits
    return digits


def api_key(tenant, number):
    """A key as Tenantry writes it; the random part is of no worth here."""
    text = "sk_live_" + base62(tenant.int, 22) + base62(int.from_bytes(hashlib.sha256(f"{tenant}{number}".encode()).digest()[:23], "big"), 32)
    return text + base62(zlib.crc32(text.encode()), 6)


def bench_tenant(number):
    return uuid.UUID(int=(0x01A2 << 112) | (7 << 76) | (2 << 62) | number)


def populate(database, tenants, keys):
    """Workspaces and keys that can be shown, written by the database's administrator. Gives (slug, key) of each."""
    workspaces = [f"('{bench_tenant(n)}', 'bench-{n}', 'Bench {n}', now(), now())" for n in range(tenants)]
    made = [(bench_tenant(n), f"bench-{n}", api_key(bench_tenant(n), number)) for number in keys for n in range(tenants)]
    rows = []
    for tenant, _, key in made:
        digest = hashlib.sha256(key.encode()).hexdigest()
        rows.append(f"('{tenant}', gen_random_uuid(), 'Bench', '\\x{digest}', '{key[30:38]}', '{{orders:read}}', now())")
    never_twice = " on conflict do nothing"
    database.sql("insert into control.tenants (tenant_id, slug, name, status_at, created_at) values " + ",".join(workspaces) + never_twice, "served")
    slugs = [f"('bench-{n}', '{bench_tenant(n)}', true, 'infinity')" for n in range(tenants)]
    database.sql("insert into control.slugs (slug, tenant_id, claimed, reserved_until) values " + ",".join(slugs) + never_twice, "served")
    insert = "insert into live.api_keys (tenant_id, id, name, digest, start, scopes, created_at) values "
    for at in range(0, len(rows), 500):
        database.sql(insert + ",".join(rows[at : at + 500]) + never_twice, "served")
    return [(slug, key) for _, slug, key in made]


class Program:
    """A proxy: its processes, and where it listens."""

    def __init__(self, port, commands, place, name):
        self.port, self.name, self.processes = port, name, []
        log = open(place / f"{name}.log", "ab")
        for command in commands:
            self.processes.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=end_with_us))

    def listens(self):
        """Waits until it does."""
        until = time.monotonic() + 60
        while time.monotonic() < until:
            with socket.socket() as line:
                if line.connect_ex(("127.0.0.1", self.port)) == 0:
                    return self
            time.sleep(0.05)
        raise SystemExit(f"bench: {self.name} does not listen")

    def pids(self):
        return [process.pid for process in self.processes]


class Used:
    """Processor time and requests between two looks."""

    def __init__(self, pids):
        self.pids, self.before = pids, self.look(pids)

    @staticmethod
    def look(pids):
        user = system = total = 0
        for pid in pids:
            fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(") ", 1)[1].split()
            user, system = user + int(fields[11]), system + int(fields[12])
            for task in Path(f"/proc/{pid}/task").iterdir():
                total += int((task / "schedstat").read_text(encoding="utf-8").split()[0])
        return user, system, total

    def each(self, requests):
        after = self.look(self.pids)
        user, system, total = (b - a for a, b in zip(self.before, after))
        share = user / max(1, user + system)
        micros = total / 1000 / requests
        return {"cpu_us": micros, "user_us": micros * share, "kernel_us": micros * (1 - share)}


def settle(program):
    """Waits until a program that began is done with what it does at first, as Tenantry with a look at every claim."""
    until, quiet = time.monotonic() + 180, 0
    time.sleep(3)
    while quiet < 3 and time.monotonic() < until:
        used = Used(program.pids())
        time.sleep(1)
        quiet = quiet + 1 if used.each(1)["cpu_us"] < 15_000 else 0


class Disturbed(SystemExit):
    """Something was answered with an error: a measurement of something else."""


def undisturbed(disturbances, measure, *arguments):
    """Whatever was in the way (a machine that stood still for a second is behind its lease, and says 503) is told, here and
    on the page, and the measurement begun anew. Twice in a row is no accident."""
    for _ in range(2):
        try:
            return measure(*arguments)
        except Disturbed as why:
            say(f"begun anew: {why}")
            disturbances.append(str(why).splitlines()[0])
    raise SystemExit("bench: twice in a row")


class Bench:
    def __init__(self, wanted, place):
        self.wanted, self.place, self.programs = wanted, place, {}
        self.disturbances = []

    async def open(self):
        place = self.place
        os.sched_setaffinity(0, {int(OTHER_CORE)})
        self.database = Database(place)
        self.database.start()
        self.app = free_port()
        self.serve_app()
        self.node = await self.tenantry("tenantry", "")
        self.requests = place / "requests"
        self.requests.write_bytes(b"\0".join(self.request(slug, key) for slug, key in self.made))
        self.lua = place / "wrk.lua"
        self.lua.write_text(LUA, encoding="utf-8")
        self.programs["nginx"] = self.nginx("nginx", [("app", self.app)], PASS.replace("IDENTITY", ""))
        upstreams = [("app", self.app), ("tenantry", self.node.port)]
        auth = self.nginx("nginx-auth", upstreams, AUTH + PASS.replace("IDENTITY", IDENTITY))
        auth.processes.append(self.node.process)
        self.programs["nginx-auth"] = auth
        self.programs["haproxy"] = self.haproxy("haproxy", "")

    def serve_app(self):
        server = f'location / {{ default_type text/plain; return 200 "{ANSWER}"; }}'
        text = NGINX.format(place=self.place, name="app", upstreams="", port=self.app, ssl="", server=server)
        file = self.place / "app.conf"
        file.write_text(text, encoding="utf-8")
        self.upstream = Program(self.app, [[*on(OTHER_CORE), "/usr/sbin/nginx", "-c", str(file)]], self.place, "app").listens()

    async def tenantry(self, name, tls, scheme="http"):
        config = CONFIG.replace("{port}", str(PORT)).replace("{app}", str(self.app)).replace("{tls}", tls).replace("{scheme}", scheme)
        node = Node(self.wanted.tenantry, self.place, name, config, before=on(PROXY_CORE) + self.before())
        if not hasattr(self, "made"):
            self.environment = plan(self.database, node)
            node.environment = self.environment
            node.run("migrate")
            self.made = populate(self.database, *self.size())
        node.environment = self.environment
        node.start()
        self.programs[name] = Program(node.port, [], self.place, name).listens()
        self.programs[name].processes.append(node.process)
        settle(self.programs[name])
        return node

    def before(self):
        return []

    def size(self):
        return TENANTS, range(KEYS_EACH)

    def nginx(self, name, upstreams, server, ssl=""):
        port = free_port()
        said = "\n".join(UPSTREAM.format(name=to, port=at) for to, at in upstreams)
        file = self.place / f"{name}.conf"
        file.write_text(NGINX.format(place=self.place, name=name, upstreams=said, port=port, ssl=ssl, server=server), encoding="utf-8")
        return Program(port, [[*on(PROXY_CORE), *self.before(), "/usr/sbin/nginx", "-c", str(file)]], self.place, name).listens()

    def haproxy(self, name, ssl):
        port = free_port()
        file = self.place / f"{name}.cfg"
        file.write_text(HAPROXY.format(port=port, app=self.app, ssl=ssl), encoding="utf-8")
        return Program(port, [[*on(PROXY_CORE), *self.before(), "/usr/sbin/haproxy", "-db", "-f", str(file)]], self.place, name).listens()

    @staticmethod
    def request(slug, key):
        return f"GET /api/orders HTTP/1.1\r\nHost: {slug}.localhost:{PORT}\r\nAuthorization: Bearer {key}\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n".encode()

    # --- one measurement --------------------------------------------------------------------------------

    def wrk(self, program, seconds, scheme="http", more=()):
        environment = os.environ | {"REQUESTS": str(self.requests)}
        command = [*on(OTHER_CORE), "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}", "-s", str(self.lua), *more, f"{scheme}://127.0.0.1:{program.port}/api/orders"]
        said = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True).stdout.decode()
        found = re.search(r"DONE (\d+) (\d+) (\d+) (\d+)", said)
        requests, duration, refused, broken = map(int, found.groups())
        if refused or broken:
            raise Disturbed(f"bench: {program.name}: {refused} answers were errors and {broken} connections broke{self.why()}: {said}")
        return requests, duration / 1e6

    def why(self):
        """What Tenantry's log says of its last refusals."""
        lines = [line for log in self.place.glob("*.log") for line in log.read_text(encoding="utf-8", errors="replace").splitlines()]
        refusals = [line for line in lines if re.search('"status":[45]|"level":"(WARN|ERROR)"', line)]
        return "".join(f"\n  {line}" for line in refusals[-4:])

    def saturated(self, program):
        self.wrk(program, 1)
        used = Used(program.pids())
        requests, duration = self.wrk(program, self.wanted.seconds)
        return {"requests_s": requests / duration} | used.each(requests)

    def steady(self, program):
        used = Used(program.pids())
        arguments = [f"127.0.0.1:{program.port}", str(RATE), str(self.wanted.seconds), "32", str(self.requests)]
        said = subprocess.run([*on(OTHER_CORE), self.wanted.steady, *arguments], stdout=subprocess.PIPE, check=True).stdout
        found = json.loads(said)
        return {key: found[key] for key in ("p50_us", "p99_us")} | {"steady_" + key: value for key, value in used.each(found["count"]).items()}

    # --- TLS --------------------------------------------------------------------------------------------

    def certificate(self):
        key, cert = self.place / "key.pem", self.place / "cert.pem"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", cert, "-days", "30",
             "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:*.localhost,DNS:localhost,IP:127.0.0.1"],
            check=True, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        (self.place / "both.pem").write_bytes(cert.read_bytes() + key.read_bytes())
        return cert, key

    async def open_tls(self):
        """Where this Tenantry ends TLS itself, all three do."""
        if "#certificate" not in (HERE.parent / "tenantry.default.toml").read_text(encoding="utf-8"):
            return []
        cert, key = self.certificate()
        await self.tenantry("tenantry-tls", f'tls = "files"\ncertificate = "{cert}"\nkey = "{key}"', "https")
        server = f"ssl_certificate {cert}; ssl_certificate_key {key}; ssl_protocols TLSv1.3; ssl_session_tickets off;\n" + PASS.replace("IDENTITY", "")
        self.programs["nginx-tls"] = self.nginx("nginx-tls", [("app", self.app)], server, " ssl")
        self.programs["haproxy-tls"] = self.haproxy("haproxy-tls", f" ssl crt {self.place}/both.pem ssl-min-ver TLSv1.3 no-tls-tickets")
        return ["tenantry-tls", "nginx-tls", "haproxy-tls"]

    def tls(self, program):
        self.wrk(program, 1, "https")
        used = Used(program.pids())
        requests, duration = self.wrk(program, self.wanted.seconds, "https")
        kept = {"requests_s": requests / duration} | used.each(requests)
        used = Used(program.pids())
        requests, duration = self.handshakes(program)
        return kept | {"handshake_" + key: value for key, value in used.each(requests).items()} | {"handshakes_s": requests / duration}

    def handshakes(self, program):
        """A connection each, without resumption."""
        one = self.place / "one"
        if not one.exists():
            texts = [request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n") for request in self.requests.read_bytes().split(b"\0")]
            one.write_bytes(b"\0".join(request + b"\r\n\r\n" if not request.endswith(b"\r\n\r\n") else request for request in texts))
        kept, self.requests = self.requests, one
        try:
            return self.wrk(program, self.wanted.seconds, "https")
        finally:
            self.requests = kept

    # --- the run ----------------------------------------------------------------------------------------

    async def run(self):
        await self.open()
        names = [name for name in NAMES if not self.wanted.only or name in self.wanted.only]
        tls = await self.open_tls() if not self.wanted.only else []
        found = {name: [] for name in [*names, *tls]}
        for number in range(self.wanted.rounds):
            for name in names:
                program = self.programs[name]
                found[name].append(undisturbed(self.disturbances, self.saturated, program) | self.steady(program))
                say(f"round {number + 1} {name}: " + ", ".join(f"{key} {value:,.1f}" for key, value in found[name][-1].items()))
            for name in tls:
                found[name].append(undisturbed(self.disturbances, self.tls, self.programs[name]))
                say(f"round {number + 1} {name}: " + ", ".join(f"{key} {value:,.1f}" for key, value in found[name][-1].items()))
        medians = {name: {key: statistics.median(one[key] for one in rounds) for key in rounds[0]} for name, rounds in found.items()}
        return medians | {"disturbed": {"why": self.disturbances}}

    def close(self):
        for program in [*self.programs.values(), *([self.upstream] if hasattr(self, "upstream") else [])]:
            for process in program.processes:
                if process.poll() is None:
                    process.kill()
                process.wait()
        if hasattr(self, "database") and self.database.process.poll() is None:
            self.database.stop(signal.SIGQUIT)


class Callgrind(Bench):
    """The same programs in valgrind, one request after the other: instructions of their own, without the kernel's."""

    def __init__(self, wanted, place):
        super().__init__(wanted, place)
        self.count = 0

    def before(self):
        self.count += 1
        return ["valgrind", "--tool=callgrind", "--instr-atstart=no", "--dump-instr=no", f"--callgrind-out-file={self.place}/callgrind.%p"]

    async def run(self):
        await self.open()
        found = {name: {"user_instructions": self.instructions(self.programs[name])} for name in NAMES}
        return found | {"profile": {"functions": self.profile}}

    def instructions(self, program):
        self.wrk(program, 5)
        for switch in ("on", "off"):
            for pid in program.pids():
                subprocess.run(["callgrind_control", "-i", switch, str(pid)], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            if switch == "on":
                requests, _ = self.wrk(program, self.wanted.seconds * 2)
        total = 0
        for pid in program.pids():
            subprocess.run(["callgrind_control", "-d", str(pid)], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            dumps = sorted(self.place.glob(f"callgrind.{pid}*"), key=lambda path: path.stat().st_mtime)
            texts = [path.read_text(encoding="utf-8", errors="replace") for path in dumps]
            total += max((int(number) for text in texts for number in re.findall(r"^(?:summary|totals): (\d+)", text, re.M)), default=0)
            if program.name == "tenantry":
                self.profile = profile(dumps[-1])
            subprocess.run(["callgrind_control", "-z", str(pid)], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        say(f"callgrind {program.name}: {total / requests:,.0f} instructions a request of {requests}")
        return total / requests


def profile(dump):
    """The functions that execute the most instructions themselves: share and name."""
    said = subprocess.run(["callgrind_annotate", "--threshold=100", dump], stdout=subprocess.PIPE, check=True).stdout.decode(errors="replace")
    rows = re.findall(r"^ *[0-9,]+ \( *([0-9.]+)%\)  \S*?:(.+?)(?: \[[^\[]*\])?$", said, re.M)
    shares = {}
    for share, name in rows:
        # One function has a line for each file that was inlined into it.
        name = re.sub(r"'\d+$", "", name)
        shares[name] = shares.get(name, 0.0) + float(share)
    return sorted(((share, name) for name, share in shares.items()), reverse=True)[:30]


def counts_instructions():
    said = subprocess.run(["perf", "stat", "-e", "instructions:u", "true"], stderr=subprocess.PIPE, check=False).stderr if shutil.which("perf") else b"not"
    return b"not" not in said


async def measured(wanted):
    found = {}
    for kind in [Bench] * (wanted.rounds > 0) + [Callgrind] * wanted.callgrind:
        place = Path(tempfile.mkdtemp(prefix="tenantry-bench-"))
        os.chmod(place, 0o755)
        bench = kind(wanted, place)
        try:
            for name, values in (await bench.run()).items():
                found.setdefault(name, {}).update(values)
        finally:
            bench.close()
            shutil.rmtree(place)
    return found


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("tenantry")
    parser.add_argument("steady")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=6)
    parser.add_argument("--out", default=str(HERE.parent / "docs" / "benchmarks"))
    parser.add_argument("--callgrind", action="store_true")
    parser.add_argument("--only", nargs="*")
    wanted = parser.parse_args()
    # So that whoever ends it early leaves nothing behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    wanted.tenantry, wanted.steady = os.path.abspath(wanted.tenantry), os.path.abspath(wanted.steady)
    began = time.monotonic()
    found = asyncio.run(measured(wanted))
    from drawing import page, picture

    out = Path(wanted.out)
    out.mkdir(parents=True, exist_ok=True)
    (out / "gateway.md").write_text(page(found, wanted, NAMES, counts_instructions()), encoding="utf-8")
    (out / "gateway.svg").write_text(picture(found, NAMES), encoding="utf-8")
    say(f"{out}/gateway.md after {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
