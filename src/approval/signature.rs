//! SSH signatures (the format of `ssh-keygen -Y`) over a statement's text.
//!
//! What a signature is for is part of what is signed: one under a decision is none under an answer.

use super::Refusal;
use russh::keys::ssh_key::{
    Algorithm, HashAlg, LineEnding, PrivateKey, PublicKey, Signature, SshSig, encoding::Decode,
};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What a signature is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A decision at the gate of a run.
    Decision,
    /// What a person did in a procedure.
    Testimony,
}

impl Purpose {
    /// The word in the signature; `ssh-keygen` calls it the namespace.
    #[must_use]
    pub fn namespace(self) -> &'static str {
        match self {
            Self::Decision => "esclusa-decision@v1",
            Self::Testimony => "esclusa-activity@v1",
        }
    }
}

/// Largest armored signature in bytes; RSA with 16384 bits needs less.
pub const SIGNATURE_BYTES_MAX: usize = 16 * 1024;

/// SHA-256 fingerprint of a public key, as `ssh-keygen -l` writes it: `SHA256:…`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyFingerprint(pub String);

impl fmt::Display for KeyFingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Why nothing was signed. Never carries the key or its passphrase.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// Not a private key in OpenSSH's form.
    #[error("the private key is not in OpenSSH's form")]
    NotAKey,
    /// The key is encrypted, and there is no passphrase.
    #[error("the private key needs its passphrase")]
    NeedsPassphrase,
    /// The passphrase does not open the key.
    #[error("the passphrase does not open the private key")]
    WrongPassphrase,
    /// The agent's answer is not a signature by this key.
    #[error("the agent did not answer with a signature by this key")]
    BadAgentSignature,
    /// The key cannot sign.
    #[error("the key cannot sign")]
    CannotSign,
}

/// Signs `text` with a private key in OpenSSH's form and returns the armored signature.
pub fn sign(
    purpose: Purpose,
    text: &str,
    private_key: &str,
    passphrase: Option<&str>,
) -> Result<String, SignError> {
    let mut key = PrivateKey::from_openssh(private_key).map_err(|_| SignError::NotAKey)?;
    if key.is_encrypted() {
        let passphrase = passphrase.ok_or(SignError::NeedsPassphrase)?;
        key = key.decrypt(passphrase).map_err(|_| SignError::WrongPassphrase)?;
    }
    let signature =
        key.sign(purpose.namespace(), HashAlg::Sha512, text.as_bytes()).map_err(|_| SignError::CannotSign)?;
    signature.to_pem(LineEnding::LF).map_err(|_| SignError::CannotSign)
}

/// The public half of a private key in OpenSSH's form; an encrypted one shows it too.
pub fn public_half(private_key: &str) -> Result<String, SignError> {
    let key = PrivateKey::from_openssh(private_key).map_err(|_| SignError::NotAKey)?;
    key.public_key().to_openssh().map_err(|_| SignError::NotAKey)
}

/// The bytes that an SSH agent is asked to sign for `text`.
pub fn signed_bytes(purpose: Purpose, text: &str) -> Result<Vec<u8>, SignError> {
    SshSig::signed_data(purpose.namespace(), HashAlg::Sha512, text.as_bytes())
        .map_err(|_| SignError::CannotSign)
}

/// Makes the armored signature of `text` from an agent's answer to [`signed_bytes`].
///
/// `agent_signature` is the answer's signature blob: algorithm name and signature, each with its length.
pub fn assemble(
    purpose: Purpose,
    text: &str,
    public_key: &str,
    agent_signature: &[u8],
) -> Result<String, SignError> {
    let namespace = purpose.namespace();
    let public_key = PublicKey::from_openssh(public_key).map_err(|_| SignError::NotAKey)?;
    let signature = Signature::decode(&mut &*agent_signature).map_err(|_| SignError::BadAgentSignature)?;
    let signature = SshSig::new(public_key.key_data().clone(), namespace, HashAlg::Sha512, signature)
        .map_err(|_| SignError::BadAgentSignature)?;
    public_key.verify(namespace, text.as_bytes(), &signature).map_err(|_| SignError::BadAgentSignature)?;
    signature.to_pem(LineEnding::LF).map_err(|_| SignError::CannotSign)
}

/// Verifies that one of `keys` (OpenSSH's form) signed exactly `text` for this purpose; says which.
pub fn verify_signature(
    purpose: Purpose,
    text: &str,
    armored: &str,
    keys: &[String],
) -> Result<KeyFingerprint, Refusal> {
    if armored.len() > SIGNATURE_BYTES_MAX {
        return Err(Refusal::BadSignature);
    }
    let signature = SshSig::from_pem(armored.as_bytes()).map_err(|_| Refusal::BadSignature)?;
    if signature.version() != SshSig::VERSION || signature.algorithm() == (Algorithm::Rsa { hash: None }) {
        return Err(Refusal::BadSignature);
    }
    if signature.namespace() != purpose.namespace() {
        return Err(Refusal::WrongNamespace);
    }
    let key = keys
        .iter()
        .filter_map(|key| PublicKey::from_openssh(key).ok())
        .find(|key| key.key_data() == signature.public_key())
        .ok_or(Refusal::KeyNotListed)?;
    key.verify(purpose.namespace(), text.as_bytes(), &signature).map_err(|_| Refusal::TextChanged)?;
    Ok(fingerprint(&key))
}

/// The fingerprint of a public key in OpenSSH's form, if it is one.
#[must_use]
pub fn key_fingerprint(public_key: &str) -> Option<KeyFingerprint> {
    PublicKey::from_openssh(public_key).ok().map(|key| fingerprint(&key))
}

fn fingerprint(key: &PublicKey) -> KeyFingerprint {
    KeyFingerprint(key.fingerprint(HashAlg::Sha256).to_string())
}

#[cfg(test)]
mod tests {
    use super::super::trial;
    use super::*;
    use std::{fs, path::Path, process::Command, process::Stdio};

    #[test]
    fn a_signature_counts_for_its_text_and_its_keys_only() {
        let key = trial::key("diana");
        let armored = sign(Purpose::Decision, "text", &key.private, None).unwrap();
        let keys = vec!["no key".to_owned(), key.public.clone()];
        assert_eq!(
            verify_signature(Purpose::Decision, "text", &armored, &keys),
            Ok(key_fingerprint(&key.public).unwrap())
        );
        assert_eq!(verify_signature(Purpose::Decision, "texT", &armored, &keys), Err(Refusal::TextChanged));
        assert_eq!(verify_signature(Purpose::Decision, "text", &armored, &[]), Err(Refusal::KeyNotListed));
        let other = trial::key("ursula").public;
        assert_eq!(
            verify_signature(Purpose::Decision, "text", &armored, &[other]),
            Err(Refusal::KeyNotListed)
        );
        for broken in ["", "x", &armored[..armored.len() / 2], &"A".repeat(SIGNATURE_BYTES_MAX + 1)] {
            assert_eq!(
                verify_signature(Purpose::Decision, "text", broken, &keys),
                Err(Refusal::BadSignature)
            );
        }
    }

    #[test]
    fn a_signature_for_another_purpose_is_refused() {
        let key = trial::key("diana");
        let private = PrivateKey::from_openssh(&key.private).unwrap();
        let armored = private.sign("file", HashAlg::Sha512, b"text").unwrap().to_pem(LineEnding::LF).unwrap();
        assert_eq!(
            verify_signature(Purpose::Decision, "text", &armored, &[key.public]),
            Err(Refusal::WrongNamespace)
        );
    }

    #[test]
    fn an_agents_answer_becomes_the_same_signature() {
        use russh::keys::ssh_key::encoding::Encode as _;
        let key = trial::key("diana");
        let private = PrivateKey::from_openssh(&key.private).unwrap();
        let bytes = signed_bytes(Purpose::Decision, "text").unwrap();
        let answer: Signature = signature_of(&private, &bytes);
        let blob = answer.encode_vec().unwrap();
        let armored = assemble(Purpose::Decision, "text", &key.public, &blob).unwrap();
        assert!(
            verify_signature(Purpose::Decision, "text", &armored, std::slice::from_ref(&key.public)).is_ok()
        );
        assert_eq!(
            assemble(Purpose::Decision, "other", &key.public, &blob),
            Err(SignError::BadAgentSignature)
        );
        assert_eq!(
            assemble(Purpose::Decision, "text", &key.public, b"junk"),
            Err(SignError::BadAgentSignature)
        );
    }

    fn signature_of(key: &PrivateKey, bytes: &[u8]) -> Signature {
        // SshSig signs exactly `bytes` and carries the raw signature.
        let signed = key.sign(Purpose::Decision.namespace(), HashAlg::Sha512, b"text").unwrap();
        assert_eq!(bytes, signed_bytes(Purpose::Decision, "text").unwrap());
        signed.signature().clone()
    }

    fn keygen(directory: &Path, arguments: &[&str], input: &str) -> bool {
        use std::io::Write as _;
        let mut child = Command::new("ssh-keygen")
            .args(arguments)
            .current_dir(directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("ssh-keygen is part of the tests' tools");
        // A child that refuses early need not read its input.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        child.wait().unwrap().success()
    }

    #[test]
    fn openssh_verifies_what_is_signed_here_and_the_other_way_round() {
        let directory = tempfile::tempdir().unwrap();
        let at = directory.path();
        for (kind, bits, passphrase) in
            [("ed25519", "256", ""), ("ecdsa", "256", ""), ("rsa", "2048", ""), ("ed25519", "256", "sesame")]
        {
            for old in ["key", "key.pub", "text.sig"] {
                let _ = fs::remove_file(at.join(old));
            }
            assert!(keygen(at, &["-q", "-t", kind, "-b", bits, "-N", passphrase, "-f", "key"], ""));
            let (private, public) = (
                fs::read_to_string(at.join("key")).unwrap(),
                fs::read_to_string(at.join("key.pub")).unwrap(),
            );
            let passphrase = (!passphrase.is_empty()).then_some(passphrase);
            if passphrase.is_some() {
                assert_eq!(
                    sign(Purpose::Decision, "decisión", &private, None),
                    Err(SignError::NeedsPassphrase)
                );
                assert_eq!(
                    sign(Purpose::Decision, "decisión", &private, Some("other")),
                    Err(SignError::WrongPassphrase)
                );
            }
            let armored = sign(Purpose::Decision, "decisión", &private, passphrase).unwrap();
            fs::write(at.join("signers"), format!("diana {public}")).unwrap();
            fs::write(at.join("ours.sig"), &armored).unwrap();
            let verify = [
                "-Y",
                "verify",
                "-f",
                "signers",
                "-I",
                "diana",
                "-n",
                Purpose::Decision.namespace(),
                "-s",
                "ours.sig",
            ];
            assert!(keygen(at, &verify, "decisión"), "{kind}");
            assert!(!keygen(at, &verify, "decision"), "{kind}");

            if passphrase.is_none() {
                fs::write(at.join("text"), "decisión").unwrap();
                assert!(keygen(
                    at,
                    &["-q", "-Y", "sign", "-f", "key", "-n", Purpose::Decision.namespace(), "text"],
                    ""
                ));
                let theirs = fs::read_to_string(at.join("text.sig")).unwrap();
                let keys = std::slice::from_ref(&public);
                assert!(verify_signature(Purpose::Decision, "decisión", &theirs, keys).is_ok(), "{kind}");
                assert_eq!(
                    verify_signature(Purpose::Decision, "otra", &theirs, keys),
                    Err(Refusal::TextChanged)
                );
            }
        }
    }
}
