//! `esclusa keys`: the keys that open the backups.

use super::{CliError, Format, Global, Terminal, progress, project};
use crate::{
    executor::ExecutorError,
    model::{EnvironmentKind, ExitCode, canonical},
    report::{escape, language::records as say, lines::Lines, moment},
    store::NewLedgerEntry,
    vault,
};
use clap::{Args, Subcommand};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use std::{io::Read as _, path::PathBuf};
use zeroize::Zeroizing;

/// Where the store keeps when the recovery key last opened a backup, for `doctor` and `status`.
pub const RECOVERY_META: &str = "recovery_checked";
/// Most bytes of a key's text.
const KEY_BYTES_MAX: u64 = 65_536;

/// Arguments of `esclusa keys`.
#[derive(Args)]
pub struct KeysArgs {
    #[command(subcommand)]
    verb: KeysVerb,
}

#[derive(Subcommand)]
enum KeysVerb {
    /// Prove that the recovery key alone opens the newest backup, and record the day
    Check {
        /// File with the recovery key; `-` reads it from standard input
        #[arg(long, value_name = "FILE")]
        recovery: PathBuf,
    },
    /// Make a new age key: into a file, or shown once
    New {
        /// File for the secret half, which must not exist; standard output otherwise
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
}

/// Performs `esclusa keys`.
pub async fn keys(global: &Global, terminal: &Terminal, args: KeysArgs) -> Result<ExitCode, CliError> {
    match args.verb {
        KeysVerb::Check { recovery } => check(global, terminal, recovery).await,
        KeysVerb::New { output } => new(terminal, output).await,
    }
}

async fn check(global: &Global, terminal: &Terminal, file: PathBuf) -> Result<ExitCode, CliError> {
    let site = project::open(global).await?;
    let key = read_key(&file)?;
    let production = site.inventory.environments.iter().any(|one| one.kind == EnvironmentKind::Production);
    let vault = site.vault(production).await?;
    let listing = vault.list().await.map_err(ExecutorError::from)?;
    if listing.backups.is_empty() && listing.damaged.is_empty() {
        return Err(CliError::failed("the vault holds no backup yet, so there is nothing to open")
            .hint("take one with `esclusa backup SYSTEM --env ENVIRONMENT`"));
    }
    refuse_own_key(&site, &key)?;
    let recipients = vault::recipients_of(&key).map_err(ExecutorError::from)?;
    if recipients.iter().all(|recipient| !site.project.vault.recipients.contains(recipient)) {
        return Err(CliError::failed("this key belongs to none of `vault.recipients`, so it opens no new backup")
            .hint("look for the right key in the safe; without it, make another with `esclusa keys new` and add its recipient"));
    }
    let proof = vault.check_recovery(&key).await.map_err(ExecutorError::from)?;
    for damage in &proof.damaged {
        terminal.note(&format!("warning: {}", escape::visible(damage)));
    }
    let at = site.store.now().await?;
    let body = json!({
        "backup": proof.backup, "items": proof.items, "account": site.caller.account,
        "person": site.caller.person.as_ref().map(|person| &person.name),
    });
    let body = canonical(&body).map_err(|error| CliError::failed(error.to_string()))?;
    let entry =
        NewLedgerEntry { kind: "recovery_key_checked".to_owned(), run: None, environment: None, body };
    site.store.record(entry).await?;
    site.store.set_meta(RECOVERY_META, &at.to_string()).await?;
    if terminal.format == Format::Json {
        terminal.json(&json!({
            "exit": 0, "backup": proof.backup, "items": proof.items, "checked_at": at.to_string(),
            "damaged": proof.damaged,
        }));
    } else {
        let language = progress::site_language(terminal, &site);
        let zone = &site.project.zone;
        let when = say::in_zone(language, moment::words(at, zone, language), escape::capped(zone, 60));
        let mut lines = Lines::default();
        lines.entry(&say::recovery_opens(language, &proof.backup, proof.items));
        lines.entry(&say::recovery_recorded(language, when));
        terminal.result(&lines.text());
    }
    Ok(ExitCode::Done)
}

/// The control host's own key would prove nothing.
fn refuse_own_key(site: &crate::executor::Site, key: &SecretString) -> Result<(), CliError> {
    let own = Zeroizing::new(
        std::fs::read_to_string(site.root.join(&site.project.vault.identity)).unwrap_or_default(),
    );
    let secret = |text: &str| -> Vec<String> {
        text.lines()
            .map(str::trim)
            .filter(|line| line.starts_with("AGE-SECRET-KEY-"))
            .map(str::to_owned)
            .collect()
    };
    let own = secret(&own);
    if secret(key.expose_secret()).iter().any(|line| own.contains(line)) {
        return Err(CliError::input(
            "this is the control host's own key, which is lost with the control host",
        )
        .hint("give the other key, the one that lies in the safe"));
    }
    Ok(())
}

async fn new(terminal: &Terminal, output: Option<PathBuf>) -> Result<ExitCode, CliError> {
    let (identity, recipient) = vault::generate_identity();
    let shown = match &output {
        Some(path) => {
            vault::write_identity(path, &identity).await.map_err(ExecutorError::from)?;
            None
        }
        None => Some(identity.expose_secret()),
    };
    if terminal.format == Format::Json {
        let path = output.as_ref().map(|path| path.display().to_string());
        terminal.json(&json!({"exit": 0, "recipient": recipient, "identity": shown, "file": path}));
    } else {
        terminal.result(&format!("# recipient: {recipient}"));
        if let Some(text) = shown {
            terminal.result(text);
            terminal.note("the second line is secret and is shown only this once.");
        }
    }
    terminal
        .note("add the recipient to `vault.recipients` in esclusa.yaml: backups from then on open with it.");
    Ok(ExitCode::Done)
}

/// Reads a key from a file or, for `-`, from standard input or a hidden prompt.
pub fn read_key(file: &std::path::Path) -> Result<SecretString, CliError> {
    let shown = escape::visible(&file.display().to_string());
    let bad =
        |error: std::io::Error| CliError::input(format!("the key in `{shown}` cannot be read: {error}"));
    let mut text = Zeroizing::new(String::new());
    if file.as_os_str() == "-" {
        std::io::stdin().take(KEY_BYTES_MAX).read_to_string(&mut text).map_err(bad)?;
    } else {
        std::fs::File::open(file).map_err(bad)?.take(KEY_BYTES_MAX).read_to_string(&mut text).map_err(bad)?;
    }
    Ok(SecretString::from(text.as_str().to_owned()))
}
