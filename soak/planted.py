"""Builds Tenantry with planted faults, to see the soak find each of them.

usage: planted.py check | build | run [NAME …] [-- arguments of stage.py]

The faults stand nowhere in Tenantry's source. They are put into a copy of it under target/planted, which is built there
without optimisation: no package is made of it. TENANTRY_PLANTED names the one that is in force.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COPY = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "planted"

# Name, what it is, and one or more times: file, the text there, what it becomes. PLANTED stands for "this one is in force".
FAULTS = [
    (
        "tenant", "no look at whose host it is",
        "edge/src/gateway/passage.rs", "    check_place(&principal, place)?;\n", "    if !PLANTED { check_place(&principal, place)?; }\n",
    ),
    (
        "scope", "no look at the scope",
        "edge/src/gateway/passage.rs", "    check_permission(route, &principal)?;\n", "    if !PLANTED { check_permission(route, &principal)?; }\n",
    ),
    (
        "revoked", "what was revoked is honoured for three seconds more",
        "platform/src/feed/mod.rs", "    pub fn apply(&self, change: &Change) {\n",
        "    pub fn apply(&self, change: &Change) {\n        if PLANTED {\n            let (feed, change) = (self.clone(), change.clone());\n"
        "            std::thread::spawn(move || {\n                std::thread::sleep(std::time::Duration::from_secs(3));\n                feed.apply_late(&change);\n            });\n"
        "            return;\n        }\n        self.apply_late(change);\n    }\n\n    fn apply_late(&self, change: &Change) {\n",
    ),
    (
        "fence", "a revocation answers before the other nodes have heard of it",
        "platform/src/feed/fence.rs", "async fn wait(ground: &Ground, number: &str, committed: Duration) -> Reach {\n",
        "async fn wait(ground: &Ground, number: &str, committed: Duration) -> Reach {\n"
        "    if PLANTED { return Reach { applied: 1, lapsed: 0, may_accept_until: None }; }\n",
    ),
    (
        "lease", "a node that was paused believes what it knew before",
        "platform/src/feed/mod.rs", "        self.0.lease.lasts(clock.uptime())\n", "        PLANTED || self.0.lease.lasts(clock.uptime())\n",
    ),
    (
        "place", "a node that finds its place again believes what it knew before it has read what it missed",
        "platform/src/feed/node.rs", "            return Ok(None);\n", "            return Ok(if PLANTED { Some(1) } else { None });\n",
    ),
    (
        "origin", "no look at the Origin",
        "edge/src/gateway/origin.rs", "    let mut origins = headers.get_all(header::ORIGIN).iter();\n",
        "    if PLANTED { return Ok(()); }\n    let mut origins = headers.get_all(header::ORIGIN).iter();\n",
    ),
    (
        "stopped", "a suspended workspace is served",
        "identity/src/tenants/stopped.rs", "        TenantStatus::Suspended => Some(refusal(\n",
        "        TenantStatus::Suspended if PLANTED => None,\n        TenantStatus::Suspended => Some(refusal(\n",
        "identity/src/apikeys/verify.rs", "filter(|tenant| !tenant.status.is_served())", "filter(|tenant| !tenant.status.is_served() && !PLANTED)",
    ),
]  # fmt: skip


def edits():
    """Each place, with the fault that it is a part of."""
    for name, _, *places in FAULTS:
        for at in range(0, len(places), 3):
            yield (name, *places[at : at + 3])


def planted(name):
    return f'std::env::var_os("TENANTRY_PLANTED").is_some_and(|word| word == "{name}")'


def check():
    """Whoever changes one of the places is told here."""
    for name, file, text, _ in edits():
        count = (ROOT / file).read_text(encoding="utf-8").count(text)
        if count != 1:
            sys.exit(f"planted: {name}: its place in {file} is there {count} times; write its text in soak/planted.py anew")


def build():
    check()
    source = COPY / "source"
    files = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout.decode().split("\0")
    texts = {file: (ROOT / file).read_bytes() for file in files if file and (ROOT / file).is_file()}
    for name, file, text, instead in edits():
        texts[file] = texts[file].replace(text.encode(), instead.replace("PLANTED", planted(name)).encode())
    for file, bytes in texts.items():
        path = source / file
        # What stays as it is keeps its time, and is not built again.
        if not path.exists() or path.read_bytes() != bytes:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(bytes)
    cargo = os.environ.get("CARGO", shutil.which("cargo") or "cargo").split()
    environment = os.environ | {"CARGO_TARGET_DIR": str(COPY)}
    subprocess.run([*cargo, "build", "--locked", "--bin", "tenantry"], cwd=source, env=environment, check=True)
    return COPY / "debug" / "tenantry"


def run(names, arguments):
    program, missed = build(), []
    for name, what, *_ in FAULTS:
        if names and name not in names:
            continue
        print(f"planted: {name}: {what}", flush=True)
        # A page does not say how far a suspension has come: it is judged where nothing else fails.
        more = {"lease": ["--faults", "hears nothing"], "place": ["--faults", "hears nothing"], "stopped": ["--faults", ""]}.get(name, [])
        stage = [sys.executable, Path(__file__).parent / "stage.py", program, "--seconds", "40", "--rate", "600", "--busy", "--expect-wrong"]
        ended = subprocess.run([*stage, *more, *arguments], env=os.environ | {"TENANTRY_PLANTED": name}, stdout=subprocess.DEVNULL, check=False)
        if ended.returncode != 0:
            missed.append(name)
    sys.exit(f"planted: the soak did not find {', '.join(missed)}" if missed else 0)


if __name__ == "__main__":
    words = sys.argv[1:]
    words, more = (words[: words.index("--")], words[words.index("--") + 1 :]) if "--" in words else (words, [])
    if words[:1] == ["check"]:
        check()
    elif words[:1] == ["build"]:
        print(build())
    elif words[:1] == ["run"]:
        run(words[1:], more)
    else:
        sys.exit(__doc__)
