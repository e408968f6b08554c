//! The project's own file of secrets: names and values as JSON, encrypted with age.

use super::SecretError;
use super::source::{blocking, checked};
use crate::model::{SecretName, redact::SECRET_BYTES_MIN};
use age::x25519;
use secrecy::{ExposeSecret as _, SecretString};
use std::collections::BTreeMap;
use std::io::{BufReader, Read as _, Write as _};
use std::path::Path;
use std::str::FromStr as _;
use zeroize::Zeroizing;

/// Most bytes of the file, encrypted or plain.
const FILE_BYTES_MAX: u64 = 16 << 20;

type Values = BTreeMap<SecretName, Zeroizing<String>>;

/// Puts a value into the file, making the file when there is none; it is written anew, encrypted to
/// all `recipients`, and replaces the old one in one step. Says whether another value was there. A value
/// that is too short to be found in what is printed is refused: it could not be kept out of it.
pub async fn set(
    file: &Path,
    name: &SecretName,
    value: &SecretString,
    recipients: &[String],
    age_identity: &Path,
) -> Result<bool, SecretError> {
    let (file, identity, recipients) = (file.to_owned(), age_identity.to_owned(), recipients.to_vec());
    let (name, value) = (name.clone(), value.clone());
    blocking(move || {
        let value = checked(&name, Zeroizing::new(value.expose_secret().as_bytes().to_vec()))?;
        if value.expose_secret().trim().len() < SECRET_BYTES_MIN {
            return Err(SecretError::Short { name });
        }
        let mut values = if file.exists() { read(&file, &identity)? } else { Values::new() };
        let replaced = values.insert(name, Zeroizing::new(value.expose_secret().to_owned())).is_some();
        write(&file, &values, &recipients)?;
        Ok(replaced)
    })
    .await
}

/// Takes a value out of the file; says whether it was there.
pub async fn remove(
    file: &Path,
    name: &SecretName,
    recipients: &[String],
    age_identity: &Path,
) -> Result<bool, SecretError> {
    let (file, identity, recipients) = (file.to_owned(), age_identity.to_owned(), recipients.to_vec());
    let name = name.clone();
    blocking(move || {
        let mut values = read(&file, &identity)?;
        let there = values.remove(&name).is_some();
        if there {
            write(&file, &values, &recipients)?;
        }
        Ok(there)
    })
    .await
}

/// The names in the file.
pub async fn names(file: &Path, age_identity: &Path) -> Result<Vec<SecretName>, SecretError> {
    let (file, identity) = (file.to_owned(), age_identity.to_owned());
    blocking(move || Ok(read(&file, &identity)?.into_keys().collect())).await
}

/// One value.
pub(super) fn get(file: &Path, name: &SecretName, identity: &Path) -> Result<SecretString, SecretError> {
    let path = file.display().to_string();
    match read(file, identity)?.get(name) {
        Some(value) => Ok(SecretString::from(value.as_str().to_owned())),
        None => Err(SecretError::Unknown { name: name.clone(), path }),
    }
}

fn read(file: &Path, identity: &Path) -> Result<Values, SecretError> {
    let sealed = |reason: &dyn std::fmt::Display| SecretError::Sealed {
        path: file.display().to_string(),
        reason: reason.to_string(),
    };
    let key_text =
        Zeroizing::new(std::fs::read_to_string(identity).map_err(|error| bad("read", identity, error))?);
    let lines = key_text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let keys: Vec<x25519::Identity> = lines
        .map(x25519::Identity::from_str)
        .collect::<Result<_, _>>()
        .map_err(|_| sealed(&"the identity file holds no age identity"))?;
    let input = std::fs::File::open(file).map_err(|error| bad("read", file, error))?;
    let decryptor =
        age::Decryptor::new(BufReader::new(input.take(FILE_BYTES_MAX))).map_err(|error| sealed(&error))?;
    let reader = decryptor
        .decrypt(keys.iter().map(|key| key as &dyn age::Identity))
        .map_err(|error| sealed(&error))?;
    let mut text = Zeroizing::new(Vec::new());
    reader.take(FILE_BYTES_MAX).read_to_end(&mut text).map_err(|error| sealed(&error))?;
    // serde's own message could repeat a part of a value.
    let values: BTreeMap<String, String> =
        serde_json::from_slice(&text).map_err(|_| sealed(&"it holds no map of texts"))?;
    let parsed =
        values.into_iter().map(|(name, value)| Ok((SecretName::parse(&name)?, Zeroizing::new(value))));
    parsed.collect::<Result<Values, crate::model::name::NameError>>().map_err(|error| sealed(&error))
}

fn write(file: &Path, values: &Values, recipients: &[String]) -> Result<(), SecretError> {
    let parse = |text: &String| {
        x25519::Recipient::from_str(text.trim())
            .map_err(|_| SecretError::Recipient(text.escape_debug().to_string()))
    };
    let recipients: Vec<_> = recipients.iter().map(parse).collect::<Result<_, _>>()?;
    let failed =
        |error: &dyn std::fmt::Display| bad("encrypt", file, std::io::Error::other(error.to_string()));
    let plain: BTreeMap<&str, &str> =
        values.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let text = Zeroizing::new(serde_json::to_vec(&plain).map_err(|error| failed(&error))?);
    let all = recipients.iter().map(|recipient| recipient as &dyn age::Recipient);
    let encryptor = age::Encryptor::with_recipients(all).map_err(|error| failed(&error))?;
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut new = tempfile::NamedTempFile::new_in(folder).map_err(|error| bad("write", file, error))?;
    let mut stream = encryptor.wrap_output(new.as_file_mut()).map_err(|error| failed(&error))?;
    let done = stream.write_all(&text).and_then(|()| stream.finish()).and_then(|output| output.sync_all());
    done.map_err(|error| bad("write", file, error))?;
    new.persist(file).map_err(|error| bad("write", file, error.error))?;
    std::fs::File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|error| bad("sync", folder, error))
}

fn bad(doing: &'static str, path: &Path, source: std::io::Error) -> SecretError {
    SecretError::File { doing, path: path.display().to_string(), source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::project::SecretSource;
    use crate::secret::resolve;

    #[tokio::test]
    async fn values_come_back_and_only_names_are_listed() {
        let root = tempfile::tempdir().unwrap();
        let key = x25519::Identity::generate();
        let identity = root.path().join("key");
        std::fs::write(&identity, format!("# comment\n{}\n", key.to_string().expose_secret())).unwrap();
        let file = root.path().join("secrets.age");
        let other = x25519::Identity::generate().to_public().to_string();
        let recipients = [key.to_public().to_string(), other];
        let name = |text| SecretName::parse(text).unwrap();
        let value = |text: &str| SecretString::from(text.to_owned());
        assert!(!set(&file, &name("b"), &value("two ñ 2"), &recipients, &identity).await.unwrap());
        assert!(!set(&file, &name("a"), &value("one1"), &recipients, &identity).await.unwrap());
        assert!(set(&file, &name("b"), &value("three"), &recipients, &identity).await.unwrap());
        for short in ["", "abc", "       "] {
            assert!(set(&file, &name("s"), &value(short), &recipients, &identity).await.is_err(), "{short}");
        }
        assert_eq!(names(&file, &identity).await.unwrap(), [name("a"), name("b")]);
        let source = SecretSource::Age("secrets.age".into());
        let got = resolve(&name("b"), &source, root.path(), &identity).await.unwrap();
        assert_eq!(got.expose_secret(), "three");
        assert!(remove(&file, &name("b"), &recipients, &identity).await.unwrap());
        assert!(resolve(&name("b"), &source, root.path(), &identity).await.is_err());
        let bytes = std::fs::read(&file).unwrap();
        assert!(!bytes.windows(4).any(|window| window == b"one1"));
        assert!(set(&file, &name("c"), &value("four"), &["age1no".into()], &identity).await.is_err());
        assert!(set(&file, &name("c"), &value("four"), &[], &identity).await.is_err());
        assert_eq!(names(&file, &identity).await.unwrap(), [name("a")]);
    }
}
