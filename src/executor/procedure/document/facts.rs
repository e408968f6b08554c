//! The facts of a document, gathered from the journals, the data sheet and the store.

use super::{
    calls, general,
    journals::Journals,
    troubles::{self, Timed},
};
use crate::{
    document::{Diagnostics, Source},
    executor::{ExecutorError, ProjectFiles, Site, copy::SAFETY_PREFIX, loaded},
    model::{EnvironmentKind, EnvironmentName, Language, PersonName, Role, Timestamp},
    plan::Plan,
    procedure::{Activity, ActivityId, ActivityKind, Event, Form, Procedure, Standing, Text, coverage},
    report::{
        deeds,
        documents::{
            Change, Copy, Deed, Evidence, Exception, Facts, Named, Party, Place, Reversal, System, Test, Told,
        },
        language::{self, documents as say},
        moment, roles, size,
    },
    run::{FindingSummary, Goal, RunHeader},
    store::{BackupFilter, RunRow},
    system::{self, Origin, SystemSheet},
};
use std::collections::BTreeMap;

/// Most lines of what was done, and changes before a failure, that a document names.
const DEEDS_MAX: usize = 300;
const CHANGES_MAX: usize = 10;
/// Most files that a document names; coverage names all of them.
const EVIDENCE_MAX: usize = 1000;

/// The facts of the document `form` of an activity.
pub async fn of(
    site: &Site,
    journals: &Journals<'_>,
    activity: &Activity,
    form: Form,
) -> Result<Facts, ExecutorError> {
    let words = Words { site, language: site.project.language };
    let run = journals.run;
    let (procedure, header) = (&run.procedure, &run.header);
    let troubles = troubles::all(site, journals, &words);
    let first_failure = troubles.first().map_or(journals.now, |one| one.at);
    let reversals = reversals(calls::reversals(site, journals, &words).await, &troubles, journals, &words);
    let since = match form {
        // After a reversal only what was checked afterwards says anything.
        Form::Reversal => reversals.first().map_or(Timestamp(0), |(at, _)| *at),
        _ => Timestamp(0),
    };
    let mut tested = calls::tests(site, journals, &words);
    tested.retain(|(at, _)| *at >= since);
    let fields = fields(journals, &words);
    let (from, to) = versions(journals, &fields);
    let whole = matches!(form, Form::TestReport | Form::ErrorsAndSolutions);
    Ok(Facts {
        title: words.text(&activity.text),
        activity: activity.id.to_string(),
        code: procedure.code.clone().unwrap_or_default(),
        version: procedure.version.clone().unwrap_or_default(),
        number: procedure.number.clone(),
        procedure: words.text(&procedure.title),
        digest: header.digest.to_string(),
        run: header.id.to_string(),
        made: words.moment(journals.now),
        requester: words.person(&header.requester),
        reason: reason(journals),
        opened: words.moment(header.opened),
        what: what(journals, &words),
        from,
        to,
        system: sheet(site, journals),
        parties: parties(procedure, activity, &words),
        places: places(site, journals, &words).await?,
        tests: calls::bounded(tests(tested, whole)),
        troubles: troubles.into_iter().map(|one| one.trouble).collect(),
        approvals: calls::approvals(journals, &words),
        calls: calls::called(journals, &words),
        backup: backup(site, journals, &words).await?,
        reversals: reversals.into_iter().map(|(_, reversal)| reversal).collect(),
        exceptions: exceptions(journals, &words),
        evidence: evidence(journals, &words),
        deeds: deeds(journals, &words),
        changes: changes(journals, &words, first_failure),
        told: told(journals, &words),
        fields: fields.into_iter().map(|(_, named)| named).collect(),
    })
}

/// Each restore with its reason: the last trouble that was not solved then, else what it was called for.
fn reversals(
    mut found: Vec<(Timestamp, Reversal)>,
    troubles: &[Timed],
    journals: &Journals<'_>,
    words: &Words<'_>,
) -> Vec<(Timestamp, Reversal)> {
    for (at, reversal) in &mut found {
        let open = |one: &&Timed| one.at <= *at && one.solved.is_none_or(|solved| solved > *at);
        reversal.why = match troubles.iter().rfind(open) {
            Some(one) => format!("{}: {}", one.trouble.activity, one.trouble.what),
            None => words.activity(journals, &ActivityId(reversal.activity.clone())),
        };
    }
    found
}

/// How things are called in the document's language.
pub struct Words<'a> {
    site: &'a Site,
    language: Language,
}

impl Words<'_> {
    /// A text in the document's language.
    pub fn text(&self, text: &Text) -> String {
        text.of(self.language).to_owned()
    }

    /// A moment in the institution's zone.
    pub fn moment(&self, at: Timestamp) -> String {
        moment::short(at, &self.site.project.zone)
    }

    /// A person's full name.
    pub fn person(&self, name: &PersonName) -> String {
        let person = self.site.people.0.get(name);
        person.map_or_else(|| name.to_string(), |person| person.full_name.clone())
    }

    /// A role's title.
    pub fn role(&self, procedure: &Procedure, role: &Role) -> String {
        roles::title_in(procedure, role, self.language)
    }

    /// Everybody with one of the roles.
    fn names(&self, roles: &[Role]) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for person in roles.iter().flat_map(|role| self.site.people.with_role(role)) {
            if !names.contains(&person.full_name) {
                names.push(person.full_name.clone());
            }
        }
        names
    }

    /// The only environment of a kind, else what such environments are for.
    pub fn environment(&self, kind: EnvironmentKind) -> String {
        let mut found = self.site.inventory.environments.iter().filter(|one| one.kind == kind);
        match (found.next(), found.next()) {
            (Some(only), None) => only.name.to_string(),
            _ => language::environment_kind(kind, self.language).to_owned(),
        }
    }

    /// What an activity is.
    pub fn activity(&self, journals: &Journals<'_>, id: &ActivityId) -> String {
        journals.run.procedure.activity(id).map(|activity| self.text(&activity.text)).unwrap_or_default()
    }

    /// What a check wanted.
    pub fn wanted(&self, wanted: &str) -> String {
        say::wanted(wanted, self.language)
    }

    /// What a check found.
    pub fn finding(&self, finding: &FindingSummary) -> String {
        let bad = finding.measured.iter().filter(|line| line.verdict != crate::check::Verdict::Good);
        let unit = |unit: &Option<String>| unit.as_ref().map(|unit| format!(" {unit}")).unwrap_or_default();
        let shown = bad.map(|line| {
            let (value, found, unit) = (&line.value, &line.found, unit(&line.unit));
            format!("{value}: {found}{unit} ({})", self.wanted(&line.wanted))
        });
        let shown: Vec<_> = shown.collect();
        if shown.is_empty() { finding.lines.join("; ") } else { shown.join("; ") }
    }

    /// That a run ended with an exit code.
    pub fn ended_with(&self, exit: u8) -> String {
        say::ended_with(self.language, exit)
    }

    /// That an attempt went well.
    pub fn attempt(&self, attempt: u32) -> String {
        say::attempt_good(self.language, attempt)
    }
}

/// Why it was asked for: a run that another one called was asked for where the first one was.
fn reason(journals: &Journals<'_>) -> String {
    let first = journals.callers.last().map_or(journals.run, |caller| &caller.run);
    first.header.reason.clone().unwrap_or_default()
}

/// What requests were given, and the field's name beside it.
fn fields(journals: &Journals<'_>, words: &Words<'_>) -> Vec<(String, Named)> {
    let mut found: Vec<(String, Named)> = Vec::new();
    for (event, _) in journals.events {
        let Event::Answered { activity, fields, .. } = event else { continue };
        let Some(activity) = journals.run.procedure.activity(activity) else { continue };
        for spec in &activity.fields {
            let Some(value) = fields.get(&spec.name) else { continue };
            // What is given again replaces what was given before.
            found.retain(|(name, _)| *name != spec.name);
            let named = Named { name: words.text(&spec.text), value: value.clone() };
            found.push((spec.name.clone(), named));
        }
    }
    found
}

/// The version that was there and the one that is: as the runs in production saw it, else as asked.
fn versions(journals: &Journals<'_>, fields: &[(String, Named)]) -> (String, String) {
    let field = |names: &[&str]| {
        let found = fields.iter().find(|(name, _)| names.contains(&name.as_str()));
        found.map(|(_, named)| named.value.clone())
    };
    let runs = journals
        .calls
        .iter()
        .filter(|call| call.row.final_exit == Some(0))
        .filter_map(|call| call.run.as_ref());
    let mut changes = runs.filter(|run| {
        run.header.goal == Goal::Change && run.header.environment_kind == EnvironmentKind::Production
    });
    let first = changes.next();
    let last = changes.next_back().or(first);
    let from = first.and_then(|run| run.observed.version.clone()).or_else(|| field(&["from"]));
    let to = last.and_then(|run| run.header.version.clone()).or_else(|| field(&["to", "version"]));
    (from.unwrap_or_default(), to.unwrap_or_default())
}

/// What happened to the system: what was run in production, else what the procedure is about.
fn what(journals: &Journals<'_>, words: &Words<'_>) -> String {
    let good = journals.calls.iter().filter(|call| call.row.final_exit == Some(0));
    let kinds: Vec<&str> = good
        .filter(|call| {
            call.run.as_ref().is_some_and(|run| run.header.environment_kind == EnvironmentKind::Production)
        })
        .map(|call| call.row.new.kind.as_str())
        .collect();
    for kind in ["update", "install", "restore", "maintenance"] {
        if let Some(kind) = crate::model::PlaybookKind::parse(kind).filter(|_| kinds.contains(&kind)) {
            return language::playbook_kind(kind, words.language).to_owned();
        }
    }
    words.text(&journals.run.procedure.title)
}

/// The data sheet as it is now; the system's name alone where there is none.
fn sheet(site: &Site, journals: &Journals<'_>) -> System {
    let Some(name) = &journals.run.header.system else { return System::default() };
    let path = format!("{}/{name}/system.yaml", site.project.playbooks);
    let files = ProjectFiles::new(&site.root);
    let mut ignored = Diagnostics::default();
    let read = loaded::source(&files, &path, &mut ignored);
    let parsed: Option<(Source, SystemSheet)> =
        read.and_then(|source| system::parse_sheet(&source, &mut ignored).map(|sheet| (source, sheet)));
    let Some((source, sheet)) = parsed else {
        return System { name: name.to_string(), ..System::default() };
    };
    System {
        name: name.to_string(),
        title: sheet.title,
        objective: sheet.objective.unwrap_or_default(),
        origin: match sheet.origin {
            Origin::OpenSource => "open-source",
            Origin::InHouse => "in-house",
            Origin::Proprietary => "proprietary",
        }
        .to_owned(),
        licence: sheet.licence,
        services: sheet.services,
        units: sheet.units,
        owner: sheet.owner.person.unwrap_or_default(),
        owner_unit: sheet.owner.unit.unwrap_or_default(),
        owner_mail: sheet.owner.mail.unwrap_or_default(),
        digest: crate::model::Digest::of(source.text().as_bytes()).to_string(),
    }
}

/// Who signs: of several the last one receives what the others deliver.
fn parties(procedure: &Procedure, activity: &Activity, words: &Words<'_>) -> Vec<Party> {
    let roles = activity.answering();
    let last = roles.len().saturating_sub(1);
    let party = |(at, role): (usize, &Role)| Party {
        role: words.role(procedure, role),
        names: words.names(std::slice::from_ref(role)),
        receives: at == last && roles.len() > 1,
    };
    roles.iter().enumerate().map(party).collect()
}

/// The last good run in each environment, and the servers that it touched.
async fn places(
    site: &Site,
    journals: &Journals<'_>,
    words: &Words<'_>,
) -> Result<Vec<Place>, ExecutorError> {
    let mut newest: BTreeMap<(EnvironmentKind, EnvironmentName), (&RunRow, RunHeader)> = BTreeMap::new();
    for row in journals.earlier.iter().filter(|row| row.final_exit == Some(0) && row.new.kind != "backup") {
        let Ok(header) = serde_json::from_str::<RunHeader>(&row.new.body) else { continue };
        newest.entry((header.environment_kind, header.environment.clone())).or_insert((row, header));
    }
    let mut places = Vec::new();
    for ((_, environment), (row, header)) in newest {
        let plan: Plan = serde_json::from_str(&site.store.document(row.new.plan).await?)
            .map_err(|error| ExecutorError::document("plan", error))?;
        let shown = plan.servers.iter().map(|(name, planned)| format!("{name} ({})", planned.server.address));
        places.push(Place {
            environment: environment.to_string(),
            servers: shown.collect(),
            version: version(site, journals, &header).await.unwrap_or_default(),
            run: row.new.id.to_string(),
            at: words.moment(row.ended_at.unwrap_or(row.opened_at)),
        });
    }
    Ok(places)
}

/// The version that a run left; after a restore that of the last run before the backup was taken.
async fn version(site: &Site, journals: &Journals<'_>, header: &RunHeader) -> Option<String> {
    let Goal::Restore { backup } = &header.goal else { return header.version.clone() };
    let taken = site.store.backup(backup).await.ok()?.taken_at;
    let before = journals.earlier.iter().filter(|row| {
        row.final_exit == Some(0)
            && row.new.environment == header.environment
            && row.ended_at.is_some_and(|at| at <= taken)
    });
    let headers = before.filter_map(|row| serde_json::from_str::<RunHeader>(&row.new.body).ok());
    headers.filter(|one| one.goal == Goal::Change).find_map(|one| one.version)
}

/// Every test, or the last one of each activity.
fn tests(tests: Vec<(Timestamp, Test)>, all: bool) -> Vec<Test> {
    let mut kept: Vec<Test> = Vec::new();
    for (_, test) in tests {
        if !all {
            kept.retain(|one| (&one.activity, &one.environment) != (&test.activity, &test.environment));
        }
        kept.push(test);
    }
    kept
}

/// The newest verified backup of production.
async fn backup(
    site: &Site,
    journals: &Journals<'_>,
    words: &Words<'_>,
) -> Result<Option<Copy>, ExecutorError> {
    let filter = BackupFilter { system: journals.run.header.system.clone(), ..BackupFilter::default() };
    if filter.system.is_none() {
        return Ok(None);
    }
    let rows = site.store.backups(&filter).await?;
    let production = |name: &EnvironmentName| {
        site.inventory.environment(name).is_some_and(|one| one.kind == EnvironmentKind::Production)
    };
    let newest = rows.into_iter().find(|row| {
        row.verified_at.is_some()
            && row.broken.is_none()
            && production(&row.environment)
            && !row.id.starts_with(SAFETY_PREFIX)
    });
    Ok(newest.map(|row| Copy {
        environment: row.environment.to_string(),
        taken: words.moment(row.taken_at),
        verified: row.verified_at.map(|at| words.moment(at)).unwrap_or_default(),
        size: size::words(row.size_bytes, words.language),
        manifest: row.manifest.to_string(),
        id: row.id,
    }))
}

/// What is left out and may be still, here and where this run was called from.
fn exceptions(journals: &Journals<'_>, words: &Words<'_>) -> Vec<Exception> {
    let runs = journals.callers.iter().map(|one| &one.run).chain([journals.run]);
    let mut found = Vec::new();
    for run in runs {
        for one in coverage(run) {
            let Standing::Excepted { by, why, until } = one.standing else { continue };
            if until.is_some_and(|until| until <= journals.now) {
                continue;
            }
            let what = run.procedure.activity(&one.activity).map(|activity| words.text(&activity.text));
            found.push(Exception {
                activity: one.activity.to_string(),
                what: what.unwrap_or_default(),
                person: words.person(&by),
                why,
                until: until.map(|at| words.moment(at)).unwrap_or_default(),
            });
        }
    }
    found
}

/// Every file with its digest, in the order of the procedure.
fn evidence(journals: &Journals<'_>, words: &Words<'_>) -> Vec<Evidence> {
    let mut found: Vec<Evidence> = Vec::new();
    for covered in coverage(journals.run) {
        let Some(activity) = journals.run.procedure.activity(&covered.activity) else { continue };
        for digest in &covered.evidence {
            let made = covered.documents.iter().find(|made| made.digest == *digest);
            let what = match made {
                Some(made) => say::form(made.form, words.language),
                None => words.text(activity.evidence.as_ref().unwrap_or(&activity.text)),
            };
            let one = Evidence { activity: activity.id.to_string(), what, digest: digest.to_string() };
            if !found.contains(&one) && found.len() < EVIDENCE_MAX {
                found.push(one);
            }
        }
    }
    found
}

/// What was done, the newest kept where there is too much of it.
fn deeds(journals: &Journals<'_>, words: &Words<'_>) -> Vec<Deed> {
    let events = journals.events.iter().filter(|(event, _)| general::is_deed(event));
    let deed = |(event, at): &(Event, Timestamp)| Deed {
        at: words.moment(*at),
        words: deeds::words(event, &journals.run.procedure, words.language),
    };
    let all: Vec<Deed> = events.map(deed).collect();
    all[all.len().saturating_sub(DEEDS_MAX)..].to_vec()
}

/// The last changes of the system that had ended before `until`.
fn changes(journals: &Journals<'_>, words: &Words<'_>, until: Timestamp) -> Vec<Change> {
    let kinds = ["install", "update", "maintenance", "restore"];
    let before = journals
        .earlier
        .iter()
        .filter(|row| kinds.contains(&row.new.kind.as_str()) && row.ended_at.is_some_and(|at| at <= until));
    let change = |row: &RunRow| Change {
        at: words.moment(row.ended_at.unwrap_or(row.opened_at)),
        run: row.new.id.to_string(),
        playbook: row.new.playbook.clone(),
        environment: row.new.environment.to_string(),
        person: PersonName::parse(&row.new.requested_by)
            .map_or_else(|_| row.new.requested_by.clone(), |name| words.person(&name)),
        good: row.final_exit == Some(0),
    };
    before.take(CHANGES_MAX).map(change).collect()
}

/// Who was told at activities that tell people.
fn told(journals: &Journals<'_>, words: &Words<'_>) -> Vec<Told> {
    let mut found = Vec::new();
    for (event, at) in journals.events {
        let Event::Performed { activity, .. } = event else { continue };
        let Some(activity) = journals.run.procedure.activity(activity) else { continue };
        if activity.kind == ActivityKind::Notify {
            found.push(Told {
                at: words.moment(*at),
                activity: activity.id.to_string(),
                what: words.text(&activity.text),
                names: words.names(&activity.roles),
            });
        }
    }
    found
}
