//! Files of known host keys, read as OpenSSH reads them: hashed names, wildcards, negations, ports,
//! `@revoked` and `@cert-authority`. A line that cannot be read is passed over, as OpenSSH does.

use russh::keys::ssh_key::PublicKey;

/// What a line says of its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Marker {
    /// The host has this key.
    Host,
    /// The key signs certificates of the host.
    Authority,
    /// The key must not be accepted.
    Revoked,
}

/// A line that speaks of the host that was asked for.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) marker: Marker,
    pub(super) key: PublicKey,
    pub(super) line: usize,
}

/// The name under which a host is looked up: `host`, or `[host]:port` off port 22.
pub(super) fn lookup_name(host: &str, port: u16) -> String {
    let host = host.to_ascii_lowercase();
    if port == 22 { host } else { format!("[{host}]:{port}") }
}

/// Every readable line of `text` that speaks of `name`.
pub(super) fn entries(text: &str, name: &str) -> Vec<Entry> {
    text.lines().enumerate().filter_map(|(index, line)| entry(line, name, index + 1)).collect()
}

fn entry(line: &str, name: &str, number: usize) -> Option<Entry> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return None;
    }
    let mut fields = line.split_whitespace();
    let mut first = fields.next()?;
    let marker = match first {
        "@revoked" => Marker::Revoked,
        "@cert-authority" => Marker::Authority,
        other if other.starts_with('@') => return None,
        _ => Marker::Host,
    };
    if marker != Marker::Host {
        first = fields.next()?;
    }
    if !matches(first, name) {
        return None;
    }
    let key = PublicKey::from_openssh(&format!("{} {}", fields.next()?, fields.next()?)).ok()?;
    Some(Entry { marker, key, line: number })
}

fn matches(patterns: &str, name: &str) -> bool {
    if let Some(hashed) = patterns.strip_prefix("|1|") {
        return hashed_matches(hashed, name).unwrap_or(false);
    }
    let mut found = false;
    for pattern in patterns.split(',') {
        if let Some(negated) = pattern.strip_prefix('!') {
            if wildcard(&negated.to_ascii_lowercase(), name) {
                return false;
            }
        } else if wildcard(&pattern.to_ascii_lowercase(), name) {
            found = true;
        }
    }
    found
}

fn hashed_matches(hashed: &str, name: &str) -> Option<bool> {
    use base64::{Engine as _, prelude::BASE64_STANDARD};
    let (salt, hash) = hashed.split_once('|')?;
    let salt = BASE64_STANDARD.decode(salt).ok()?;
    let hash = BASE64_STANDARD.decode(hash).ok()?;
    Some(hmac_sha1(&salt, name.as_bytes()).as_slice() == hash)
}

/// Whether `text` matches `pattern`, in which `*` is any text and `?` any one character.
pub(super) fn wildcard(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(&c) if c == b'?' || c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    p = at + 1;
                    t = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == b'*')
}

/// HMAC-SHA-1: only because OpenSSH hides host names with it; nothing rests on its strength.
fn hmac_sha1(key: &[u8], message: &[u8]) -> [u8; 20] {
    let mut block = [0u8; 64];
    if key.len() > 64 {
        block[..20].copy_from_slice(&sha1(key));
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    let mut inner: Vec<u8> = block.iter().map(|byte| byte ^ 0x36).collect();
    inner.extend_from_slice(message);
    let mut outer: Vec<u8> = block.iter().map(|byte| byte ^ 0x5c).collect();
    outer.extend_from_slice(&sha1(&inner));
    sha1(&outer)
}

fn sha1(message: &[u8]) -> [u8; 20] {
    let mut state: [u32; 5] = [0x6745_2301, 0xEFCD_AB89, 0x98BA_DCFE, 0x1032_5476, 0xC3D2_E1F0];
    let mut padded = message.to_vec();
    padded.push(0x80);
    while padded.len() % 64 != 56 {
        padded.push(0);
    }
    padded.extend_from_slice(&(message.len() as u64 * 8).to_be_bytes());
    for block in padded.chunks_exact(64) {
        sha1_block(&mut state, block);
    }
    let mut digest = [0; 20];
    for (bytes, word) in digest.chunks_exact_mut(4).zip(state) {
        bytes.copy_from_slice(&word.to_be_bytes());
    }
    digest
}

fn sha1_block(state: &mut [u32; 5], block: &[u8]) {
    let mut words = [0u32; 80];
    for (word, bytes) in words.iter_mut().zip(block.chunks_exact(4)) {
        *word = bytes.iter().fold(0, |word, byte| word << 8 | u32::from(*byte));
    }
    for i in 16..80 {
        words[i] = (words[i - 3] ^ words[i - 8] ^ words[i - 14] ^ words[i - 16]).rotate_left(1);
    }
    let [mut a, mut b, mut c, mut d, mut e] = *state;
    for (i, word) in words.iter().enumerate() {
        let (f, k) = match i {
            0..20 => ((b & c) | (!b & d), 0x5A82_7999),
            20..40 => (b ^ c ^ d, 0x6ED9_EBA1),
            40..60 => ((b & c) | (b & d) | (c & d), 0x8F1B_BCDC),
            _ => (b ^ c ^ d, 0xCA62_C1D6_u32),
        };
        let next = a.rotate_left(5).wrapping_add(f).wrapping_add(e).wrapping_add(k).wrapping_add(*word);
        (e, d, c, b, a) = (d, c, b.rotate_left(30), a, next);
    }
    for (sum, part) in state.iter_mut().zip([a, b, c, d, e]) {
        *sum = sum.wrapping_add(part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sha1_and_its_hmac_give_the_published_values() {
        assert_eq!(hex::encode(sha1(b"abc")), "a9993e364706816aba3e25717850c26c9cd0d89d");
        assert_eq!(
            hex::encode(hmac_sha1(b"Jefe", b"what do ya want for nothing?")),
            "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"
        );
    }

    #[test]
    fn wildcards_match_like_those_of_openssh() {
        for (pattern, text, matched) in [
            ("*", "", true),
            ("*.example.org", "a.example.org", true),
            ("*.example.org", "example.org", false),
            ("a?c*", "abcd", true),
            ("a?c", "ac", false),
            ("[*.x]:2?", "[a.x]:22", true),
            ("***a***", "a", true),
        ] {
            assert_eq!(wildcard(pattern, text), matched, "{pattern} {text}");
        }
    }
}
