//! `esclusa do`: a person does their part of a procedure.

mod prompt;
mod signing;
pub mod wanted;

use super::{
    CliError, Format, Global, Terminal,
    deed::DeedArgs,
    notify,
    procedural::{self, Standing},
    project, run,
};
use crate::{
    executor::{
        self, Site,
        procedure::{Deed, roles_of},
    },
    model::{ExitCode, Language, RunId, Timestamp},
    procedure::ActivityId,
    report::{language::procedures as say, lines::Lines},
    store::RunFilter,
};
use clap::Args;
use wanted::Wanted;

/// Arguments of `esclusa do`.
#[derive(Args)]
#[command(
    after_help = "`--fields` lists what the open activity takes: its answers, each field with its kind, files, and what of it
is required. On a terminal everything is asked for."
)]
pub struct DoArgs {
    /// The activity (3.2.1-05), or the run: its id, the first characters of it, or `latest`
    what: String,
    #[command(flatten)]
    deed: DeedArgs,
    /// Leave this activity out, with a reason
    #[arg(long, value_name = "ACTIVITY", requires = "reason")]
    except: Option<String>,
    /// Until when it is left out: 2026-12-31
    #[arg(long, value_name = "DATE", requires = "except")]
    until: Option<String>,
}

impl DoArgs {
    /// Whether only a list of what is taken is wanted.
    pub fn only_lists(&self) -> bool {
        self.deed.only_lists()
    }
}

/// Performs `esclusa do`.
pub async fn perform(global: &Global, terminal: &Terminal, args: DoArgs) -> Result<ExitCode, CliError> {
    let site = project::open(global).await?;
    let person = site.caller.person.as_ref();
    let language = terminal.language(person.and_then(|person| person.language), site.project.language);
    let (id, named) = target(&site, &args.what).await?;
    if args.deed.only_lists() {
        return list(&site, terminal, &id, language).await;
    }
    // A process that ended before it was through left something to do; what cannot be done can
    // still be left out.
    let (interrupt, watch) = (run::interrupt(terminal), super::progress::watch(terminal, &site));
    let advanced = executor::procedure::go_on(&site, &id, &interrupt, &watch).await;
    if args.except.is_none() {
        advanced?;
    }
    let standing = Standing::load(&site.store, &id).await?;
    let open = standing.activity().map(|activity| activity.id.clone());
    if named.is_some() && named != open {
        return Err(CliError::input(format!("`{}` is not open any more", args.what)).hint("esclusa todo"));
    }
    let mut deed = args.deed.deed(&site)?;
    if let Some(text) = &args.except {
        let number = &standing.stored.run.procedure.number;
        let until = args.until.as_deref().map(|text| end_of_day(text, &site.project.zone)).transpose()?;
        deed.except = Some((ActivityId::of(number, text), until));
    }
    act(&site, terminal, &standing, Work { deed, said: &args.deed }, language).await
}

/// What is to be done, and the words of the command line that say so.
pub struct Work<'a> {
    /// What is to be done.
    pub deed: Deed,
    /// The command line's words.
    pub said: &'a DeedArgs,
}

/// Asks for what a deed still needs, has it signed where that is asked for, records it and takes the
/// run on.
pub async fn act(
    site: &Site,
    terminal: &Terminal,
    standing: &Standing,
    Work { mut deed, said }: Work<'_>,
    language: Language,
) -> Result<ExitCode, CliError> {
    let id = &standing.stored.run.header.id;
    let Some(activity) = standing.activity() else {
        return Err(CliError::input(format!("run {id}: {}", standing.state(language))));
    };
    let mine = site.caller.person.as_ref();
    let mine = mine.is_some_and(|person| !roles_of(&standing.stored.run, person, standing.now).is_empty());
    // Whoever may not act is told so before being asked.
    if mine && deed.except.is_none() && terminal.can_ask() {
        let mut lines = Lines::default();
        standing.describe(&site.project.zone, language, &mut lines);
        terminal.note(&lines.text());
        prompt::complete(site, terminal, standing, activity, &mut deed, language).await?;
    }
    if mine && deed.except.is_none() {
        refuse_incomplete(site, standing, &deed, language).await?;
    }
    let done = deed.except.as_ref().map_or(&activity.id, |(left_out, _)| left_out).clone();
    let draft = executor::procedure::draft(site, id, &activity.id, &deed).await;
    let seal = match draft.map_err(|error| signing::refused(error, language))? {
        None => None,
        Some(draft) => match signing::sign(site, terminal, &deed, &draft, said, language).await? {
            Some(seal) => Some(seal),
            None => {
                terminal.note(&say::nothing_signed(language));
                if terminal.format != Format::Text {
                    procedural::print(&site.store, terminal, id, language).await?;
                }
                return Ok(ExitCode::Waiting);
            }
        },
    };
    let recorded = executor::procedure::answer(site, id, &activity.id, deed, seal).await;
    recorded.map_err(|error| signing::refused(error, language))?;
    terminal.note(&say::recorded(language, done));
    let (interrupt, watch) = (run::interrupt(terminal), super::progress::watch(terminal, site));
    let advanced = executor::procedure::go_on(site, id, &interrupt, &watch).await;
    notify::deliver(site, terminal).await;
    advanced?;
    procedural::print(&site.store, terminal, id, language).await?;
    Ok(ExitCode::Done)
}

/// What the open activity takes now.
fn wanted_at(standing: &Standing) -> Option<Wanted<'_>> {
    let (activity, open) = standing.stored.run.current()?;
    Wanted::at(activity, standing.waits.as_ref()?, !open.given.is_empty())
}

/// Lists what the open activity takes.
async fn list(
    site: &Site,
    terminal: &Terminal,
    id: &RunId,
    language: Language,
) -> Result<ExitCode, CliError> {
    let standing = Standing::load(&site.store, id).await?;
    let Some(wanted) = wanted_at(&standing) else {
        let error = CliError::input(format!("run {id}: {}", standing.state(language)));
        return Err(standing.next().into_iter().fold(error, CliError::hint));
    };
    match terminal.format {
        Format::Json => terminal.json(&wanted.document()),
        _ => terminal.result(&wanted.page(language)),
    }
    Ok(ExitCode::Done)
}

/// Refuses what cannot be recorded with everything that is wrong with it.
async fn refuse_incomplete(
    site: &Site,
    standing: &Standing,
    deed: &Deed,
    language: Language,
) -> Result<(), CliError> {
    let Some(wanted) = wanted_at(standing) else { return Ok(()) };
    let id = &standing.stored.run.header.id;
    let called = executor::procedure::given_by_caller(site, id).await?.is_some();
    wanted.refuse(deed, called, language)
}

/// The run that is meant, and the activity where that was named.
async fn target(site: &Site, what: &str) -> Result<(RunId, Option<ActivityId>), CliError> {
    let filter = RunFilter {
        kind: Some(executor::procedure::KIND.to_owned()),
        ended: Some(false),
        limit: Some(u32::MAX),
        ..RunFilter::default()
    };
    let mut found = Vec::new();
    for row in site.store.runs(&filter).await? {
        let standing = Standing::load(&site.store, &row.new.id).await?;
        let open = standing.activity().map(|activity| activity.id.clone());
        if let Some(open) = open.filter(|open| open.as_str() == what || open.short() == what) {
            let person = site.caller.person.as_ref();
            let mine =
                person.is_some_and(|one| !roles_of(&standing.stored.run, one, standing.now).is_empty());
            found.push((mine, (row.new.id, Some(open))));
        }
    }
    // Of several runs, those are meant in which the caller has a part.
    let any_mine = found.iter().any(|(mine, _)| *mine);
    let mut found: Vec<_> =
        found.into_iter().filter(|(mine, _)| *mine || !any_mine).map(|(_, target)| target).collect();
    if found.len() > 1 {
        let error = CliError::input(format!("`{what}` is open in several runs; name one of them"));
        return Err(found.iter().fold(error, |error, (id, _)| error.hint(format!("esclusa do {id}"))));
    }
    if let Some(only) = found.pop() {
        return Ok(only);
    }
    let looks_like_an_activity = what.contains('.');
    if looks_like_an_activity {
        return Err(
            CliError::input(format!("no run is at `{what}`")).hint("see what waits with `esclusa todo`")
        );
    }
    let row = procedural::find(&site.store, what).await?;
    if !procedural::is_one(&row) {
        return Err(CliError::input(format!("run {} is no procedure's", row.new.id))
            .hint(format!("see it with `esclusa show {}`", row.new.id)));
    }
    Ok((row.new.id, None))
}

/// The end of a day in the institution's zone.
fn end_of_day(text: &str, zone: &str) -> Result<Timestamp, CliError> {
    let wrong =
        |error: jiff::Error| CliError::input(format!("`{text}` is not a day such as 2026-12-31: {error}"));
    let day: jiff::civil::Date = text.parse().map_err(wrong)?;
    let end = day.tomorrow().and_then(|next| next.in_tz(zone)).map_err(wrong)?;
    Ok(Timestamp(end.timestamp().as_millisecond()))
}
