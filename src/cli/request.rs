//! `esclusa request new`: opens a run of a procedure.

use super::{
    CliError, Format, Global, Terminal,
    deed::DeedArgs,
    do_activity::{
        self,
        wanted::{self, Wanted},
    },
    documents, notify, project, run,
};
use crate::{
    executor::{
        self,
        procedure::{Deed, Request},
    },
    model::{ExitCode, Language, Person, SystemName},
    procedure::{Activity, ActivityId, ActivityKind, Procedure},
    report::{escape, language::procedures as say},
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
#[command(
    after_help = "`--fields` lists what the procedure asks for: each field with its kind, and whether it is required.
Without any field the run is only opened; on a terminal they are asked for."
)]
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

impl RequestArgs {
    /// Whether only a list of what is taken is wanted.
    pub fn only_lists(&self) -> bool {
        let What::New(args) = &self.what;
        args.deed.only_lists()
    }
}

/// Performs `esclusa request`.
pub async fn request(global: &Global, terminal: &Terminal, args: RequestArgs) -> Result<ExitCode, CliError> {
    let What::New(args) = args.what;
    let site = project::open(global).await?;
    let person = site.caller.person.as_ref();
    let language = terminal.language(person.and_then(|person| person.language), site.project.language);
    let path = documents::procedure_path(&site.root, &site.project.playbooks, &args.procedure)?;
    let system = SystemName::parse(&args.system).map_err(|error| CliError::input(error.to_string()))?;
    let parsed = executor::procedure::parse(&site, &path)?;
    let entry = args.entry.as_deref().map(|text| ActivityId::of(&parsed.procedure.number, text));
    if let Some(entry) = entry.as_ref().filter(|entry| parsed.procedure.activity(entry).is_none()) {
        let ids: Vec<_> = parsed.procedure.activities.iter().map(|one| one.id.short()).collect();
        return Err(CliError::input(format!(
            "`{path}` has no activity `{}`",
            escape::visible(entry.as_str())
        ))
        .hint(format!("it has: {}", ids.join(", "))));
    }
    let first = first(&parsed.procedure, entry.as_ref());
    if args.deed.only_lists() {
        return list(terminal, first, &path, language);
    }
    // Files are kept before anything is opened: what cannot be handed in opens nothing.
    let deed = args.deed.deed(&site)?;
    if let Some(first) = first.filter(|_| args.deed.is_given() && !terminal.can_ask()) {
        refuse(person, first, &deed, language)?;
    }
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

/// The request with which a run begins, where it begins with one.
fn first<'p>(procedure: &'p Procedure, entry: Option<&ActivityId>) -> Option<&'p Activity> {
    let mut activity = match entry {
        Some(entry) => procedure.activity(entry)?,
        None => procedure.start()?,
    };
    if activity.kind == ActivityKind::Start {
        activity = procedure.activity(&activity.targets.next.as_ref()?.to)?;
    }
    Some(activity).filter(|activity| activity.kind == ActivityKind::Request)
}

/// Lists what the request takes.
fn list(
    terminal: &Terminal,
    first: Option<&Activity>,
    path: &str,
    language: Language,
) -> Result<ExitCode, CliError> {
    let Some(first) = first else {
        return Err(CliError::input(format!(
            "`{path}` does not begin with a request, so it takes no fields"
        ))
        .hint("leave `--fields` out; `esclusa do RUN --fields` lists what a later activity takes"));
    };
    let wanted = Wanted::of_request(first);
    match terminal.format {
        Format::Json => terminal.json(&wanted.document()),
        _ => terminal.result(&wanted.page(language)),
    }
    Ok(ExitCode::Done)
}

/// Refuses what the request would refuse, before anything is opened.
fn refuse(
    person: Option<&Person>,
    first: &Activity,
    deed: &Deed,
    language: Language,
) -> Result<(), CliError> {
    let answering = first.answering();
    if let Some(person) = person.filter(|one| !answering.iter().any(|role| one.roles.contains(role))) {
        let roles = wanted::responsible(first, language);
        let words = format!("`{}` cannot fill in `{}`, which is for: {roles}", person.name, first.id);
        return Err(CliError::input(words).hint(
            "leave the fields out to open the run; whoever has the role fills them in with `esclusa do`",
        ));
    }
    Wanted::of_request(first).refuse(deed, false, language)
}
