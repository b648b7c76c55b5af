//! The byte check as a machine without a socket: which bytes may go to the HTTP server, and when.

use tenantry_core::chunked::{ChunkFault, ChunkedScan, Progress};
use tenantry_core::head::{Framing, Head, HeadFault, Judgement, judge};

use super::refusal::Refused;

/// Where a connection stands in its messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Before a head, or inside one that is not whole yet.
    Head,
    /// Inside a body.
    Body,
    /// The request is whole. The next one waits until this one is answered.
    Answering,
    /// Over. Owed when no request is open that could carry the answer.
    Refused { refused: Refused, is_owed: bool },
}

impl Phase {
    pub(super) const fn is_refused(self) -> bool {
        matches!(self, Self::Refused { .. })
    }
}

/// Follows one connection, message by message.
#[derive(Debug)]
pub(super) struct Gate {
    phase: Phase,
    body: Body,
    head_bytes_max: usize,
}

#[derive(Debug)]
enum Body {
    None,
    Sized { left: u64 },
    Chunked(ChunkedScan),
}

impl Gate {
    pub(super) const fn new(head_bytes_max: usize) -> Self {
        Self { phase: Phase::Head, body: Body::None, head_bytes_max }
    }

    pub(super) const fn phase(&self) -> Phase {
        self.phase
    }

    /// A refusal that nobody has told the client yet.
    pub(super) const fn owed_refusal(&self) -> Option<Refused> {
        match self.phase {
            Phase::Refused { refused, is_owed: true } => Some(refused),
            _ => None,
        }
    }

    /// The answer is done; what comes now is a head.
    pub(super) fn begin_next(&mut self) {
        if self.phase == Phase::Answering {
            self.phase = Phase::Head;
        }
    }

    /// Ends the connection.
    pub(super) fn refuse(&mut self, refused: Refused) {
        let is_owed = self.phase == Phase::Head;
        self.phase = Phase::Refused { refused, is_owed };
    }

    /// How many of the next bytes may pass: none of a head that is not whole, none behind the end of the
    /// message, and none at all of a request whose fault shows in these bytes.
    pub(super) fn pass(&mut self, bytes: &[u8]) -> usize {
        let outcome = match self.phase {
            Phase::Head => self.pass_head(bytes),
            Phase::Body => self.pass_body(bytes),
            Phase::Answering | Phase::Refused { .. } => Ok(0),
        };
        outcome.unwrap_or_else(|refused| {
            self.refuse(refused);
            0
        })
    }

    fn pass_head(&mut self, bytes: &[u8]) -> Result<usize, Refused> {
        match judge(bytes)? {
            Judgement::Complete(head) if head.len <= self.head_bytes_max => self.pass_message(head, bytes),
            Judgement::Incomplete if bytes.len() <= self.head_bytes_max => Ok(0),
            _ => Err(HeadFault::TooLarge.into()),
        }
    }

    /// A head, and as much of its body as is there: a fault in that body refuses the head with it.
    fn pass_message(&mut self, head: Head<'_>, bytes: &[u8]) -> Result<usize, Refused> {
        self.body = match head.framing {
            Framing::None => Body::None,
            Framing::Length(left) => Body::Sized { left },
            Framing::Chunked => Body::Chunked(ChunkedScan::new()),
        };
        let (passed, is_whole) = self.body.scan(&bytes[head.len..])?;
        self.phase = if is_whole { Phase::Answering } else { Phase::Body };
        Ok(head.len + passed)
    }

    fn pass_body(&mut self, bytes: &[u8]) -> Result<usize, Refused> {
        let (passed, is_whole) = self.body.scan(bytes)?;
        if is_whole {
            self.phase = Phase::Answering;
        }
        Ok(passed)
    }
}

impl Body {
    /// How many of these bytes belong to the body, and whether it ends with them.
    fn scan(&mut self, bytes: &[u8]) -> Result<(usize, bool), ChunkFault> {
        match self {
            Self::None => Ok((0, true)),
            Self::Sized { left } => {
                let count = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                *left -= count as u64;
                Ok((count, *left == 0))
            }
            Self::Chunked(scan) => Ok(match scan.feed(bytes)? {
                Progress::More => (bytes.len(), false),
                Progress::Done(count) => (count, true),
            }),
        }
    }
}

/// What holds for any bytes, cut anywhere: for `fuzz/`, and for the tests here.
#[cfg(any(test, feature = "fuzzing"))]
pub mod property {
    use super::{Gate, Phase, Refused};

    const HEAD_BYTES_MAX: usize = 32 * 1024;

    /// Only a prefix passes, what has passed passes again, and where nothing is refused it does not matter how the
    /// bytes were cut.
    ///
    /// # Panics
    /// It does not hold.
    pub fn holds(bytes: &[u8], cut: usize) {
        let (before, after) = bytes.split_at(cut.min(bytes.len()));
        let (whole, refused) = let_through(&[bytes]);
        let (pieces, refused_in_pieces) = let_through(&[before, after]);
        assert!(bytes.starts_with(&whole) && bytes.starts_with(&pieces), "something else passes than what came");
        assert_eq!(refused.is_some(), refused_in_pieces.is_some(), "a cut decides");
        assert!(refused.is_some() || whole == pieces, "a cut decides what passes");
        assert_eq!(let_through(&[&pieces]).1, None, "what has passed is refused");
    }

    /// What reaches the server when the bytes come in these pieces and every request is answered at once.
    pub(super) fn let_through(pieces: &[&[u8]]) -> (Vec<u8>, Option<Refused>) {
        let (mut gate, mut held, mut passed) = (Gate::new(HEAD_BYTES_MAX), Vec::new(), Vec::new());
        for piece in pieces {
            held.extend_from_slice(piece);
            loop {
                let count = gate.pass(&held);
                passed.extend(held.drain(..count));
                gate.begin_next();
                if count == 0 {
                    break;
                }
            }
        }
        let refused = match gate.phase() {
            Phase::Refused { refused, .. } => Some(refused),
            _ => None,
        };
        (passed, refused)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::property::{holds, let_through};
    use super::*;

    fn message() -> impl Strategy<Value = &'static str> {
        prop::sample::select(vec![
            "GET /a HTTP/1.1\r\nhost: a\r\n\r\n",
            "\r\nHEAD / HTTP/1.0\r\n\r\n",
            "POST /b HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nGET /",
            "PUT /c HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nt: u\r\n\r\n",
        ])
    }

    /// Cuts bytes at places.
    fn cut<'b>(bytes: &'b [u8], places: &[prop::sample::Index]) -> Vec<&'b [u8]> {
        let mut ends: Vec<usize> = places.iter().map(|place| place.index(bytes.len() + 1)).collect();
        ends.extend([0, bytes.len()]);
        ends.sort_unstable();
        ends.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect()
    }

    proptest! {
        #[test]
        fn good_messages_pass_whole_however_they_are_cut(
            messages in prop::collection::vec(message(), 0..5),
            places in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
        ) {
            let bytes = messages.concat().into_bytes();
            prop_assert_eq!(let_through(&cut(&bytes, &places)), (bytes, None));
        }

        #[test]
        fn nothing_after_a_fault_passes_however_it_is_cut(
            before in prop::collection::vec(message(), 0..3),
            fault in prop::sample::select(vec!["GET / HTTP/1.1\n", "GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n", "\0"]),
            after in message(),
            places in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
        ) {
            let good = before.concat();
            let bytes = [good.as_str(), fault, after].concat().into_bytes();
            let (passed, refused) = let_through(&cut(&bytes, &places));
            prop_assert_eq!(passed, good.into_bytes());
            prop_assert!(refused.is_some());
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), places in prop::collection::vec(any::<prop::sample::Index>(), 0..8)) {
            let_through(&cut(&bytes, &places));
        }

        #[test]
        fn a_cut_decides_nothing(
            pieces in prop::collection::vec(prop_oneof![message().prop_map(str::to_owned), "[ -~\r\n\t]{0,12}"], 0..6),
            cut in any::<prop::sample::Index>(),
        ) {
            let bytes = pieces.concat().into_bytes();
            holds(&bytes, cut.index(bytes.len() + 1));
        }
    }

    #[test]
    fn a_request_whose_fault_is_seen_at_once_passes_not_at_all() {
        let bytes = b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n";
        let mut gate = Gate::new(32 * 1024);
        assert_eq!(gate.pass(bytes), 0);
        assert!(gate.owed_refusal().is_some(), "nobody else will answer");
    }

    #[test]
    fn a_fault_inside_a_body_that_began_to_pass_is_for_the_handler_to_answer() {
        let mut gate = Gate::new(32 * 1024);
        assert!(gate.pass(b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n") > 0);
        assert_eq!(gate.pass(b"zz\r\n"), 0);
        assert!(gate.phase().is_refused() && gate.owed_refusal().is_none());
    }
}
