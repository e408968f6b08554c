//! `esclusa request new`: opens a run of a procedure.

use super::{CliError, Global, Terminal, deed::DeedArgs, do_activity, documents, notify, project, run};
use crate::{
    executor::{self, procedure::Request},
    model::{ExitCode, SystemName},
    procedure::{ActivityId, ActivityKind},
    report::language::procedures as say,
};
use clap::{Args, Subcommand};

/// Arguments of `esclusa request`.
#[derive(Args)]
pub struct RequestArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Open a run of a procedure
    New(Box<NewArgs>),
}

/// Arguments of `esclusa request new`.
#[derive(Args)]
struct NewArgs {
    /// The procedure: a path, or ti-p01/3.2.1
    procedure: String,
    /// The system that it is about
    #[arg(long, value_name = "SYSTEM")]
    system: String,
    /// Where it begins, when not at its start
    #[arg(long, value_name = "ACTIVITY")]
    entry: Option<String>,
    #[command(flatten)]
    deed: DeedArgs,
}

/// Performs `esclusa request`.
pub async fn request(global: &Global, terminal: &Terminal, args: RequestArgs) -> Result<ExitCode, CliError> {
    let What::New(args) = args.what;
    let site = project::open(global).await?;
    let person = site.caller.person.as_ref();
    let language = terminal.language(person.and_then(|person| person.language), site.project.language);
    let path = documents::playbook_path(&site.root, &site.project.playbooks, &args.procedure)?;
    let system = SystemName::parse(&args.system).map_err(|error| CliError::input(error.to_string()))?;
    let parsed = executor::procedure::parse(&site, &path)?;
    let entry = args.entry.as_deref().map(|text| ActivityId::of(&parsed.procedure.number, text));
    // Files are kept before anything is opened: what cannot be handed in opens nothing.
    let deed = args.deed.deed(&site)?;
    let request =
        Request { procedure: path, system, requester: None, reason: args.deed.reason(), entry, route: None };
    let id = executor::procedure::open(&site, request).await?;
    terminal.note(&say::opened(language, &id));
    let (interrupt, watch) = (run::interrupt(terminal), super::progress::watch(terminal, &site));
    let advanced = executor::procedure::go_on(&site, &id, &interrupt, &watch).await;
    notify::deliver(&site, terminal).await;
    advanced?;
    let standing = super::procedural::Standing::load(&site.store, &id).await?;
    let fills = standing.activity().is_some_and(|activity| activity.kind == ActivityKind::Request);
    if fills && (args.deed.is_given() || terminal.can_ask()) {
        let work = do_activity::Work { deed, said: &args.deed };
        return do_activity::act(&site, terminal, &standing, work, language).await;
    }
    super::procedural::print(&site.store, terminal, &id, language).await?;
    Ok(ExitCode::Done)
}
