"""A PostgreSQL and nodes of Tenantry of one's own, from the programs of this machine."""

import asyncio
import ctypes
import glob
import os
import pwd
import re
import signal
import socket
import subprocess
import time
from pathlib import Path

# The port that hosts are written with. Nobody listens there: each node has one of its own.
PORT = 8080
SOCKET = ".s.PGSQL.5432"
CRON_SECRET = "only-the-scheduler-of-the-soak-knows"
TIERS = ["api_key", "api_ip", "page_ip", "asset_ip", "cron_ip", "sign_in_ip", "credential_failure_ip"]


def knows(section):
    """Whether this version has a section of that name in its manual."""
    manual = Path(__file__).resolve().parent.parent / "tenantry.default.toml"
    return f"\n#[{section}]\n" in manual.read_text(encoding="utf-8")


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def end_with_us():
    """In a child, before it becomes its program: killed when this process is (prctl, PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


class Database:
    """A PostgreSQL of the soak's own, reached by a socket alone."""

    def __init__(self, place, name="", primary=None):
        """A new one, or one that follows `primary` until it is promoted."""
        self.bin = Path(sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda path: int(path.split("/")[4]))[-1])
        self.data, self.sockets, self.account = place / f"data{name}", place / f"sockets{name}", None
        for directory in (self.data, self.sockets):
            directory.mkdir(mode=0o700)
        if os.geteuid() == 0:
            self.account = pwd.getpwnam("postgres")
            for directory in (self.data, self.sockets):
                os.chown(directory, self.account.pw_uid, self.account.pw_gid)
        if primary:
            self.run("pg_basebackup", "-D", self.data, "-h", primary.sockets, "-U", "admin", "-X", "stream", "-c", "fast", "-R", "--no-sync")
        else:
            self.run("initdb", "-D", self.data, "-U", "admin", "--auth=trust", "-E", "UTF8", "--no-sync")
        with open(self.data / "postgresql.auto.conf", "a", encoding="utf-8") as file:
            file.write(f"listen_addresses = ''\nunix_socket_directories = '{self.sockets}'\nmax_connections = 200\n")

    def awaits_its_follower(self):
        """From when this returns, what it acknowledges is at its follower, too."""
        self.sql("alter system set synchronous_standby_names = '*'")
        self.sql("select pg_reload_conf()")
        while self.sql("select count(*) from pg_stat_replication where sync_state = 'sync'").strip() != "1":
            time.sleep(0.05)

    def promote(self):
        self.sql("select pg_promote()")
        self.sql("alter system reset synchronous_standby_names")
        self.sql("select pg_reload_conf()")

    def run(self, program, *arguments):
        command = [str(self.bin / program)] + [str(argument) for argument in arguments]
        return subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd="/", **self.as_account())

    def as_account(self):
        """PostgreSQL does not run as root."""
        return {"user": self.account.pw_uid, "group": self.account.pw_gid, "extra_groups": []} if self.account else {}

    def start(self):
        with open(self.data.parent / "postgres.log", "ab") as log:
            command = [str(self.bin / "postgres"), "-D", str(self.data)]
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", preexec_fn=end_with_us, **self.as_account())
        until = time.monotonic() + 60
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > until:
                raise SystemExit(f"soak: PostgreSQL does not start; see what it said last: {(self.data.parent / 'postgres.log').read_text()[-2000:]}")
            time.sleep(0.05)

    def answers(self):
        try:
            return self.sql("select 1").strip() == "1"
        except subprocess.CalledProcessError:
            return False

    def stop(self, how=signal.SIGINT):
        """SIGINT ends it in order, SIGQUIT as a crash does: its next start replays its log."""
        self.process.send_signal(how)
        self.process.wait()

    def sql(self, text, database="postgres", user="admin"):
        return self.run("psql", "-h", self.sockets, "-U", user, "-d", database, "-v", "ON_ERROR_STOP=1", "-qAtc", text).stdout.decode()


class Way:
    """A node's own way to PostgreSQL, which can be made to carry nothing, or everything late."""

    def __init__(self, database, place, name):
        self.target, self.directory = database.sockets / SOCKET, place / name
        self.directory.mkdir(mode=0o755)
        self.carries, self.delay_s, self.tasks = asyncio.Event(), 0.0, set()
        self.carries.set()

    async def open(self):
        await asyncio.start_unix_server(self.take, self.directory / SOCKET)

    def take(self, reader, writer):
        task = asyncio.get_running_loop().create_task(self.lead(reader, writer))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def lead(self, reader, writer):
        try:
            onward = await asyncio.open_unix_connection(self.target)
        except OSError:
            return writer.close()
        await asyncio.gather(self.carry(reader, onward[1]), self.carry(onward[0], writer))

    async def carry(self, reader, writer):
        try:
            while piece := await reader.read(1 << 16):
                await asyncio.sleep(self.delay_s)
                await self.carries.wait()
                writer.write(piece)
                await writer.drain()
        except OSError:
            pass
        writer.close()

    def environment(self, environment, database):
        """The same logins by this way."""
        before, after = (str(path).replace("/", "%2F") for path in (database.sockets, self.directory))
        return {name: value.replace(before, after) for name, value in environment.items()}


class Node:
    """A `tenantry serve`."""

    def __init__(self, program, place, name, config, before=()):
        """`config` gets the port in the place of {listen}; `before` is what runs the program, such as taskset."""
        self.program, self.before, self.environment, self.name = program, list(before), {}, name
        self.port = free_port()
        self.file, self.log = place / f"{name}.toml", place / f"{name}.log"
        tiers = "".join(f"[limits.tiers.{tier}]\nlimit = 1000000000\n" for tier in TIERS)
        self.file.write_text(config.replace("{listen}", str(self.port)) + tiers, encoding="utf-8")

    def run(self, *arguments):
        said = subprocess.run([self.program, *arguments], env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        if said.returncode != 0:
            raise SystemExit(f"soak: tenantry {' '.join(arguments)} ended with {said.returncode}: {said.stdout.decode()}")
        return said.stdout.decode()

    def start(self):
        log = open(self.log, "ab")
        self.process = subprocess.Popen([*self.before, self.program, "serve", "--config", self.file], env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, preexec_fn=end_with_us)
        log.close()

    async def ready(self):
        until = time.monotonic() + 60
        while not await self.is_ready():
            if self.process.poll() is not None or time.monotonic() > until:
                raise SystemExit(f"soak: {self.name} does not start; see what it said last: {self.log.read_text()[-2000:]}")
            await asyncio.sleep(0.05)

    async def is_ready(self):
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            writer.write(f"GET /-/health/ready HTTP/1.1\r\nhost: app.localhost:{PORT}\r\nconnection: close\r\n\r\n".encode())
            line = await asyncio.wait_for(reader.readline(), 5)
            writer.close()
            return b" 200 " in line
        except (OSError, asyncio.TimeoutError):
            return False


def plan(database, node):
    """The database by the plan that Tenantry prints for whoever administers one."""
    database.sql("create role dba login createrole")
    database.sql("create database served owner dba")
    plan = node.run("database", "plan", "--database", "served", "--host", str(database.sockets).replace("/", "%2F"))
    database.sql(plan, "served", "dba")
    environment = dict(re.findall(r"^-- (TENANTRY_\w+)=(.*)$", plan, re.M))
    environment["TENANTRY_ROOT_KEY"] = node.run("keys", "new-root").strip()
    environment["TENANTRY_SMTP_URL"] = "smtp://127.0.0.1:9?tls=required"
    environment["TENANTRY_CRON_SECRET"] = CRON_SECRET
    if "TENANTRY_PLANTED" in os.environ:
        environment["TENANTRY_PLANTED"] = os.environ["TENANTRY_PLANTED"]
    return environment
