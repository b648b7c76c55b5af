#!/usr/bin/env python3
"""What other linters of row level security find in rls/corpus, as a table per class beside ours.

    python3 bench/rls_linters.py --pgrls VENV/bin/pgrls [--splinter splinter.sql] [--every 3] [--accept]

Runs on the server that libpq's variables name (PGHOST, PGPORT, PGUSER), as an administrator, in databases and with
roles of its own, which it takes away. pgrls comes from PyPI; splinter.sql from the repository supabase/splinter.
Neither is part of this project. A leak counts as found when a finding of level warning or error names one of the
case's objects, whatever it says of it: more than the corpus grants our own parts. On a clean case each such finding
is a false alarm. Rules about speed or style alone are left out (QUIET); and so are, in the second pair of columns
("discerning"), those that speak on one in five of the clean cases, since they say the same of what leaks and what not.
"""

import argparse
import collections
import concurrent.futures
import json
import os
import pathlib
import re
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
CORPUS = ROOT / "rls" / "corpus"
PAGE = ROOT / "docs" / "rls-corpus.md"
FROM, TO = "<!-- linters: from here -->\n", "<!-- linters: to here -->\n"
TENANTS = {
    "uuid": ("5eed0000-0000-4000-8000-00000000000a", "5eed0000-0000-4000-8000-00000000000b"),
    "text": ("acme", "acme-eu"),
    "bigint": ("1", "12"),
}
ROLES = {"app": "login", "owner": "nologin", "other": "nologin", "role_a": "login", "role_b": "login"}
# Names of rules that say nothing about isolation.
QUIET = re.compile(r"perf|index|initplan|style|naming|comment|doc|multiple_permissive", re.I)


def psql(database, sql, stop=True):
    command = ["psql", "-X", "-q", "-At", "-d", database, "-f", "-"]
    if stop:
        command[1:1] = ["-v", "ON_ERROR_STOP=1"]
    ran = subprocess.run(command, input=sql, capture_output=True, text=True, timeout=120)
    if stop and ran.returncode:
        raise RuntimeError(ran.stderr)
    return ran.stdout


class Case:
    def __init__(self, path, number):
        self.text = path.read_text()
        self.klass, self.name = path.parent.name, path.stem
        self.leaks = self.head("leak") == "yes"
        self.roles = {role: f"{role}_l{number}" for role in ROLES}
        self.database = f"linted_{number}"

    def head(self, key, default=""):
        found = re.findall(rf"^-- {key}: (.*)$", self.text, re.M)
        return found[-1] if found else default

    def named(self, text):
        first, second = TENANTS[self.head("tenant", "uuid")]
        for role, name in self.roles.items():
            text = text.replace(f"@{role}@", name)
        return text.replace("@db@", self.database).replace("@A@", first).replace("@B@", second)

    def objects(self):
        listed = re.split(r", (?![^(]*\))", self.named(self.head("object")))
        return {re.sub(r"\(.*", "", name).split(".")[-1] for name in listed}

    def schemas(self):
        found = re.search(r'^-- toml: schemas = \[(.*)\]', self.text, re.M)
        return re.findall(r'"([^"]+)"', found.group(1)) if found else ["public"]

    def make(self):
        self.remove()
        roles = "".join(f"create role {self.roles[role]} {may};" for role, may in ROLES.items())
        psql("postgres", roles + f"create database {self.database};")
        prelude = self.head("prelude")
        before = (CORPUS / f"_{prelude}.sql").read_text() if prelude else ""
        ddl = re.split(r"^-- (?:seed|proof)$", self.text, flags=re.M)[0]
        owner = self.roles["owner"]
        psql(self.database, self.named(f"grant create on schema public to {owner};{before}\nset role {owner};\n{ddl}"))

    def remove(self):
        psql("postgres", f"drop database if exists {self.database} with (force);", stop=False)
        psql("postgres", "".join(f"drop role if exists {role};" for role in self.roles.values()), stop=False)


def url(case):
    host, port, user = (os.environ.get(key, "") for key in ("PGHOST", "PGPORT", "PGUSER"))
    return f"postgresql://{user}@/{case.database}?host={host}&port={port}"


def by_pgrls(case, program):
    """The lint's rules, and the prover's leaks."""
    said = []
    with tempfile.TemporaryDirectory() as folder:
        common = ["--database-url", url(case), "--schemas", ",".join(case.schemas()), "--format", "json"]
        for words in (["lint"], ["verify", "--mode", "cross-tenant"]):
            ran = subprocess.run([program, *words, *common], capture_output=True, text=True, cwd=folder, timeout=120)
            try:
                said.append((words[0], json.loads(ran.stdout)))
            except json.JSONDecodeError:
                said.append((words[0], {}))
    return list(pgrls_findings(said))


def pgrls_findings(said):
    for part, document in said:
        for finding in walk(document):
            severity = str(finding.get("severity", "")).lower()
            rule = str(finding.get("rule_id") or finding.get("rule") or finding.get("code") or "")
            if part == "lint" and rule and severity in ("warning", "error") and not QUIET.search(json.dumps(finding.get("title", "")) + rule):
                yield json.dumps(finding)
            if part == "verify" and str(finding.get("verdict", finding.get("status", ""))).lower() == "leak":
                yield json.dumps(finding)


def walk(document):
    if isinstance(document, dict):
        yield document
        for value in document.values():
            yield from walk(value)
    elif isinstance(document, list):
        for value in document:
            yield from walk(value)


def by_splinter(case, path):
    """Its preamble and its one query; `authenticated` and `anon` are the only roles that it knows, so until the rollback the
    app's role is called so."""
    setup, _, query = path.read_text().strip().rstrip(";").rpartition(";")
    sql = (
        f"begin; alter role {case.roles['app']} rename to authenticated; create role anon;\n"
        f"set local pgrst.db_schemas = '{','.join(case.schemas())}';\n{setup};\n"
        f"select name || ' ' || metadata::text from ({query}) f where level <> 'INFO' and 'SECURITY' = any (categories);\n"
        "rollback;"
    )
    return [line for line in psql(case.database, sql).splitlines() if not QUIET.search(line.split(" ")[0])]


def judge(case, tools):
    try:
        case.make()
        result = {}
        for tool, find in tools.items():
            findings = find(case)
            result[tool] = (is_right(case, findings), findings)
        return case, result
    finally:
        case.remove()


def is_right(case, findings):
    """Of a leak, whether it is named; of a clean case, whether anything is said."""
    named = (re.search(rf"\b{re.escape(name)}\b", finding) for finding in findings for name in case.objects())
    return any(named) if case.leaks else bool(findings)


def rule_of(finding):
    found = re.search(r'"(?:rule_id|code)": "([^"]+)"', finding)
    return found.group(1) if found else finding.split(" ")[0]


def discerning(judged, tools):
    """Adds a column to each tool: without the rules that speak on one in five clean cases."""
    for tool in list(tools):
        clean = [result[tool][1] for case, result in judged if not case.leaks]
        spoken = collections.Counter(rule for findings in clean for rule in {rule_of(finding) for finding in findings})
        common = {rule for rule, count in spoken.items() if count * 5 > len(clean)}
        print(f"{tool}: said of one in five clean cases: {sorted(common)}")
        for case, result in judged:
            kept = [finding for finding in result[tool][1] if rule_of(finding) not in common]
            result[f"{tool}, discerning"] = (is_right(case, kept), kept)
        tools[f"{tool}, discerning"] = None


def table(judged, tools):
    classes = collections.defaultdict(lambda: collections.Counter())
    for case, result in judged:
        for row in (classes[case.klass], classes["all"]):
            kind = "leaks" if case.leaks else "clean"
            row[kind] += 1
            for tool in tools:
                row[kind, tool] += result[tool][0]
    lines = ["| class | leaks | " + " | ".join(tools) + " | clean | " + " | ".join(f"{tool}: false alarms" for tool in tools) + " |"]
    lines.append("| --- " * (3 + 2 * len(tools)) + "|")
    for klass in sorted(classes, key=lambda name: (name == "all", name)):
        row = classes[klass]
        name = klass if klass == "all" else f"`{klass}`"
        found = " | ".join(str(row["leaks", tool]) for tool in tools)
        false = " | ".join(str(row["clean", tool]) for tool in tools)
        lines.append(f"| {name} | {row['leaks']} | {found} | {row['clean']} | {false} |")
    return "\n".join(lines) + "\n"


def main():
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--pgrls")
    asked.add_argument("--splinter", type=pathlib.Path)
    asked.add_argument("--every", type=int, default=1, help="each so manieth case alone")
    asked.add_argument("--accept", action="store_true", help="write the table into docs/rls-corpus.md")
    asked.add_argument("--verbose", action="store_true")
    asked = asked.parse_args()
    tools = {}
    if asked.pgrls:
        tools["pgrls"] = lambda case: by_pgrls(case, asked.pgrls)
    if asked.splinter:
        tools["splinter"] = lambda case: by_splinter(case, asked.splinter)
    paths = sorted(CORPUS.glob("*/*.sql"))[:: asked.every]
    cases = [Case(path, number) for number, path in enumerate(paths)]
    with concurrent.futures.ThreadPoolExecutor(2) as threads:
        judged = list(threads.map(lambda case: judge(case, tools), cases))
    if asked.verbose:
        for case, result in judged:
            for tool, (flag, findings) in result.items():
                print(case.klass, case.name, tool, flag, [finding[:160] for finding in findings[:4]])
    discerning(judged, tools)
    text = f"{len(cases)} of {len(list(CORPUS.glob('*/*.sql')))} cases.\n\n" + table(judged, tools)
    print(text)
    if asked.accept:
        page = PAGE.read_text()
        before, rest = page.split(FROM)
        _, after = rest.split(TO)
        PAGE.write_text(before + FROM + text + TO + after)


if __name__ == "__main__":
    main()
