"""What is true of the installation, as somebody knows it who only made the requests.

A `Fact` is what one thing was over time: before the request that changes it was sent, the old; once its answer was here,
the new; between the two, either. A decision is right when some state that was possible between its sending and its
answer leads to it.
"""

import itertools

YES = "yes"


class Fact:
    """One thing that changes, with what it may have been at each time."""

    __slots__ = ("spans",)

    def __init__(self, value, since=0.0):
        self.spans = [(since, (value,))]

    def now(self):
        return self.spans[-1][1]

    def is_settled(self):
        return len(self.now()) == 1

    def begin(self, at, new):
        """The request for a change goes out."""
        self.mark(at, tuple(dict.fromkeys(self.possible(at, float("inf")) + (new,))))

    def settle(self, at, new):
        """From then on nothing else is believed anywhere. It may lie ahead."""
        self.mark(at, (new,))

    def mark(self, at, values):
        self.spans = [span for span in self.spans if span[0] < at][-8:] + [(at, values)]

    def possible(self, sent, answered):
        spans, found = self.spans, ()
        if len(spans) == 1:
            return spans[0][1]
        for index in range(len(spans) - 1, -1, -1):
            begin, values = spans[index]
            if begin <= answered:
                found += values
            if begin <= sent:
                break
        return tuple(dict.fromkeys(found)) or spans[0][1]


class Tenant:
    def __init__(self, slug):
        self.slug, self.id, self.served, self.keys, self.sessions = slug, None, Fact(True), [], []


class Key:
    def __init__(self, tenant, mode, token, id, scopes):
        self.tenant, self.mode, self.token, self.id, self.scopes = tenant, mode, token, id, frozenset(scopes)
        self.works, self.is_at_home, self.is_over, self.is_busy = Fact(True), Fact(True), False, False


class Session:
    """Somebody who signed in at a tenant's host. The role is nothing once they were removed."""

    def __init__(self, tenant, email, cookie, person, role):
        self.tenant, self.email, self.cookie, self.person, self.role = tenant, email, cookie, person, Fact(role)


class Probe:
    """A request, and what must come of it: `judge` answers YES or the statuses of a refusal, from what is true."""

    __slots__ = ("kind", "bytes", "facts", "judge", "saw")

    def __init__(self, kind, bytes, facts, judge, saw=None):
        self.kind, self.bytes, self.facts, self.judge, self.saw = kind, bytes, facts, judge, saw

    def expected(self, sent, answered):
        """Every outcome that is right."""
        values = [fact.possible(sent, answered) for fact in self.facts]
        return {self.judge(*combination) for combination in itertools.product(*values)}


def verdict(probe, answer, sent, answered):
    """`admitted` and `refused` are right; the others are not, but for `unavailable` while something is broken."""
    expected = probe.expected(sent, answered)
    status = answer.status
    if 200 <= status < 300:
        if YES not in expected:
            return "wrongly admitted"
        if probe.saw is not None and answer.header(b"x-saw") != probe.saw:
            return "admitted as somebody else"
        return "admitted"
    if status in (502, 503, 504):
        return "unavailable"
    refusals = [statuses for statuses in expected if statuses != YES]
    if not refusals:
        return "wrongly refused"
    # It was let in, and what it showed was taken away while the app worked on it: docs/app-contract.md.
    if status == 401 and YES in expected and b"revoked_meanwhile" in answer.body:
        return "refused"
    return "refused" if any(status in statuses for statuses in refusals) else "refused for another reason"
