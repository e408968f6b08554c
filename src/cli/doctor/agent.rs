//! Which public keys an SSH agent holds: one question of its protocol, which asks nobody for anything.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use std::{
    io::{self, Read as _, Write as _},
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};

/// How long an agent may think.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Most bytes of its answer.
const ANSWER_BYTES_MAX: u32 = 256 * 1024;
const REQUEST_IDENTITIES: u8 = 11;
const IDENTITIES_ANSWER: u8 = 12;

/// The keys, each as the second word of OpenSSH's form.
pub fn keys(socket: &Path) -> io::Result<Vec<String>> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    stream.write_all(&[0, 0, 0, 1, REQUEST_IDENTITIES])?;
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let length = u32::from_be_bytes(length);
    if length > ANSWER_BYTES_MAX {
        return Err(io::Error::other("its answer is too long"));
    }
    let mut answer = vec![0; length as usize];
    stream.read_exact(&mut answer)?;
    read(&answer).ok_or_else(|| io::Error::other("its answer is not understood"))
}

fn read(answer: &[u8]) -> Option<Vec<String>> {
    let (kind, rest) = answer.split_first()?;
    if *kind != IDENTITIES_ANSWER {
        return None;
    }
    let (count, mut rest) = rest.split_first_chunk::<4>()?;
    let mut keys = Vec::new();
    for _ in 0..u32::from_be_bytes(*count) {
        let key;
        (key, rest) = text(rest)?;
        (_, rest) = text(rest)?;
        keys.push(BASE64_STANDARD.encode(key));
    }
    Some(keys)
}

fn text(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(u32::from_be_bytes(*length) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_and_a_broken_one_refused() {
        let good = [&[12, 0, 0, 0, 1, 0, 0, 0, 3][..], b"key", &[0, 0, 0, 1], b"c"].concat();
        assert_eq!(read(&good), Some(vec!["a2V5".to_owned()]));
        assert_eq!(read(&[12, 0, 0, 0, 0]), Some(Vec::new()));
        for length in 0..good.len() {
            assert_eq!(read(&good[..length]), None, "{length}");
        }
        assert_eq!(read(&[5]), None);
        assert_eq!(read(&[12, 255, 255, 255, 255, 255, 255, 255, 255]), None);
    }
}
