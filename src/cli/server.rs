//! `esclusa server adopt`: a server is taken over from another store, or from a later epoch.

use super::{CliError, Format, Global, Terminal, project, run, trust};
use crate::{
    executor::{Approach, ExecutorError, Site},
    model::{ExitCode, RunAs, Script, Server, canonical},
    report::escape,
    store::NewLedgerEntry,
    transport::{Frame, Session},
};
use clap::{Args, Subcommand};
use serde_json::json;

/// Arguments of `esclusa server`.
#[derive(Args)]
pub struct ServerArgs {
    #[command(subcommand)]
    verb: ServerVerb,
}

#[derive(Subcommand)]
enum ServerVerb {
    /// Let this project's store change a server that belongs to another one
    Adopt(AdoptArgs),
}

#[derive(Args)]
struct AdoptArgs {
    /// The server
    server: String,
    /// Its environment
    #[arg(long, value_name = "ENVIRONMENT")]
    env: String,
    /// Why, for the record
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

/// Shortest reason that says anything.
const REASON_CHARS_MIN: usize = 5;

/// Highest epoch that is believed: a server must not be able to use the counter up.
const EPOCH_MAX: u64 = 1 << 40;

/// What a server remembers: `STORE EPOCH`, as the transport writes it, in the place of each account.
const HELD: &str = r#"if [ "$(id -u)" = 0 ] && [ "$HOME" = ~root ] && [ -d /var/lib ]; then f=/var/lib/esclusa/guard
else f=$HOME/.esclusa/guard; fi
if [ -f "$f" ]; then head -n 1 "$f"; fi"#;

/// Performs `esclusa server`.
pub async fn server(global: &Global, terminal: &Terminal, args: ServerArgs) -> Result<ExitCode, CliError> {
    let ServerVerb::Adopt(args) = args.verb;
    let reason = args.reason.trim().to_owned();
    if reason.chars().count() < REASON_CHARS_MIN {
        return Err(CliError::input(format!(
            "give a reason that somebody else will understand: {REASON_CHARS_MIN} characters at least"
        )));
    }
    let site = project::open(global).await?;
    let environment = run::name(&site, &args.env)?;
    let read = project::read(global)?;
    let server = trust::find(&read, &args.server, Some(environment.as_str()))?;
    let policy = &site.environment(&environment)?.policy;
    let mut judged = crate::approval::Judged::from(policy);
    if let Some(row) = site.store.policy_in_force(&environment).await? {
        let old = serde_json::from_str(&row.policy).map_err(|error| CliError::failed(error.to_string()))?;
        judged = crate::approval::stricter(&old, &judged).0;
    }
    crate::approval::may_run(&judged, site.caller.person.as_ref())
        .map_err(|refusal| CliError::input(refusal.to_string()))?;
    let claims = site.store.claims().await?;
    if let Some(claim) = claims.iter().find(|claim| claim.server == server.name) {
        return Err(CliError::input(format!("run {} holds server `{}`", claim.run, server.name))
            .code(ExitCode::Claimed)
            .hint(format!("end it first: `esclusa resume {0}` or `esclusa cancel {0}`", claim.run)));
    }
    let session = connect(&site, server).await?;
    let held = held(&session, server).await?;
    let ours = held.as_ref().filter(|(store, _)| store == site.store.id()).map_or(0, |(_, epoch)| *epoch);
    // Higher than what the server has of this store, so that a controller from before stays out.
    let epoch = site.store.raise_epoch(ours).await?;
    let before = held.as_ref().map(|(store, epoch)| json!({"store": store, "epoch": epoch}));
    let body = json!({
        "server": server.name, "before": before, "store": site.store.id(), "epoch": epoch,
        "reason": site.redact(&reason), "account": site.caller.account,
        "person": site.caller.person.as_ref().map(|person| &person.name),
    });
    let body = canonical(&body).map_err(|error| CliError::failed(error.to_string()))?;
    // Recorded first: what the record cannot take is not done.
    let entry = NewLedgerEntry {
        kind: "server_adopted".to_owned(),
        run: None,
        environment: Some(environment.clone()),
        body,
    };
    let row = site.store.record(entry).await?;
    session.guard(site.store.id(), epoch, true).await.map_err(ExecutorError::from)?;
    session.close().await;
    if terminal.format == Format::Json {
        terminal.json(&json!({
            "exit": 0, "server": server.name, "environment": environment, "before": before,
            "store": site.store.id(), "epoch": epoch, "ledger": row.seq,
        }));
    } else {
        let was = match &held {
            None => "no store had it".to_owned(),
            Some((store, epoch)) if store == site.store.id() => format!("this store had it, epoch {epoch}"),
            Some((store, epoch)) => format!("store {}, epoch {epoch}", escape::visible(store)),
        };
        terminal.result(&format!(
            "{} in {environment} now belongs to this store.\n  before   {was}\n  now      store {}, epoch {epoch}\n  record   ledger entry {}",
            server.name, site.store.id(), row.seq
        ));
    }
    Ok(ExitCode::Done)
}

/// What the server remembers: the store and the epoch; root's word counts where there is one.
pub async fn held(session: &Session, server: &Server) -> Result<Option<(String, u64)>, CliError> {
    let frames = vec![
        Frame::ask(RunAs::Login, Script::new(HELD)).output_limit(4096),
        Frame::ask(RunAs::Root, Script::new(HELD)).output_limit(4096),
    ];
    let mut held = None;
    for reply in session.run(frames).await.map_err(ExecutorError::from)? {
        let text = reply.answer(&server.name).map_err(ExecutorError::from)?.text();
        let mut words = text.split_whitespace();
        if let (Some(store), Some(epoch)) = (words.next(), words.next().and_then(|epoch| epoch.parse().ok()))
        {
            if epoch > EPOCH_MAX {
                let words = format!("server `{}` remembers an epoch that no store can have had", server.name);
                return Err(CliError::failed(words).hint("look at the file `guard` there, and who wrote it"));
            }
            held = Some((store.chars().take(64).collect(), epoch));
        }
    }
    Ok(held)
}

async fn connect(site: &Site, server: &Server) -> Result<Session, ExecutorError> {
    let mut approach = Approach::of(site, server, &site.inventory.way_to(server)).await?;
    loop {
        match Session::connect(server, &approach.way, &approach.credentials, &site.options).await {
            Err(error) if approach.learn(&error, server, |what, whose| site.asked(what, whose)) => {}
            other => return Ok(other?),
        }
    }
}
