//! Keys of our own: making one, and signing with the agent.

use super::TransportError;
use super::auth::connect_agent;
use russh::keys::agent::AgentIdentity;
use russh::keys::ssh_key::{LineEnding, SshSig};
use russh::keys::{Algorithm, HashAlg, PrivateKey, PublicKey};
use std::path::Path;
use zeroize::Zeroizing;

/// Makes an Ed25519 key: the private half in OpenSSH's form without passphrase, and the public one.
///
/// # Errors
/// [`TransportError::Key`] if it cannot be written as text.
pub fn generate_key(comment: &str) -> Result<(Zeroizing<String>, String), TransportError> {
    let fail = |error: russh::keys::ssh_key::Error| TransportError::Key {
        key: "ed25519".to_owned(),
        cause: error.to_string(),
    };
    let mut key = PrivateKey::random(&mut russh::keys::key::safe_rng(), Algorithm::Ed25519).map_err(fail)?;
    key.set_comment(comment);
    let public = key.public_key().to_openssh().map_err(fail)?;
    Ok((key.to_openssh(LineEnding::LF).map_err(fail)?, public))
}

/// The public keys that the agent holds, in OpenSSH's form without comments; none when no agent answers.
pub async fn agent_keys(agent: Option<&Path>) -> Vec<String> {
    let Some(mut client) = connect_agent(agent).await else { return Vec::new() };
    let held = client.request_identities().await.unwrap_or_default();
    held.iter()
        .filter(|identity| matches!(identity, AgentIdentity::PublicKey { .. }))
        .filter_map(|identity| PublicKey::new(identity.public_key().key_data().clone(), "").to_openssh().ok())
        .collect()
}

/// Signs `message` with a key that the agent holds; the armoured form of `ssh-keygen -Y sign`.
///
/// # Errors
/// [`TransportError::Key`] when there is no agent, it lacks the key, or it declines.
pub async fn sign_with_agent(
    agent: Option<&Path>,
    public_key: &str,
    namespace: &str,
    message: &[u8],
) -> Result<String, TransportError> {
    let fail = |key: &str, cause: String| TransportError::Key { key: key.to_owned(), cause };
    let key = PublicKey::from_openssh(public_key.trim())
        .map_err(|_| fail("public key", "it is not in OpenSSH's form".to_owned()))?;
    let key = PublicKey::new(key.key_data().clone(), "");
    let name = key.fingerprint(HashAlg::Sha256).to_string();
    let mut client =
        connect_agent(agent).await.ok_or_else(|| fail(&name, "no SSH agent answers".to_owned()))?;
    let held = client.request_identities().await.map_err(|error| fail(&name, error.to_string()))?;
    let holds = |identity: &AgentIdentity| identity.public_key().key_data() == key.key_data();
    if !held.iter().any(holds) {
        return Err(fail(&name, "the agent does not hold it".to_owned()));
    }
    let text = SshSig::signed_data(namespace, HashAlg::Sha512, message)
        .map_err(|error| fail(&name, error.to_string()))?;
    let hash = key.algorithm().is_rsa().then_some(HashAlg::Sha512);
    let signature = client
        .sign_request_signature(&key, hash, &text)
        .await
        .map_err(|error| fail(&name, format!("the agent did not sign: {error}")))?;
    let signature = SshSig::new(key.key_data().clone(), namespace, HashAlg::Sha512, signature)
        .map_err(|error| fail(&name, error.to_string()))?;
    signature.to_pem(LineEnding::LF).map_err(|error| fail(&name, error.to_string()))
}
