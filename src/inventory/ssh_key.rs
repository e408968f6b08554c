//! Public keys in OpenSSH's form, as files name them.

use base64::{Engine as _, prelude::BASE64_STANDARD};

/// Algorithms of keys that are accepted.
const ALGORITHMS: &[&str] = &[
    "ssh-ed25519",
    "ssh-rsa",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
];

/// `algorithm base64` of a public key's line, without its comment; what is wrong with it otherwise.
pub fn without_comment(line: &str) -> Result<String, String> {
    let mut words = line.split_whitespace();
    let (Some(algorithm), Some(body)) = (words.next(), words.next()) else {
        return Err("a public key is written as `ssh-ed25519 AAAA…`".to_owned());
    };
    if !ALGORITHMS.contains(&algorithm) {
        return Err(format!("`{algorithm}` is no kind of public key: use one of {}", ALGORITHMS.join(", ")));
    }
    // The body repeats the algorithm: length in four bytes, then its name.
    let bytes = BASE64_STANDARD.decode(body).map_err(|_| "the key's second word is not base64".to_owned())?;
    let named = bytes.get(4..4 + algorithm.len());
    if named != Some(algorithm.as_bytes()) {
        return Err(format!("the key's second word is no key of kind `{algorithm}`"));
    }
    Ok(format!("{algorithm} {body}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_key_is_taken_without_its_comment_and_a_mangled_one_refused() {
        let good = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJKpeh9mMdMIEkWYUZiMfhuFPeSv8ADOyjQTDp7jdz1L";
        assert_eq!(without_comment(&format!("{good} me@here")).as_deref(), Ok(good));
        for bad in ["", "ssh-ed25519", "ssh-dss AAAA", "ssh-ed25519 AAAA", "ssh-rsa !!", &good[12..]] {
            assert!(without_comment(bad).is_err(), "{bad}");
        }
    }
}
