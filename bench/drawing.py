"""What was measured, as a page and a picture."""

import platform
import re
from pathlib import Path

BARS = [
    ("tenantry", "nginx", "cpu_us", 1.8, "CPU time a request"),
    ("tenantry", "nginx", "user_instructions", 1.8, "instructions of its own a request"),
    ("tenantry", "nginx-auth", "cpu_us", 0.6, "CPU time a request"),
    ("tenantry", "nginx", "p50_us", 1.2, "p50 at 2,000/s"),
    ("tenantry-tls", "nginx-tls", "handshake_cpu_us", 1.0, "CPU time a new TLS 1.3 handshake with one request"),
]
INTRO = """# The gateway beside nginx and HAProxy

`make bench-gateway`. One app (nginx, a fixed kilobyte) behind each of them, kept connections both ways, {connections} clients, 512 API
keys of 64 workspaces in turn, {rounds} rounds one after the other in each of which everybody has {seconds} s, medians. The
proxy has one core of the machine and one thread, everything else the other core. Tenantry does all it does in
production: host to workspace, key, scope, limits, identity token, headers both ways, an access line for each request
to a file. nginx and HAProxy bare only pass on. `auth_request` asks Tenantry's `/-/forward-auth` for each request, and both
processes count.

CPU time is that of the proxy's processes (`/proc/PID/task/*/schedstat`), user and kernel by the share of their ticks.
p50 and p99 are of `edge/examples/steady.rs`: 2,000 requests a second whether or not answers keep up, each timed from when
it was due. CPU time is there in both: with all that one core gives, and at 2,000 a second, where nobody is awake already when
a request comes. Ratios are to nginx bare.
"""
COLORS = {"user": "#2456d6", "kernel": "#9db4ef"}


def cell(value, digits=1):
    return "" if value is None else f"{value:,.{digits}f}"


def ratio(found, name, other, what):
    mine, theirs = found.get(name, {}).get(what), found.get(other, {}).get(what)
    return None if not mine or not theirs else mine / theirs


def page(found, wanted, names, counts):
    lines = [INTRO.format(connections=64, rounds=wanted.rounds, seconds=wanted.seconds), "![CPU time a request](gateway.svg)", ""]
    lines += [machine(counts), ""]
    lines += ["| | CPU µs a request | to nginx | user | kernel | requests/s on one core | CPU µs at 2,000/s | to nginx | p50 µs | to nginx | p99 µs | instructions of its own | to nginx |"]
    lines += ["| --- |" + " --- |" * 12]
    for name, words in names.items():
        if name not in found:
            continue
        one, to = found[name], lambda what, name=name: cell(ratio(found, name, "nginx", what), 2)
        lines.append(
            f"| {words} | **{cell(one['cpu_us'])}** | {to('cpu_us')} | {cell(one['user_us'])} | {cell(one['kernel_us'])} | {cell(one['requests_s'], 0)} "
            f"| {cell(one['steady_cpu_us'])} | {to('steady_cpu_us')} | {cell(one['p50_us'], 0)} | {to('p50_us')} | {cell(one['p99_us'], 0)} | {cell(one.get('user_instructions'), 0)} | {to('user_instructions')} |"
        )
    lines += [""] + tls_rows(found) + ["", "| bar | | measured | |", "| --- | --- | --- | --- |"]
    for mine, theirs, what, most, words in BARS:
        got = ratio(found, mine, theirs, what)
        if got is not None:
            lines.append(f"| {words}, to {theirs.replace('-auth', ' with auth_request').replace('-tls', ' with TLS')} | ≤ {most} | {got:.2f} | {'holds' if got <= most else '**missed**'} |")
    return "\n".join(lines + disturbed_rows(found) + profile_rows(found)) + "\n"


def disturbed_rows(found):
    """Measurements in which an answer was an error are none, and are not passed over in silence."""
    return [line for why in found.get("disturbed", {}).get("why", []) for line in ("", f"Begun anew once: {why}")]


def profile_rows(found):
    if "profile" not in found:
        return []
    lines = ["", "## Where Tenantry's own instructions go", "", "Of callgrind: what each function executes itself, the first thirty.", "", "| % | function |", "| --- | --- |"]
    return lines + [f"| {share:.1f} | `{name.replace('|', chr(92) + '|')}` |" for share, name in found["profile"]["functions"]]


def tls_rows(found):
    rows = [name for name in found if name.endswith("-tls")]
    if not rows:
        return ["TLS: not in this build."]
    lines = ["TLS 1.3, ECDSA P-256, no resumption:", "", "| | kept connections: CPU µs a request | a connection a request: CPU µs | handshakes/s on one core |", "| --- | --- | --- | --- |"]
    return lines + [f"| {name.removesuffix('-tls')} | {cell(found[name]['cpu_us'])} | {cell(found[name]['handshake_cpu_us'], 0)} | {cell(found[name]['handshakes_s'], 0)} |" for name in rows]


def machine(counts):
    cpu = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    words = f"{cpu[1] if cpu else 'unknown CPU'}, Linux {platform.release()}."
    if not counts:
        words += " This machine counts no instructions in hardware (`perf stat`): CPU time stands for them, and callgrind's count for those of the programs themselves, in a run of its own."
    return words


def picture(found, names):
    rows = [(words, found[name]) for name, words in names.items() if name in found]
    most = max(one["cpu_us"] for _, one in rows)
    width, left, step = 720, 250, 44
    bars = []
    for number, (words, one) in enumerate(rows):
        top, scale = 44 + number * step, (width - left - 70) / most
        user, kernel = one["user_us"] * scale, one["kernel_us"] * scale
        bars.append(
            f'<text x="{left - 10}" y="{top + 19}" text-anchor="end">{words}</text>'
            f'<rect x="{left}" y="{top}" width="{user:.1f}" height="28" fill="{COLORS["user"]}"/>'
            f'<rect x="{left + user:.1f}" y="{top}" width="{kernel:.1f}" height="28" fill="{COLORS["kernel"]}"/>'
            f'<text x="{left + user + kernel + 8:.1f}" y="{top + 19}">{one["cpu_us"]:.1f} µs</text>'
        )
    legend = "".join(
        f'<rect x="{left + at}" y="12" width="14" height="14" fill="{COLORS[word]}"/><text x="{left + at + 20}" y="24">{word}</text>' for word, at in [("user", 0), ("kernel", 80)]
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {60 + len(rows) * step}" role="img" font-family="system-ui, sans-serif" font-size="13" fill="#444">'
        f"<title>CPU time of the proxy a request</title>{legend}{''.join(bars)}</svg>\n"
    )
