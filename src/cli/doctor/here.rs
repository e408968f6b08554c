//! What is needed on this machine.

use super::{Finding, Verdict, agent};
use crate::{
    approval::{self, Judged},
    cli::{keys::RECOVERY_META, project, project::Read},
    inventory::Environment,
    model::{EnvironmentKind, Language, Person, SecretName, Timestamp},
    report::{moment, size},
    secret,
    store::{Location, Store},
    transport::Options,
    vault::Vault,
};
use std::{
    error::Error,
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

const HERE: &str = "here";
/// Less free space than this is too little for anything.
const FREE_BYTES_MIN: u64 = 256 << 20;
/// How long the ledger may take; a longer one is proven by `esclusa audit`.
const LEDGER_TIMEOUT: Duration = Duration::from_secs(15);

/// This project's store, as servers remember it.
pub struct Own {
    /// Its id.
    pub store: String,
    /// The highest epoch that it has given.
    pub epoch: u64,
}

/// Looks at everything here; the store is there once something has run.
pub async fn look(read: &Read, environment: &Environment) -> (Vec<Finding>, Option<Own>) {
    let mut findings = space(read);
    let store = match database(read).await {
        Ok((store, finding)) => {
            findings.push(finding);
            store
        }
        Err(finding) => {
            findings.push(finding);
            None
        }
    };
    findings.extend(vault(read, environment, store.as_ref()).await);
    findings.extend(secrets(read).await);
    let person = read.people.by_account(&project::account());
    findings.push(caller(person));
    findings.extend(gate(read, environment, person, store.as_ref()).await);
    let Some(store) = store else { return (findings, None) };
    let own = match store.last_epoch().await {
        Ok(epoch) => Some(Own { store: store.id().to_owned(), epoch }),
        Err(error) => {
            let advice = "keep everything as it is, and see `esclusa audit verify`";
            findings.push(Finding::bad(HERE, "database", whole(&error), advice));
            None
        }
    };
    store.close().await;
    (findings, own)
}

/// What went wrong, with its cause.
pub fn whole(error: &(dyn Error + 'static)) -> String {
    error.source().map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
}

fn space(read: &Read) -> Vec<Finding> {
    let mut places = vec![
        ("vault", read.root.join(&read.project.vault.path)),
        ("depot", read.root.join(&read.project.depot)),
    ];
    if let Some(file) = read.project.database.strip_prefix("sqlite:") {
        places.push(("state", read.root.join(file)));
    }
    places
        .into_iter()
        .map(|(name, path)| {
            let there: PathBuf = path.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/")).into();
            match rustix::fs::statvfs(&there) {
                Ok(disk) => {
                    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
                    let words = format!("{name}: {} free", size::words(free, Language::En));
                    if free < FREE_BYTES_MIN {
                        Finding::bad(HERE, "space", words, format!("make room where `{}` is", path.display()))
                    } else {
                        Finding::good(HERE, "space", words)
                    }
                }
                Err(error) => Finding::new(HERE, "space", Verdict::Unknown, format!("{name}: {error}")),
            }
        })
        .collect()
}

async fn database(read: &Read) -> Result<(Option<Store>, Finding), Finding> {
    let bad = |words: String| Finding::bad(HERE, "database", words, "look at `database` in esclusa.yaml");
    let password = match &read.project.database_password {
        Some(name) => Some(resolve(read, name).await.map_err(bad)?),
        None => None,
    };
    let location =
        Location::parse(&read.project.database, &read.root, password).map_err(|error| bad(whole(&error)))?;
    if location.file().is_some_and(|file| !file.exists()) {
        let words = "none yet; the first run makes it";
        return Ok((None, Finding::good(HERE, "database", words)));
    }
    let store = Store::open(&location).await.map_err(|error| bad(whole(&error)))?;
    let finding = match tokio::time::timeout(LEDGER_TIMEOUT, store.verify_ledger(&[])).await {
        Ok(Ok(head)) => Finding::good(HERE, "database", format!("opens; {} ledger entries proven", head.seq)),
        Ok(Err(error)) => {
            Finding::bad(HERE, "database", whole(&error), "keep everything as it is, and see `esclusa audit`")
        }
        Err(_) => Finding::new(HERE, "database", Verdict::Unknown, "opens; the ledger is long")
            .advice("prove it with `esclusa audit`"),
    };
    Ok((Some(store), finding))
}

async fn vault(read: &Read, environment: &Environment, store: Option<&Store>) -> Vec<Finding> {
    let spec = &read.project.vault;
    let production = environment.kind == EnvironmentKind::Production;
    let identity = read.root.join(&spec.identity);
    let opened = Vault::open(&read.root.join(&spec.path), &spec.recipients, &identity, production).await;
    let mut findings = vec![match opened {
        Ok(_) => {
            let words = format!("{} recipients; the control host's key opens it", spec.recipients.len());
            Finding::good(HERE, "vault", words)
        }
        Err(error) => {
            let advice = error.hint().unwrap_or_else(|| "look at `vault` in esclusa.yaml".to_owned());
            Finding::bad(HERE, "vault", whole(&error), advice)
        }
    }];
    if production {
        let checked = match store {
            Some(store) => store.meta(RECOVERY_META).await.ok().flatten(),
            None => None,
        };
        findings.push(match checked {
            Some(at) => {
                let zone = &read.project.zone;
                let when = moment::short_of(&at, zone);
                Finding::good(HERE, "recovery key", format!("opened a backup on {when} ({zone})"))
            }
            None => Finding::new(HERE, "recovery key", Verdict::Unknown, "never checked")
                .advice("prove that it opens the newest backup: `esclusa keys check --recovery FILE`"),
        });
    }
    findings
}

async fn resolve(read: &Read, name: &SecretName) -> Result<secrecy::SecretString, String> {
    let source = read.project.secrets.get(name).ok_or_else(|| format!("secret `{name}` has no source"))?;
    let identity = read.root.join(&read.project.vault.identity);
    secret::resolve(name, source, &read.root, &identity).await.map_err(|error| whole(&error))
}

/// Every secret is asked for once, and its value forgotten at once.
async fn secrets(read: &Read) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut good = Vec::new();
    for name in read.project.secrets.keys() {
        match resolve(read, name).await {
            Ok(_) => good.push(name.to_string()),
            Err(words) => {
                let advice = format!("set `{name}` where esclusa.yaml says, or `esclusa secret set {name}`");
                findings.push(Finding::bad(HERE, "secrets", words, advice));
            }
        }
    }
    if !good.is_empty() {
        findings.push(Finding::good(HERE, "secrets", format!("there: {}", good.join(", "))));
    }
    findings
}

/// Who asks, and whether a signature could be made.
fn caller(person: Option<&Person>) -> Finding {
    let account = project::account();
    let Some(person) = person else {
        return Finding::new(
            HERE,
            "caller",
            Verdict::Unknown,
            format!("nobody in the people file has account `{account}`"),
        )
        .advice("add `account:` to your entry of the people file, where a policy asks for a role");
    };
    let options = Options::default();
    let held = options.agent.as_deref().map(agent::keys);
    let bodies = |key: &String| key.split(' ').nth(1).map(str::to_owned);
    let own: Vec<_> = person.keys.iter().filter_map(bodies).collect();
    let in_agent = held.as_ref().and_then(|held| held.as_ref().ok());
    let agent = match (&held, in_agent) {
        (None, _) => "no agent".to_owned(),
        (Some(Err(error)), _) => format!("the agent does not answer: {error}"),
        (_, Some(held)) => format!("{} keys in the agent", held.len()),
        _ => String::new(),
    };
    if own.is_empty() {
        return Finding::new(
            HERE,
            "caller",
            Verdict::Unknown,
            format!("{}: no key in the people file; {agent}", person.name),
        )
        .advice("to sign decisions, add the line of your `.pub` file as `keys:`");
    }
    let signs = in_agent.is_some_and(|held| held.iter().any(|key| own.contains(key)));
    let files = std::fs::read_dir(options.home.join(".ssh")).into_iter().flatten().flatten();
    let in_file = files
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|end| end == "pub"))
        .any(|path| {
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            path.with_extension("").is_file()
                && text.split_whitespace().nth(1).is_some_and(|key| own.iter().any(|own| own == key))
        });
    match (signs, in_file) {
        (true, _) => Finding::good(HERE, "caller", format!("{}; signs with the agent", person.name)),
        (_, true) => {
            Finding::good(HERE, "caller", format!("{}; signs with a key file; {agent}", person.name))
        }
        _ => Finding::new(
            HERE,
            "caller",
            Verdict::Unknown,
            format!("{}: the key of the people file is not here; {agent}", person.name),
        )
        .advice("`ssh-add` it, or forward your agent"),
    }
}

async fn gate(
    read: &Read,
    environment: &Environment,
    person: Option<&Person>,
    store: Option<&Store>,
) -> Vec<Finding> {
    let mut judged = Judged::planned(&environment.policy, environment.kind);
    if let Some(store) = store
        && let Ok(Some(row)) = store.policy_in_force(&environment.name).await
        && let Ok(old) = serde_json::from_str(&row.policy)
    {
        judged = approval::stricter(&old, &judged).0;
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now = Timestamp(i64::try_from(now.as_millis()).unwrap_or(i64::MAX));
    let found = approval::lint(&judged, &read.people, person.map(|person| &person.name), now);
    if found.is_empty() {
        let words = match &judged.approve {
            Some(rule) => {
                let roles: Vec<_> = rule.each.iter().map(ToString::to_string).collect();
                format!("asks {}; it can be passed", roles.join(" and "))
            }
            None => "asks nobody".to_owned(),
        };
        return vec![Finding::good(HERE, "gate", words)];
    }
    found
        .iter()
        .map(|one| {
            let verdict = if one.blocks() { Verdict::Bad } else { Verdict::Unknown };
            Finding::new(HERE, "gate", verdict, one.message(Language::En))
                .advice("see the people file and the environment's `policy`")
        })
        .collect()
}
