"""What the soak found, as a page."""

SLOWEST = 1_000_000 / 600
LEAST_REFUSED = 0.2
OUTCOMES = ["admitted", "refused", "unavailable"]
INTRO = """# The soak

`make soak`: three `tenantry serve` on one PostgreSQL, an app behind them, and a checker in a process of its own that shares
no code with Tenantry and speaks only HTTP. It makes, revokes, rotates and binds keys, suspends workspaces, removes people
and changes their roles, and asks all the while who is let in; after each answer it knows what must come of the next
request. A request that was on its way while something changed may go either way; one that was sent after the answer
that said so may not. Meanwhile nodes stand still, die, and hear nothing of PostgreSQL; PostgreSQL is slow, restarts, crashes
and fails over to a follower; the app is dead or slow.

**Wrong** is: whoever must be refused is let in; whoever must be let in is refused; the app is told another caller; a
refusal for another reason than the true one; no answer, or 502, 503, 504, while nothing is broken. Within a fault and the
seconds after it ([stage.py](../../soak/stage.py)) those three are allowed, as [docs/failure.md](../failure.md) says, and counted.
Refused where a refusal was due is never a time-out.

`make soak-planted` builds Tenantry with one fault planted at a time, and fails unless the checker finds each.
"""


def table(found, faults, wanted):
    kinds = {kind: found["kinds"][kind] for kind in sorted(found["kinds"])}
    total = {outcome: sum(count.get(outcome, 0) for count in kinds.values()) for outcome in OUTCOMES}
    wrong = sum(found["wrong"].values())
    share = refused_share(found)
    lines = [INTRO, "## The last run", ""]
    lines += [f"{found['seconds']:.0f} s, seed {wanted.seed}, {len(faults)} faults.", ""]
    lines += ["| decisions | a second | refused | unavailable within a fault | **wrong** |", "| --- | --- | --- | --- | --- |"]
    rate = found["decisions"] / found["seconds"]
    lines += [f"| {found['decisions']:,} | {rate:,.0f} | {total['refused']:,} ({share:.0%}) | {total['unavailable']:,} | **{wrong}** |", ""]
    lines += ["| what was asked | admitted | refused | unavailable |", "| --- | --- | --- | --- |"]
    lines += [f"| {kind} | " + " | ".join(f"{count.get(outcome, 0):,}" for outcome in OUTCOMES) + " |" for kind, count in kinds.items()]
    lines += ["", "| what was changed meanwhile | times |", "| --- | --- |"]
    lines += [f"| {act} | {count:,} |" for act, count in sorted(found["acts"].items())]
    lines += ["", "| fault | from, to (s) |", "| --- | --- |"]
    for name in sorted({name for _, _, name in faults}):
        times = ", ".join(f"{begin:.0f}–{end:.0f}" for begin, end, known in faults if known == name)
        lines.append(f"| {name} | {times} |")
    if wrong:
        lines += ["", "Wrong:", ""] + [f"- {what}: {count}" for what, count in found["wrong"].items()]
        lines += [f"- `{told}`" for told in found["told"]]
    return "\n".join(lines) + "\n"


def refused_share(found):
    refused = sum(count.get("refused", 0) for count in found["kinds"].values())
    return refused / max(1, found["decisions"])


def judge(found, wanted):
    """What is not as it has to be, in sentences."""
    if wanted.expect_wrong:
        return [what for what in found["wrong"] if what == "wrongly admitted"]
    faults = [f"{count} times: {what}" for what, count in found["wrong"].items()]
    if refused_share(found) < LEAST_REFUSED:
        faults.append(f"only {refused_share(found):.0%} of the decisions were refusals")
    if not wanted.busy and found["decisions"] / found["seconds"] < min(SLOWEST, wanted.rate / 2):
        faults.append(f"only {found['decisions']:,} decisions in {found['seconds']:.0f} s")
    return faults
