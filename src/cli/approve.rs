//! `esclusa approve`: what waits for this person, on one page, and their decision.
//!
//! Records a decision and never executes anything.

pub mod identity;
pub mod prompt;

use super::{
    CliError, Format, Global, Terminal,
    records::{Door, Records},
};
use crate::{
    approval::{self, Decision, Purpose, RecordedDecision, Refusal, Verdict},
    executor::sheet::{self, Asked},
    model::{ExitCode, Language, Role},
    notify::{Courier, Notice, NoticeKind, Recipient},
    report::{
        escape,
        language::{self as words, records as say},
        lines::COLUMNS,
        roles,
    },
    store::{Message, NewDecision},
};
use clap::{Args, ValueEnum};
use identity::{Decider, Signer};
use serde_json::json;
use std::{collections::BTreeSet, path::PathBuf};

/// Arguments of `esclusa approve`.
#[derive(Args)]
pub struct ApproveArgs {
    /// The run: its id, the first characters of it, or `latest`; without it, what waits for you
    run: Option<String>,
    /// Decide without asking; it is signed all the same
    #[arg(long, value_name = "DECISION", requires = "reason")]
    decide: Option<Word>,
    /// Why, for the record
    #[arg(long, value_name = "TEXT", requires = "decide")]
    reason: Option<String>,
    /// The SSH key to sign with: a private key, or the public half of one that the agent holds
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    #[command(flatten)]
    door: Door,
}

/// A decision on the command line.
#[derive(ValueEnum, Clone, Copy)]
enum Word {
    /// It may be done.
    Approve,
    /// It may not.
    Reject,
}

/// Performs `esclusa approve`.
pub async fn approve(global: &Global, terminal: &Terminal, args: ApproveArgs) -> Result<ExitCode, CliError> {
    let records = Records::open(global, &args.door).await?;
    let language = records.language(terminal, None);
    let signers = identity::signers(args.key.as_deref()).await?;
    let chosen = match &args.run {
        Some(run) => Some(named(&records, terminal, run, &signers, language).await?),
        None => waiting(&records, terminal, &signers, args.decide.is_some(), language).await?,
    };
    let Some((asked, decider)) = chosen else {
        return Ok(ExitCode::Done);
    };
    let language = records.language(terminal, Some(&decider.person));
    let page = sheet::sheet(&records.store, &asked, &records.zone).await?;
    let page = crate::report::sheet::render(&page, language);
    if terminal.format != Format::Json {
        terminal.result(&page);
        let (name, means) = (escape::capped(&decider.person.full_name, 60), &decider.means);
        for line in escape::wrap(&say::you_are(language, name, means), COLUMNS) {
            terminal.note(&line);
        }
    }
    let (decision, reason) = match (args.decide, args.reason) {
        (Some(word), reason) => {
            let decision = match word {
                Word::Approve => Decision::Approve,
                Word::Reject => Decision::Reject,
            };
            (decision, reason.unwrap_or_default())
        }
        (None, _) if !terminal.can_ask() => {
            return Err(CliError::input(say::no_terminal(language))
                .code(ExitCode::Waiting)
                .hint(say::no_terminal_hint(language, &asked.gate.run)));
        }
        (None, _) => match prompt::decision(language).await? {
            Some(decided) => decided,
            None => {
                terminal.result(&words::decision_left(language));
                return Ok(ExitCode::Waiting);
            }
        },
    };
    let answer = Answer { decision, reason, language };
    record(&records, terminal, &asked, &decider, answer).await
}

/// What was answered.
struct Answer {
    decision: Decision,
    reason: String,
    language: Language,
}

/// The gate of the run that was named, and who decides at it.
async fn named(
    records: &Records,
    terminal: &Terminal,
    run: &str,
    signers: &[Signer],
    language: Language,
) -> Result<(Asked, Decider), CliError> {
    let (row, run) = records.run(run, language).await?;
    let id = &row.new.id;
    let Some(gate) = run.gate.as_ref().filter(|_| row.final_exit.is_none()) else {
        let code = match row.final_exit {
            Some(11) => ExitCode::Rejected,
            Some(12) => ExitCode::Expired,
            _ => ExitCode::BadInput,
        };
        return Err(CliError::input(say::no_gate(language, id)).code(code));
    };
    let asked = Asked::load(&records.store, &gate.id).await?;
    refuse_changed_people(records, &asked, language)?;
    let decider = identity::decider(records, &asked, signers, language)?;
    let language = records.language(terminal, Some(&decider.person));
    // Who may not decide, or decides too late, is told before reading.
    approval::eligible(&asked.gate, &decider.person.name, &asked.people)
        .map_err(|refusal| refused(&refusal, &asked, language))?;
    if asked.closed && matches!(asked.verdict, Verdict::Approved(_) | Verdict::Open { .. }) {
        return Err(refused(&Refusal::GateClosed, &asked, language));
    }
    match &asked.verdict {
        Verdict::Expired => Err(refused(&Refusal::Expired, &asked, language)),
        Verdict::Void(refusal) => Err(refused(refusal, &asked, language)),
        Verdict::Rejected { by, .. } => {
            Err(CliError::input(say::gate_was_rejected(language, by)).code(ExitCode::Rejected))
        }
        Verdict::Approved(_) | Verdict::Open { .. } => Ok((asked, decider)),
    }
}

/// What waits for whoever calls; of several, the one that they choose.
async fn waiting(
    records: &Records,
    terminal: &Terminal,
    signers: &[Signer],
    decides: bool,
    language: Language,
) -> Result<Option<(Asked, Decider)>, CliError> {
    let mut mine = Vec::new();
    let mut others = Vec::new();
    for row in records.store.gates_waiting().await? {
        let asked = Asked::load(&records.store, &row.id).await?;
        match may_decide(records, &asked, signers, language) {
            Ok(decider) => mine.push((asked, decider)),
            Err(error) => others.push((asked, error)),
        }
    }
    let choices: Vec<_> = mine
        .iter()
        .map(|(asked, _)| {
            let title = escape::capped(&asked.plan.title, 40);
            say::choice(language, title, &asked.gate.environment, &asked.gate.run)
        })
        .collect();
    match mine.len() {
        0 if terminal.format == Format::Json => terminal.json(&json!({ "waiting": [] })),
        0 => terminal.result(&words::decision_nothing_waits(language)),
        1 => {}
        _ if decides || !terminal.can_ask() => {
            let mut error = CliError::input(say::several_gates(language));
            error.code = if decides { ExitCode::BadInput } else { ExitCode::Waiting };
            return Err(mine
                .iter()
                .fold(error, |error, (asked, _)| error.hint(format!("esclusa approve {}", asked.gate.run))));
        }
        _ => {
            let at = prompt::choose(say::choose_gate(language), choices, language).await?;
            return Ok((at < mine.len()).then(|| mine.swap_remove(at)));
        }
    }
    if mine.is_empty() {
        for (Asked { gate, .. }, why) in &others {
            let (run, system, environment) = (&gate.run, &gate.system, &gate.environment);
            let words = say::waits_not_for_you(language, run, system, environment, &why.words);
            escape::wrap(&words, COLUMNS).iter().for_each(|line| terminal.note(line));
        }
        // What would help is the same for many runs, and said once.
        let hints: BTreeSet<_> = others.iter().flat_map(|(_, why)| &why.hints).collect();
        hints.into_iter().for_each(|hint| terminal.hint(hint));
    }
    Ok(mine.pop())
}

/// Whether the gate still needs this person.
fn may_decide(
    records: &Records,
    asked: &Asked,
    signers: &[Signer],
    language: Language,
) -> Result<Decider, CliError> {
    refuse_changed_people(records, asked, language)?;
    let decider = identity::decider(records, asked, signers, language)?;
    let name = &decider.person.name;
    let refuse = |refusal: Refusal| refused(&refusal, asked, language);
    approval::eligible(&asked.gate, name, &asked.people).map_err(refuse)?;
    match &asked.verdict {
        Verdict::Open { who, .. } if who.contains(name) => Ok(decider),
        Verdict::Open { .. } => Err(refuse(Refusal::AlreadyDecided { person: name.clone() })),
        Verdict::Approved(_) => Err(CliError::input(say::gate_was_approved(language))),
        Verdict::Rejected { by, .. } => Err(CliError::input(say::gate_was_rejected(language, by))),
        Verdict::Expired => Err(refuse(Refusal::Expired)),
        Verdict::Void(refusal) => Err(refuse(refusal.clone())),
    }
}

/// A project's people file that is no longer the gate's would make every decision void.
fn refuse_changed_people(records: &Records, asked: &Asked, language: Language) -> Result<(), CliError> {
    match &records.people {
        Some(people) if approval::people_digest(people) != asked.gate.people => {
            Err(refused(&Refusal::PeopleChanged, asked, language))
        }
        _ => Ok(()),
    }
}

/// A refusal with its own words and code.
fn refused(refusal: &Refusal, asked: &Asked, language: Language) -> CliError {
    let code = match refusal {
        Refusal::Expired => ExitCode::Expired,
        _ => ExitCode::BadInput,
    };
    let error = CliError::input(refusal.message(language)).code(code);
    match refusal {
        Refusal::PeopleChanged => error.hint(say::people_changed_hint(language, &asked.gate.run)),
        _ => error,
    }
}

/// Signs and records the decision, after it was judged exactly as it will be judged later.
async fn record(
    records: &Records,
    terminal: &Terminal,
    asked: &Asked,
    decider: &Decider,
    answer: Answer,
) -> Result<ExitCode, CliError> {
    let Answer { decision, reason, language } = answer;
    let store = &records.store;
    let head = store.ledger_head().await?;
    let now = store.now().await?;
    let nonce = uuid::Uuid::new_v4().simple().to_string();
    let person = &decider.person.name;
    let text = asked.gate.statement(decision, &reason, person, now, nonce.clone(), head.hash).text();
    let signature = match &decider.signer {
        Some(signer) => Some(signer.sign(Purpose::Decision, &text, terminal, language).await?),
        None => None,
    };
    let account = records.login.clone().unwrap_or_else(|| records.account.clone());
    let seen = match &records.login {
        Some(login) => approval::Caller::Login(login.clone()),
        None => approval::Caller::Account(account.clone()),
    };
    // Others may have decided while this person was reading.
    let current = Asked::load(store, &asked.gate.id).await?;
    let new = RecordedDecision {
        text: text.clone(),
        signature: signature.clone(),
        caller: Some(seen),
        recorded_at: current.now,
    };
    let verified = approval::admit(&asked.gate, &current.decisions, &new, &asked.people, current.now)
        .map_err(|refusal| match (&refusal, &current.verdict) {
            (Refusal::GateClosed, Verdict::Rejected { by, .. }) => {
                CliError::input(say::gate_was_rejected(language, by)).code(ExitCode::Rejected)
            }
            _ => refused(&refusal, asked, language),
        })?;
    let word = match decision {
        Decision::Approve => "approve",
        Decision::Reject => "reject",
    };
    let row = store
        .record_decision(NewDecision {
            gate: asked.gate.id.clone(),
            person: person.clone(),
            roles: verified.roles,
            decision: word.to_owned(),
            reason: reason.clone(),
            statement: text,
            signature,
            nonce,
            account: Some(account),
        })
        .await?;
    let notices = notices(asked, decider, decision, &reason, records, terminal);
    tell(records, terminal, &notices).await;
    let after = Asked::load(store, &asked.gate.id).await?;
    let next = format!("esclusa resume {}", asked.run.leader());
    let missing: Vec<Role> = match &after.verdict {
        Verdict::Open { missing, .. } => missing.clone(),
        _ => Vec::new(),
    };
    if terminal.format == Format::Json {
        terminal.json(&json!({
            "run": asked.gate.run, "gate": asked.gate.id, "decision": word, "person": person,
            "signed": row.new.signature.is_some(), "key": verified.key, "ledger": row.seq,
            "missing": missing, "next": missing.is_empty().then_some(next),
        }));
        return Ok(ExitCode::Done);
    }
    let name = escape::capped(&decider.person.full_name, 60);
    terminal.result(&match decision {
        Decision::Approve => say::recorded_approved(language, name),
        Decision::Reject => say::recorded_rejected(language, name),
    });
    terminal.result(&words::decision_recorded(language));
    terminal.result(&if missing.is_empty() {
        words::next_command(language, next)
    } else {
        say::still_missing(language, roles::titles(&missing, language))
    });
    Ok(ExitCode::Done)
}

/// Stores messages and sends them where the project says how. What cannot be sent changes no decision.
async fn tell(records: &Records, terminal: &Terminal, notices: &[Message]) {
    if let Err(error) = records.store.outbox_add(notices).await {
        terminal.note(&format!("the requester was not told: {error}"));
        return;
    }
    let Some((root, spec)) =
        records.project.as_ref().and_then(|(root, project)| Some((root, project.notify.as_ref()?)))
    else {
        return;
    };
    // Whoever decides may lack the right to send; then the next run's command does.
    let _ = Courier::new(spec.command.clone(), root.clone()).deliver_due(&records.store).await;
}

/// What whoever asked is told.
fn notices(
    asked: &Asked,
    decider: &Decider,
    decision: Decision,
    reason: &str,
    records: &Records,
    terminal: &Terminal,
) -> Vec<Message> {
    let gate = &asked.gate;
    let Some(requester) = asked.people.0.get(&gate.requested_by) else { return Vec::new() };
    let language = requester.language.unwrap_or_else(|| records.language(terminal, Some(requester)));
    let name = escape::capped(&decider.person.full_name, 60);
    let command = format!("esclusa resume {}", asked.run.leader());
    let text = match decision {
        Decision::Approve => say::notice_approved(language, name, command),
        Decision::Reject => say::notice_rejected(language, name, escape::visible(reason), command),
    };
    let notice = Notice {
        kind: NoticeKind::GateDecided,
        recipients: vec![Recipient { person: requester.name.clone(), mail: requester.mail.clone() }],
        language,
        subject: say::notice_decided(language, escape::capped(&asked.plan.title, 60), &gate.environment),
        text,
        run: gate.run.clone(),
        system: gate.system.clone(),
        environment: gate.environment.clone(),
    };
    notice.message().into_iter().collect()
}
