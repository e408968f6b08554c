//! Whether a host key is the right one. Never accepted in silence.

use super::TransportError;
use super::known_hosts::{self, Entry, Marker};
use crate::model::{HostKey, ServerName};
use russh::keys::ssh_key::{EcdsaCurve, certificate::CertType};
use russh::keys::{Algorithm, Certificate, HashAlg, PublicKey, PublicKeyOrCertificate};
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

/// Returns `SHA256:…` of a pinned key, or nothing if it is no key.
#[must_use]
pub fn fingerprint(key: &HostKey) -> Option<String> {
    PublicKey::from_openssh(&key.0).ok().map(|key| key.fingerprint(HashAlg::Sha256).to_string())
}

/// The key in OpenSSH's form without its comment.
pub(super) fn without_comment(key: &PublicKey) -> HostKey {
    let text = PublicKey::new(key.key_data().clone(), "").to_openssh().unwrap_or_default();
    HostKey(text.trim_end().to_owned())
}

/// What is known of one server's host keys.
#[derive(Debug, Clone)]
pub(super) struct Trust {
    server: ServerName,
    /// Where a lookup by certificate needs the plain name.
    host: String,
    pinned: Vec<PublicKey>,
    /// Lines that speak of the host, with their file.
    known: Vec<(PathBuf, Entry)>,
    /// Lines that speak of the host without its port; good for accepting, not for refusing.
    without_port: Vec<(PathBuf, Entry)>,
    /// Take any key; only for showing it.
    pub(super) show_only: bool,
}

impl Trust {
    pub(super) fn new(
        server: &ServerName,
        host: &str,
        port: u16,
        alias: Option<&str>,
        pinned: &[HostKey],
        files: &[(PathBuf, String)],
    ) -> Self {
        let name = alias.map_or_else(|| known_hosts::lookup_name(host, port), str::to_ascii_lowercase);
        let plain = alias.unwrap_or(host).to_ascii_lowercase();
        let find = |name: &str| -> Vec<(PathBuf, Entry)> {
            let in_file = |(path, text): &(PathBuf, String)| {
                known_hosts::entries(text, name)
                    .into_iter()
                    .map(|entry| (path.clone(), entry))
                    .collect::<Vec<_>>()
            };
            files.iter().flat_map(in_file).collect()
        };
        let without_port = if name == plain { Vec::new() } else { find(&plain) };
        Self {
            server: server.clone(),
            pinned: pinned.iter().filter_map(|key| PublicKey::from_openssh(&key.0).ok()).collect(),
            known: find(&name),
            without_port,
            host: plain,
            show_only: false,
        }
    }

    /// Host key algorithms, those of known keys first, so that the server shows a key that is known.
    /// The SHA-1 form of RSA is not among them.
    pub(super) fn algorithms(&self) -> Vec<Algorithm> {
        let mut all = vec![
            Algorithm::Ed25519,
            Algorithm::Ecdsa { curve: EcdsaCurve::NistP256 },
            Algorithm::Ecdsa { curve: EcdsaCurve::NistP384 },
            Algorithm::Ecdsa { curve: EcdsaCurve::NistP521 },
            Algorithm::Rsa { hash: Some(HashAlg::Sha512) },
            Algorithm::Rsa { hash: Some(HashAlg::Sha256) },
        ];
        let known: Vec<Algorithm> = if self.pinned.is_empty() {
            let lines = self.known.iter().chain(&self.without_port);
            lines
                .filter(|(_, entry)| entry.marker == Marker::Host)
                .map(|(_, entry)| entry.key.algorithm())
                .collect()
        } else {
            self.pinned.iter().map(PublicKey::algorithm).collect()
        };
        let is_rsa = |algorithm: &Algorithm| matches!(algorithm, Algorithm::Rsa { .. });
        let is_known = |algorithm: &Algorithm| {
            known.iter().any(|known| known == algorithm || (is_rsa(known) && is_rsa(algorithm)))
        };
        all.sort_by_key(|algorithm| !is_known(algorithm));
        all
    }

    /// Algorithms under which a host certificate is asked for: none where no authority is known.
    pub(super) fn certificate_algorithms(&self) -> Vec<Algorithm> {
        let has_authority = self.known.iter().any(|(_, entry)| entry.marker == Marker::Authority);
        if has_authority && self.pinned.is_empty() { self.algorithms() } else { Vec::new() }
    }

    /// Accepts or refuses what the server showed.
    pub(super) fn check(&self, shown: &PublicKeyOrCertificate) -> Result<(), TransportError> {
        let key = shown.public_key();
        if self.show_only {
            return Ok(());
        }
        self.refuse_revoked(&key)?;
        if let Some(certificate) = shown.certificate()
            && self.authorities().next().is_some()
        {
            return self.check_certificate(certificate);
        }
        let same = |known: &PublicKey| known.key_data() == key.key_data();
        let fingerprint = key.fingerprint(HashAlg::Sha256).to_string();
        if !self.pinned.is_empty() {
            if self.pinned.iter().any(same) {
                return Ok(());
            }
            let place = "the inventory".to_owned();
            return Err(TransportError::ChangedHostKey { server: self.server.clone(), fingerprint, place });
        }
        let mut hosts = self.known.iter().filter(|(_, entry)| entry.marker == Marker::Host).peekable();
        if let Some((path, entry)) = hosts.peek().copied() {
            if hosts.any(|(_, entry)| same(&entry.key)) {
                return Ok(());
            }
            let place = format!("`{}` line {}", path.display(), entry.line);
            return Err(TransportError::ChangedHostKey { server: self.server.clone(), fingerprint, place });
        }
        if self.without_port.iter().any(|(_, entry)| entry.marker == Marker::Host && same(&entry.key)) {
            return Ok(());
        }
        let key = without_comment(&key);
        Err(TransportError::UnknownHostKey { server: self.server.clone(), fingerprint, key })
    }

    fn authorities(&self) -> impl Iterator<Item = &PublicKey> {
        self.known.iter().filter(|(_, entry)| entry.marker == Marker::Authority).map(|(_, entry)| &entry.key)
    }

    fn refuse_revoked(&self, key: &PublicKey) -> Result<(), TransportError> {
        let lines = self.known.iter().chain(&self.without_port);
        for (path, entry) in lines.filter(|(_, entry)| entry.marker == Marker::Revoked) {
            if entry.key.key_data() == key.key_data() {
                return Err(TransportError::RevokedHostKey {
                    server: self.server.clone(),
                    fingerprint: key.fingerprint(HashAlg::Sha256).to_string(),
                    place: format!("`{}` line {}", path.display(), entry.line),
                });
            }
        }
        Ok(())
    }

    fn check_certificate(&self, certificate: &Certificate) -> Result<(), TransportError> {
        let refuse = |cause: &str| {
            Err(TransportError::HostCertificate { server: self.server.clone(), cause: cause.to_owned() })
        };
        self.refuse_revoked(&PublicKey::new(certificate.signature_key().clone(), ""))?;
        if certificate.cert_type() != CertType::Host {
            return refuse("it is not for a host");
        }
        let trusted = self.authorities().any(|key| key.key_data() == certificate.signature_key());
        if !trusted {
            return refuse("its authority is not known");
        }
        let named = certificate
            .valid_principals()
            .iter()
            .any(|name| known_hosts::wildcard(&name.to_ascii_lowercase(), &self.host));
        if !named {
            return refuse("it is not for this name");
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
        if now < certificate.valid_after() || now >= certificate.valid_before() {
            return refuse("it is not valid now");
        }
        let authority = certificate.signature_key().fingerprint(HashAlg::Sha256);
        match certificate.validate_at(now, [&authority]) {
            Ok(()) => Ok(()),
            Err(_) => refuse("its signature or options are wrong"),
        }
    }
}
