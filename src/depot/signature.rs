//! Detached signatures of artifacts: minisign by itself, GPG by `gpgv`.

use super::blobs::CHUNK_BYTES;
use super::error::{DepotError, file};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use minisign_verify::{PublicKey, Signature};
use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// Largest file whose minisign signature is of the old form, which needs it in memory.
const LEGACY_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Largest keyring.
const KEYRING_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Verifies that the holder of the minisign key `key` signed the file `path`.
///
/// `signature` is the signature file's text, `key` the public key's base64 line or its whole file.
pub fn verify_minisign(path: &Path, signature: &str, key: &str) -> Result<(), DepotError> {
    let refused = |why: &str| unproven("minisign", path, why);
    let line = key.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default().trim();
    let key = PublicKey::from_base64(line).map_err(|_| refused("the public key is not one of minisign"))?;
    let signature = Signature::decode(signature).map_err(|_| refused("it is not a minisign signature"))?;
    let mut blob = File::open(path).map_err(file(path, "read"))?;
    let verdict = match key.verify_stream(&signature) {
        Ok(mut verifier) => {
            let mut chunk = vec![0; CHUNK_BYTES];
            loop {
                let count = blob.read(&mut chunk).map_err(file(path, "read"))?;
                if count == 0 {
                    break;
                }
                verifier.update(&chunk[..count]);
            }
            verifier.finalize()
        }
        Err(minisign_verify::Error::UnsupportedLegacyMode) => {
            let mut bytes = Vec::new();
            blob.take(LEGACY_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(file(path, "read"))?;
            if bytes.len() as u64 > LEGACY_BYTES_MAX {
                return Err(refused("it is of the old form, and the file is too large for that"));
            }
            key.verify(&bytes, &signature, true)
        }
        Err(error) => Err(error),
    };
    verdict.map_err(|error| match error {
        minisign_verify::Error::UnexpectedKeyId => refused("it was made with another key"),
        _ => refused("file and signature do not belong together"),
    })
}

/// Verifies that a key of the file `keyring` made the detached GPG `signature` of the file `path`, and
/// returns the key's fingerprint. An armoured keyring is fine; expired and revoked keys are not.
pub fn verify_gpg(path: &Path, signature: &[u8], keyring: &Path) -> Result<String, DepotError> {
    let folder = tempfile::tempdir().map_err(file(&std::env::temp_dir(), "written to"))?;
    let (signature_file, ring) = (folder.path().join("signature"), folder.path().join("keyring.gpg"));
    let mut keys = Vec::new();
    let keyring_file = File::open(keyring).map_err(file(keyring, "read"))?;
    keyring_file.take(KEYRING_BYTES_MAX).read_to_end(&mut keys).map_err(file(keyring, "read"))?;
    let keys = dearmoured(keys).ok_or_else(|| unproven("GPG", path, "the keyring's armour is broken"))?;
    std::fs::write(&signature_file, signature).map_err(file(&signature_file, "written"))?;
    std::fs::write(&ring, keys).map_err(file(&ring, "written"))?;
    let path = std::path::absolute(path).map_err(file(path, "read"))?;
    let output = Command::new("gpgv")
        .args(["--status-fd", "1", "--weak-digest", "SHA1", "--homedir"])
        .arg(folder.path())
        .arg("--keyring")
        .args([&ring, &signature_file, &path])
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .output();
    let output = match output {
        Ok(output) => output,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(DepotError::GpgvMissing),
        Err(error) => return Err(file(Path::new("gpgv"), "run")(error)),
    };
    let status = String::from_utf8_lossy(&output.stdout);
    fingerprint(&status, output.status.success()).map_err(|why| unproven("GPG", &path, why))
}

/// Reads the status lines of `gpgv`: one good signature at least, and none that is not.
fn fingerprint(status: &str, success: bool) -> Result<String, &'static str> {
    let words = |line: &'_ str| line.strip_prefix("[GNUPG:] ").map(str::to_owned);
    let lines: Vec<String> = status.lines().filter_map(words).collect();
    let has = |word: &str| lines.iter().any(|line| line.split(' ').next() == Some(word));
    for (word, why) in [
        ("BADSIG", "file and signature do not belong together"),
        ("REVKEYSIG", "the key was revoked"),
        ("EXPKEYSIG", "the key has expired"),
        ("EXPSIG", "the signature has expired"),
        ("NO_PUBKEY", "the keyring does not have the key"),
        ("ERRSIG", "it cannot be checked"),
    ] {
        if has(word) {
            return Err(why);
        }
    }
    let valid = lines.iter().find_map(|line| line.strip_prefix("VALIDSIG "));
    match valid.and_then(|rest| rest.split(' ').next()) {
        Some(fingerprint) if success && has("GOODSIG") => Ok(fingerprint.to_owned()),
        _ => Err("it is not a signature by a key of the keyring"),
    }
}

/// The bytes of a keyring: as they are, or from its armour.
fn dearmoured(bytes: Vec<u8>) -> Option<Vec<u8>> {
    if !bytes.starts_with(b"-----BEGIN PGP PUBLIC KEY BLOCK-----") {
        return Some(bytes);
    }
    let text = String::from_utf8(bytes).ok()?;
    let mut keys = Vec::new();
    // A file may hold several blocks; headers end with an empty line, the checksum starts with `=`.
    for block in text.split("-----BEGIN PGP PUBLIC KEY BLOCK-----").skip(1) {
        let (block, _) = block.split_once("-----END PGP PUBLIC KEY BLOCK-----")?;
        let lines = block.lines().map(str::trim).skip(1).skip_while(|line| !line.is_empty());
        let body: String = lines.filter(|line| !line.starts_with('=')).collect();
        keys.extend(BASE64_STANDARD.decode(body).ok()?);
    }
    Some(keys)
}

fn unproven(kind: &'static str, path: &Path, why: &str) -> DepotError {
    DepotError::Signature { kind, what: path.display().to_string(), why: why.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";
    const SIGNATURE: &str = "untrusted comment: signature from minisign secret key
RUQf6LRCGA9i559r3g7V1qNyJDApGip8MfqcadIgT9CuhV3EMhHoN1mGTkUidF/z7SrlQgXdy8ofjb7bNJJylDOocrCo8KLzZwo=
trusted comment: timestamp:1633700835\tfile:test\tprehashed
wLMDjy9FLAuxZ3q4NlEvkgtyhrr0gtTu6KC4KBJdITbbOeAi1zBIYo0v4iTgt8jJpIidRJnp94ABQkJAgAooBQ==
";

    #[test]
    fn a_minisign_signature_proves_its_file_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("test");
        std::fs::write(&path, "test").unwrap();
        verify_minisign(&path, SIGNATURE, KEY).unwrap();
        verify_minisign(&path, SIGNATURE, &format!("untrusted comment: key\n{KEY}\n")).unwrap();
        let edited = SIGNATURE.replace("file:test", "file:best");
        assert!(verify_minisign(&path, &edited, KEY).is_err(), "the trusted comment is signed too");
        for (signature, key) in [("", KEY), ("x\ny\nz\nw", KEY), (SIGNATURE, ""), (SIGNATURE, "RWQ")] {
            assert!(verify_minisign(&path, signature, key).is_err());
        }
        std::fs::write(&path, "Test").unwrap();
        assert!(matches!(verify_minisign(&path, SIGNATURE, KEY), Err(DepotError::Signature { .. })));
    }

    #[test]
    fn only_a_good_and_valid_gpg_status_counts() {
        let good = "[GNUPG:] NEWSIG\n[GNUPG:] GOODSIG 12 x\n[GNUPG:] VALIDSIG ABCD 2026-01-01\n";
        assert_eq!(fingerprint(good, true).unwrap(), "ABCD");
        for (status, success) in [
            (good.to_owned(), false),
            (String::new(), true),
            (good.replace("GOODSIG", "EXPKEYSIG"), true),
            (good.replace("GOODSIG", "REVKEYSIG"), true),
            (format!("{good}[GNUPG:] BADSIG 13 y\n"), true),
            ("[GNUPG:] GOODSIG 12 x\n".to_owned(), true),
            ("GOODSIG 12 x\nVALIDSIG ABCD\n".to_owned(), true),
        ] {
            assert!(fingerprint(&status, success).is_err(), "{status}");
        }
    }

    #[test]
    fn a_gpg_signature_proves_its_file_alone() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir(at("home")).unwrap();
        let gpg = |arguments: &[&str]| {
            let common = ["--homedir", "home", "--batch", "--quiet", "--pinentry-mode", "loopback"];
            let output = Command::new("gpg")
                .args(common)
                .args(["--passphrase", ""])
                .args(arguments)
                .current_dir(folder.path())
                .output();
            output.is_ok_and(|output| output.status.success())
        };
        if !gpg(&["--quick-generate-key", "tester", "ed25519", "sign", "never"]) {
            assert!(std::env::var_os("CI").is_none(), "`gpg` is needed, and with `CI` nothing is left out");
            eprintln!("left out: GPG signatures, since no key could be made with `gpg`");
            return;
        }
        std::fs::write(at("file"), "content").unwrap();
        assert!(gpg(&["--detach-sign", "--output", "file.sig", "file"]));
        assert!(gpg(&["--export", "--output", "ring.gpg"]));
        assert!(gpg(&["--armor", "--export", "--output", "ring.asc"]));
        Command::new("gpgconf").args(["--homedir"]).arg(at("home")).args(["--kill", "all"]).status().ok();
        let signature = std::fs::read(at("file.sig")).unwrap();
        let fingerprint = verify_gpg(&at("file"), &signature, &at("ring.gpg")).unwrap();
        assert_eq!(fingerprint.len(), 40);
        assert_eq!(verify_gpg(&at("file"), &signature, &at("ring.asc")).unwrap(), fingerprint);
        std::fs::write(at("empty.gpg"), "").unwrap();
        for (file, signature, ring) in [
            ("file", &signature[..10], "ring.gpg"),
            ("file", &signature, "empty.gpg"),
            ("ring.gpg", &signature, "ring.gpg"),
        ] {
            let error = verify_gpg(&at(file), signature, &at(ring)).unwrap_err();
            assert!(matches!(error, DepotError::Signature { .. }), "{error}");
        }
    }
}
