"""Whether a request costs the same with one workspace, a thousand and a hundred thousand, and a million keys.

usage: growth.py TENANTRY STEADY [--seconds 6] [--out DIR]

Workspaces and keys are written by SQL. In each step 512 keys in 64 workspaces (one key in one, at first) ask in turn, and
then as many different keys as there are, up to 40,000, twice what Tenantry keeps in memory.
"""

import argparse
import asyncio
import os
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from drawing import machine
from gateway import KEYS_EACH, TENANTS, Bench, counts_instructions, populate, say, settle

STEPS = [(1, 1), (1_000, 10_000), (100_000, 1_000_000)]
DIFFERENT_MOST = 40_000
INTRO = """# Growth

`make bench-growth`. What a request costs while the installation grows: CPU time of the one gateway thread's process, 64
clients, the same 512 keys in turn (fewer where there are fewer), then as many different keys as there are, 40,000 at most: twice
what memory keeps, so that most of them are looked up.
"""


def grow(database, tenants, keys):
    """Adds what is missing. Keys that nobody shows have digests of chance."""
    have = int(database.sql("select count(*) from control.tenants", "served"))
    if tenants > have:
        database.sql(
            f"""set session_replication_role = replica;
            with grown as (insert into control.tenants (tenant_id, slug, name, status_at, created_at)
                select gen_random_uuid(), 'grown-' || n, 'Grown ' || n, now(), now() from generate_series({have}, {tenants - 1}) n
                returning slug, tenant_id)
            insert into control.slugs (slug, tenant_id, claimed, reserved_until) select slug, tenant_id, true, 'infinity' from grown""",
            "served",
        )
    have = int(database.sql("select count(*) from live.api_keys", "served"))
    if keys > have:
        database.sql(
            f"""set session_replication_role = replica;
            with known as (select tenant_id, row_number() over () - 1 as n from control.tenants)
            insert into live.api_keys (tenant_id, id, name, digest, start, scopes, created_at)
            select t.tenant_id, gen_random_uuid(), 'Grown', sha256(gen_random_uuid()::text::bytea), substr(md5(k::text), 1, 8), '{{orders:read}}', now()
            from generate_series({have}, {keys - 1}) k
            join known t on t.n = k % (select count(*) from control.tenants)""",
            "served",
        )
    database.sql("analyze control.tenants, live.api_keys", "served")


class Growth(Bench):
    async def run(self):
        rows = []
        await self.open()
        for tenants, keys in STEPS:
            rows.append(await self.step(tenants, keys))
            say(str(rows[-1]))
        return rows

    def size(self):
        return 1, range(1)

    def stop(self):
        self.node.process.terminate()
        self.node.process.wait()

    async def step(self, tenants, keys):
        if tenants > 1:
            self.made = populate(self.database, TENANTS, range(KEYS_EACH))
        grow(self.database, tenants, keys)
        self.stop()
        began = time.monotonic()
        self.node.start()
        await self.node.ready()
        row = {"tenants": tenants, "keys": keys, "start_s": time.monotonic() - began}
        program = self.programs["tenantry"]
        program.processes[:] = [self.node.process]
        settle(program)
        row |= {"idle_mib": self.resident()}
        hot = self.made[: min(len(self.made), keys)]
        row |= {"hot_us": self.cost(program, hot)["cpu_us"]}
        different = self.different(min(keys, DIFFERENT_MOST))
        row |= {"different": len(different), "different_us": self.cost(program, different)["cpu_us"], "mib": self.resident()}
        return row

    def cost(self, program, keys):
        self.requests.write_bytes(b"\0".join(self.request(slug, key) for slug, key in keys))
        return self.saturated(program)

    def different(self, count):
        """Keys that can be shown, in the workspaces of the bench."""
        return populate(self.database, TENANTS, range(-(-count // TENANTS)))[:count] if count > 1 else self.made[:1]

    def resident(self):
        status = Path(f"/proc/{self.node.process.pid}/status").read_text(encoding="utf-8")
        return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024


def page(rows):
    lines = [INTRO, machine(counts_instructions()), ""]
    lines += ["| workspaces | keys | start to ready, s | memory at rest, MiB | µs a request, keys in memory | to the first row | different keys | µs a request | memory then, MiB |"]
    lines += ["| --- |" + " --- |" * 8]
    for row in rows:
        lines.append(
            f"| {row['tenants']:,} | {row['keys']:,} | {row['start_s']:.2f} | {row['idle_mib']:.0f} | **{row['hot_us']:.1f}** | {row['hot_us'] / rows[0]['hot_us']:.2f} "
            f"| {row['different']:,} | {row['different_us']:.1f} | {row['mib']:.0f} |"
        )
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("tenantry")
    parser.add_argument("steady")
    parser.add_argument("--seconds", type=int, default=6)
    parser.add_argument("--out", default=str(Path(__file__).resolve().parent.parent / "docs" / "benchmarks"))
    wanted = parser.parse_args()
    # So that whoever ends it early leaves nothing behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    wanted.tenantry, wanted.steady = os.path.abspath(wanted.tenantry), os.path.abspath(wanted.steady)
    place = Path(tempfile.mkdtemp(prefix="tenantry-bench-"))
    os.chmod(place, 0o755)
    bench = Growth(wanted, place)
    try:
        rows = asyncio.run(bench.run())
    finally:
        bench.close()
        shutil.rmtree(place)
    Path(wanted.out).mkdir(parents=True, exist_ok=True)
    (Path(wanted.out) / "growth.md").write_text(page(rows), encoding="utf-8")


if __name__ == "__main__":
    main()
