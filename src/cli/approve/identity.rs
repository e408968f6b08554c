//! Who decides or signs, and with which key: whom the key belongs to, or the account. Never a flag.

use super::super::{CliError, Terminal, records::Records};
use crate::{
    approval::{self, KeyFingerprint, Purpose, SignError},
    executor::sheet::Asked,
    model::{ExitCode, Language, People, Person},
    report::language::records as say,
    transport,
};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Largest key or passphrase file in bytes.
const FILE_BYTES_MAX: u64 = 64 << 10;

/// Something that can sign, and has not yet.
#[derive(Clone)]
pub enum Signer {
    /// A private key file.
    File {
        /// Where it is.
        path: PathBuf,
        /// Its public half.
        public: String,
    },
    /// A key that the SSH agent holds.
    Agent {
        /// Its public half.
        public: String,
    },
}

impl Signer {
    fn public(&self) -> &str {
        match self {
            Self::File { public, .. } | Self::Agent { public } => public,
        }
    }

    /// The key, as `ssh-keygen -l` writes it.
    pub fn fingerprint(&self) -> Option<KeyFingerprint> {
        approval::key_fingerprint(self.public())
    }

    /// Signs a statement; asks for the passphrase of a key file only now.
    pub async fn sign(
        &self,
        purpose: Purpose,
        text: &str,
        terminal: &Terminal,
        language: Language,
    ) -> Result<String, CliError> {
        let path = match self {
            Self::Agent { public } => {
                let agent = agent_socket();
                return transport::sign_with_agent(
                    agent.as_deref(),
                    public,
                    purpose.namespace(),
                    text.as_bytes(),
                )
                .await
                .map_err(|error| CliError::input(error.to_string()));
            }
            Self::File { path, .. } => path,
        };
        let private = small_file(path)?;
        match approval::sign(purpose, text, &private, None) {
            Err(SignError::NeedsPassphrase) => {
                let passphrase = passphrase(path, terminal, language).await?;
                approval::sign(purpose, text, &private, Some(&passphrase))
            }
            done => done,
        }
        .map_err(|error| CliError::input(format!("`{}`: {error}", path.display())))
    }
}

/// Whoever decides at one gate, and how it is known.
pub struct Decider {
    /// Who.
    pub person: Person,
    /// With what they sign; nothing where the account counts.
    pub signer: Option<Signer>,
    /// How they are known, in words.
    pub means: String,
}

/// Every key that can be used: the one named, or the agent's and then the account's own.
pub async fn signers(named: Option<&Path>) -> Result<Vec<Signer>, CliError> {
    let held = transport::agent_keys(agent_socket().as_deref()).await;
    if let Some(path) = named {
        let text = small_file(path)?;
        // As with `ssh-keygen`, a public key names the agent's.
        if approval::key_fingerprint(text.trim()).is_some() {
            return Ok(vec![Signer::Agent { public: text.trim().to_owned() }]);
        }
        let public = approval::public_half(&text)
            .map_err(|error| CliError::input(format!("`{}`: {error}", path.display())))?;
        return Ok(vec![Signer::File { path: path.to_owned(), public }]);
    }
    let mut signers: Vec<_> = held.into_iter().map(|public| Signer::Agent { public }).collect();
    let own = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".ssh/id_ed25519"));
    if let Some(path) = own.filter(|path| path.is_file())
        && let Ok(public) = small_file(&path)
            .and_then(|text| approval::public_half(&text).map_err(|error| CliError::input(error.to_string())))
    {
        signers.push(Signer::File { path, public });
    }
    Ok(signers)
}

/// Whose key or account this is, according to the people file that the gate names.
pub fn decider(
    records: &Records,
    asked: &Asked,
    signers: &[Signer],
    language: Language,
) -> Result<Decider, CliError> {
    if !asked.gate.rule.signed {
        return by_account(records, &asked.people, language);
    }
    if signers.is_empty() {
        return Err(CliError::input(say::no_key(language)).hint(say::no_key_hint(language)));
    }
    let mut known: Vec<(&Person, &Signer)> = Vec::new();
    for person in asked.people.0.values() {
        known.extend(signer_of(person, signers).map(|signer| (person, signer)));
    }
    if known.len() > 1
        && let Some(own) = records.caller(&asked.people).map(|person| person.name.clone())
        && known.iter().any(|(person, _)| person.name == own)
    {
        known.retain(|(person, _)| person.name == own);
    }
    match known.as_slice() {
        [] => Err(CliError::input(say::stranger_key(language)).hint(say::no_key_hint(language))),
        [(person, signer)] => Ok(Decider {
            person: (*person).clone(),
            signer: Some((*signer).clone()),
            means: signer.fingerprint().map_or_else(String::new, |print| say::by_key(language, print)),
        }),
        several => {
            let names: Vec<_> = several.iter().map(|(person, _)| person.name.to_string()).collect();
            Err(CliError::input(say::several_persons(language, names.join(", "))))
        }
    }
}

/// The first of a person's keys that is at hand.
pub fn signer_of<'s>(person: &Person, signers: &'s [Signer]) -> Option<&'s Signer> {
    let mut prints = person.keys.iter().filter_map(|key| approval::key_fingerprint(key));
    prints.find_map(|print| signers.iter().find(|signer| signer.fingerprint().as_ref() == Some(&print)))
}

fn by_account(records: &Records, people: &People, language: Language) -> Result<Decider, CliError> {
    let person = records.caller(people).cloned().ok_or_else(|| {
        CliError::input(approval::Refusal::UnknownCaller.message(language)).code(ExitCode::BadInput)
    })?;
    let means = match &records.login {
        Some(login) => say::by_login(language, login),
        None => say::by_account(language, &records.account),
    };
    Ok(Decider { person, signer: None, means })
}

fn agent_socket() -> Option<PathBuf> {
    std::env::var_os("SSH_AUTH_SOCK").filter(|path| !path.is_empty()).map(PathBuf::from)
}

async fn passphrase(
    path: &Path,
    terminal: &Terminal,
    language: Language,
) -> Result<Zeroizing<String>, CliError> {
    if let Some(file) = std::env::var_os("ESCLUSA_KEY_PASSPHRASE_FILE") {
        let text = Zeroizing::new(small_file(Path::new(&file))?.to_string());
        return Ok(Zeroizing::new(text.strip_suffix('\n').unwrap_or(&text).to_owned()));
    }
    if !terminal.can_ask() {
        return Err(CliError::input(format!("`{}`: {}", path.display(), SignError::NeedsPassphrase))
            .hint("put it in a file that ESCLUSA_KEY_PASSPHRASE_FILE names, or use an SSH agent"));
    }
    let prompt = say::passphrase(language, path.display());
    super::prompt::ask(
        move || {
            let console = dialoguer::console::Term::stderr();
            console.write_str(&format!("{prompt}: "))?;
            Ok(Zeroizing::new(console.read_secure_line()?))
        },
        language,
    )
    .await
}

fn small_file(path: &Path) -> Result<Zeroizing<String>, CliError> {
    let fail = |why: String| CliError::input(format!("`{}`: {why}", path.display()));
    let meta = std::fs::metadata(path).map_err(|error| fail(error.to_string()))?;
    if !meta.is_file() || meta.len() > FILE_BYTES_MAX {
        return Err(fail("it is no small file".to_owned()));
    }
    std::fs::read_to_string(path).map(Zeroizing::new).map_err(|error| fail(error.to_string()))
}
