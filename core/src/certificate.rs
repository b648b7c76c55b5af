//! When a certificate ends (RFC 5280, section 4.1): the one thing that is read in our own, to be told before browsers tell.

use crate::clock::Timestamp;

const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// The end of a certificate in DER; `None` where it is not readable as one.
pub fn not_after(der: &[u8]) -> Option<Timestamp> {
    let (certificate, _) = of(SEQUENCE, der)?;
    let (mut fields, _) = of(SEQUENCE, certificate)?;
    if fields.first() == Some(&VERSION) {
        fields = element(fields)?.2;
    }
    // Serial number, algorithm, issuer.
    for _ in 0..3 {
        fields = element(fields)?.2;
    }
    let (validity, _) = of(SEQUENCE, fields)?;
    let (tag, text, _) = element(element(validity)?.2)?;
    time(tag, text)
}

/// Tag, content, and what follows.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let [tag, first, rest @ ..] = bytes else { return None };
    let (length, rest) = match first {
        0..=0x7f => (usize::from(*first), rest),
        0x81..=0x83 => {
            let (length, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (length.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    let (content, after) = rest.split_at_checked(length)?;
    Some((*tag, content, after))
}

fn of(wanted: u8, bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    element(bytes).filter(|(tag, ..)| *tag == wanted).map(|(_, content, after)| (content, after))
}

/// `YYMMDDHHMMSSZ` until 2049, `YYYYMMDDHHMMSSZ` from then on.
fn time(tag: u8, text: &[u8]) -> Option<Timestamp> {
    let text = str::from_utf8(text).ok().filter(|text| text.is_ascii())?;
    let (year, rest) = match tag {
        UTC_TIME => {
            let (year, rest) = text.split_at_checked(2)?;
            let century = if year >= "50" { "19" } else { "20" };
            (format!("{century}{year}"), rest)
        }
        GENERALIZED_TIME => {
            let (year, rest) = text.split_at_checked(4)?;
            (year.to_owned(), rest)
        }
        _ => return None,
    };
    let part = |at: usize| rest.get(at..at + 2);
    let (month, day, hour, minute, second) = (part(0)?, part(2)?, part(4)?, part(6)?, part(8)?);
    let written = format!("{year}-{month}-{day}T{hour}:{minute}:{second}Z");
    written.parse().ok().filter(|_| rest.get(10..) == Some("Z"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn wrapped(tag: u8, parts: &[Vec<u8>]) -> Vec<u8> {
        let content = parts.concat();
        let length = content.len();
        let head = match u8::try_from(length) {
            Ok(short) if short < 0x80 => vec![tag, short],
            _ => [&[tag, 0x82][..], &u16::try_from(length).unwrap().to_be_bytes()].concat(),
        };
        [head, content].concat()
    }

    fn certificate(ends: Vec<u8>, is_first_version: bool) -> Vec<u8> {
        let version = wrapped(VERSION, &[wrapped(2, &[vec![2]])]);
        let issuer = wrapped(SEQUENCE, &[vec![5; 200]]);
        let validity = wrapped(SEQUENCE, &[wrapped(UTC_TIME, &[b"250101000000Z".to_vec()]), ends]);
        let fields = [wrapped(2, &[vec![7; 16]]), wrapped(SEQUENCE, &[vec![6, 0]]), issuer, validity];
        let fields = if is_first_version { fields.concat() } else { [version, fields.concat()].concat() };
        wrapped(SEQUENCE, &[wrapped(SEQUENCE, &[fields]), wrapped(SEQUENCE, &[]), wrapped(3, &[vec![0; 70]])])
    }

    #[test]
    fn the_end_is_read_in_both_spellings() {
        let ends = wrapped(UTC_TIME, &[b"491231235959Z".to_vec()]);
        let time: Timestamp = "2049-12-31T23:59:59Z".parse().unwrap();
        assert_eq!(not_after(&certificate(ends.clone(), false)), Some(time));
        assert_eq!(not_after(&certificate(ends, true)), Some(time));
        let ends = wrapped(GENERALIZED_TIME, &[b"20500101000000Z".to_vec()]);
        assert_eq!(not_after(&certificate(ends, false)), "2050-01-01T00:00:00Z".parse().ok());
    }

    #[test]
    fn what_is_no_certificate_has_no_end() {
        let whole = certificate(wrapped(UTC_TIME, &[b"491231235959Z".to_vec()]), false);
        assert!((0..whole.len()).all(|cut| not_after(&whole[..cut]).is_none()));
        assert_eq!(not_after(&certificate(wrapped(UTC_TIME, &[b"491331235959Z".to_vec()]), false)), None);
        assert_eq!(not_after(&certificate(wrapped(UTC_TIME, &[b"491231235959+0100".to_vec()]), false)), None);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), ends in ".{0,20}") {
            let _ = not_after(&bytes);
            let _ = not_after(&certificate(wrapped(UTC_TIME, &[ends.into_bytes()]), false));
        }
    }
}
