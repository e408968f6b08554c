//! Recipients, identities, and streams through zstd and age.

use super::VaultError;
use age::x25519;
use std::io::{BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::str::FromStr;

/// Compression level: 3 is zstd's own default and keeps up with a network.
const LEVEL: i32 = 3;
/// Most bytes of an identity file.
const IDENTITY_BYTES_MAX: u64 = 65_536;

/// Reads recipients; doubles count once.
pub fn recipients(texts: &[String]) -> Result<Vec<x25519::Recipient>, VaultError> {
    let mut texts: Vec<&str> = texts.iter().map(|text| text.trim()).collect();
    texts.sort_unstable();
    texts.dedup();
    let parse = |text: &&str| {
        x25519::Recipient::from_str(text).map_err(|_| VaultError::Recipient(text.escape_debug().to_string()))
    };
    texts.iter().map(parse).collect()
}

/// Reads the identities in a file that only its owner can read; lines with `#` are comments.
pub fn identities(path: &Path) -> Result<Vec<x25519::Identity>, VaultError> {
    let file = std::fs::File::open(path).map_err(|error| VaultError::file("read", path, error))?;
    let mode = file.metadata().map_err(|error| VaultError::file("read", path, error))?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(VaultError::Exposed(path.display().to_string()));
    }
    let mut text = zeroize::Zeroizing::new(String::new());
    file.take(IDENTITY_BYTES_MAX)
        .read_to_string(&mut text)
        .map_err(|error| VaultError::file("read", path, error))?;
    parse_identities(&text).ok_or_else(|| VaultError::Identity(path.display().to_string()))
}

/// Reads identities from text.
pub fn parse_identities(text: &str) -> Option<Vec<x25519::Identity>> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let keys: Vec<_> = lines.map(x25519::Identity::from_str).collect::<Result<_, _>>().ok()?;
    (!keys.is_empty()).then_some(keys)
}

/// A writer whose bytes are compressed, encrypted and written to `output`.
pub struct Sealer<W: Write> {
    encoder: zstd::stream::write::Encoder<'static, age::stream::StreamWriter<W>>,
}

impl<W: Write> Sealer<W> {
    /// Starts the stream.
    pub(super) fn new(recipients: &[x25519::Recipient], output: W) -> Result<Self, VaultError> {
        let crypt = |error: &dyn std::fmt::Display| VaultError::Crypt(error.to_string());
        let all = recipients.iter().map(|recipient| recipient as &dyn age::Recipient);
        let encryptor = age::Encryptor::with_recipients(all).map_err(|error| crypt(&error))?;
        let stream = encryptor.wrap_output(output).map_err(|error| crypt(&error))?;
        let mut encoder = zstd::stream::write::Encoder::new(stream, LEVEL).map_err(|error| crypt(&error))?;
        encoder.include_checksum(true).map_err(|error| crypt(&error))?;
        Ok(Self { encoder })
    }

    /// Starts the stream for recipients as they are written, `age1…`.
    pub fn to(recipients: &[String], output: W) -> Result<Self, VaultError> {
        let recipients = self::recipients(recipients)?;
        if recipients.is_empty() { Err(VaultError::Recipients(0)) } else { Self::new(&recipients, output) }
    }

    /// Ends both streams and gives the output back.
    pub fn finish(self) -> std::io::Result<W> {
        self.encoder.finish()?.finish()
    }
}

impl<W: Write> Write for Sealer<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.encoder.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.encoder.flush()
    }
}

/// A reader of the plain bytes of a sealed file, opened with the identities in a text.
pub fn unseal(path: &Path, identities: &secrecy::SecretString) -> Result<Box<dyn Read + Send>, VaultError> {
    let text = secrecy::ExposeSecret::expose_secret(identities);
    let keys = parse_identities(text).ok_or_else(|| VaultError::Identity("the key".to_owned()))?;
    open(path, &keys)
}

/// A reader of the plain bytes of a file.
pub fn open(path: &Path, identities: &[x25519::Identity]) -> Result<Box<dyn Read + Send>, VaultError> {
    let file = std::fs::File::open(path).map_err(|error| VaultError::file("read", path, error))?;
    let damaged = |error: &dyn std::fmt::Display| VaultError::damaged(path, error.to_string());
    let decryptor = age::Decryptor::new(BufReader::new(file)).map_err(|error| damaged(&error))?;
    let keys = identities.iter().map(|identity| identity as &dyn age::Identity);
    let stream = decryptor.decrypt(keys).map_err(|error| damaged(&error))?;
    // One frame, then the end: what follows a frame would otherwise be read as another one.
    let decoder = zstd::stream::read::Decoder::new(stream).map_err(|error| damaged(&error))?;
    Ok(Box::new(decoder))
}
