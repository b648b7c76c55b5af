//! Where the frames of a WebSocket end (RFC 6455, section 5.2), so that one of ours can be said between two of the app's.

/// Says that this side goes away: close, with status 1001 (RFC 6455, section 7.4.1).
pub(super) const GOING_AWAY: [u8; 4] = [0x88, 2, 0x03, 0xe9];

/// Two bytes, a length of eight, a mask of four.
const HEAD_BYTES_MAX: usize = 14;

/// Follows one direction.
#[derive(Default)]
pub(super) struct Frames {
    head: [u8; HEAD_BYTES_MAX],
    /// Bytes of the head so far.
    read: usize,
    /// Bytes of the payload still to come.
    left: u64,
}

impl Frames {
    /// These bytes pass.
    pub(super) fn pass(&mut self, mut bytes: &[u8]) {
        while let [first, rest @ ..] = bytes {
            if self.left > 0 {
                let count = usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len());
                self.left -= count as u64;
                bytes = &bytes[count..];
                continue;
            }
            self.head[self.read] = *first;
            self.read += 1;
            bytes = rest;
            if let Some(length) = self.payload() {
                (self.left, self.read) = (length, 0);
            }
        }
    }

    /// Whether no frame is under way.
    pub(super) const fn is_between(&self) -> bool {
        self.read == 0 && self.left == 0
    }

    /// The payload's length, when the head is whole.
    fn payload(&self) -> Option<u64> {
        let [_, second, more @ ..] = &self.head[..self.read] else { return None };
        let mask = if second & 0x80 == 0 { 0 } else { 4 };
        let wide = match second & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let length = more.get(..wide).filter(|_| more.len() >= wide + mask)?;
        match wide {
            0 => Some(u64::from(second & 0x7f)),
            _ => Some(length.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte))),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame(length: usize, is_masked: bool) -> Vec<u8> {
        let mask = if is_masked { 0x80 } else { 0 };
        let mut bytes = vec![0x82];
        match length {
            0..=125 => bytes.push(mask | u8::try_from(length).unwrap()),
            126..=0xffff => {
                bytes.push(mask | 126);
                bytes.extend(u16::try_from(length).unwrap().to_be_bytes());
            }
            _ => {
                bytes.push(mask | 127);
                bytes.extend((length as u64).to_be_bytes());
            }
        }
        bytes.extend(if is_masked { &[1, 2, 3, 4][..] } else { &[] });
        bytes.resize(bytes.len() + length, 0xff);
        bytes
    }

    proptest! {
        #[test]
        fn the_end_of_each_frame_is_known_however_they_are_cut(
            lengths in prop::collection::vec((prop_oneof![0..200_usize, 65_000..66_000_usize], any::<bool>()), 1..4),
            cut in any::<prop::sample::Index>(),
        ) {
            let frames: Vec<Vec<u8>> = lengths.iter().map(|(length, is_masked)| frame(*length, *is_masked)).collect();
            let mut ends: Vec<usize> = frames.iter().scan(0, |at, frame| { *at += frame.len(); Some(*at) }).collect();
            ends.push(0);
            let bytes = frames.concat();
            let cut = cut.index(bytes.len());
            let mut followed = Frames::default();
            followed.pass(&bytes[..cut]);
            prop_assert_eq!(followed.is_between(), ends.contains(&cut));
            followed.pass(&bytes[cut..]);
            prop_assert!(followed.is_between());
        }
    }
}
