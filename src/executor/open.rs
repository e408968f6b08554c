//! Opens runs: a release on an environment becomes a plan, and the plan a run.

use super::{ExecutorError, Site, intake, loaded};
use crate::{
    approval::{self, Judged},
    model::{Digest, EnvironmentKind, EnvironmentName, PersonName, PlaybookKind, Role, RunId, canonical},
    plan::{Plan, Release},
    run::{Goal, RunHeader},
    store::NewRun,
};

/// The version of the run header's format.
pub const RUN_FORMAT: u32 = 1;

/// What a run is opened for.
pub struct Opening {
    /// What it is for.
    pub goal: Goal,
    /// Where.
    pub environment: EnvironmentName,
    /// Why, in the words of who asked.
    pub why: Option<String>,
    /// The route that it belongs to.
    pub route: Option<String>,
    /// The phases of the playbook, in order; none means all of it.
    pub phases: Vec<String>,
    /// The procedure that allows its stages, if it goes by stages.
    pub staged: Option<Staged>,
    /// Who asked for it, where that is somebody else than the caller: whoever asked for the procedure.
    pub requester: Option<PersonName>,
}

/// What a procedure asks of a run that it leads through its stages.
pub struct Staged {
    /// The procedure's run.
    pub by: RunId,
    /// Roles of which each must approve, beyond the environment's policy.
    pub approve: Vec<Role>,
}

impl Opening {
    /// A run of its own accord, of the whole playbook.
    #[must_use]
    pub fn new(goal: Goal, environment: EnvironmentName) -> Self {
        Self { goal, environment, why: None, route: None, phases: Vec::new(), staged: None, requester: None }
    }
}

/// Builds the plan of some phases of a release on an environment, of all of it when none is named,
/// and stores it.
pub async fn plan(
    site: &Site,
    release: &Release,
    environment: &EnvironmentName,
    phases: &[String],
) -> Result<Plan, ExecutorError> {
    let files = intake::files(site, release).await?;
    let plan = loaded::build(site, release, &files, environment, phases)?;
    let text = canonical(&plan).map_err(|error| ExecutorError::document("plan", error))?;
    let digest = Digest::of(text.as_bytes());
    site.store.put_document("plan", digest, &text).await?;
    site.store.note_machines(digest, plan.servers.values().map(|planned| &planned.server)).await?;
    Ok(plan)
}

/// What the release's playbook is called.
async fn title(site: &Site, release: &Release) -> Result<Option<String>, ExecutorError> {
    let files = intake::files(site, release).await?;
    Ok(loaded::documents(release, &files)?.playbook.title)
}

/// Opens a run of a release.
pub async fn open(site: &Site, release: &Release, opening: Opening) -> Result<RunId, ExecutorError> {
    let plan = plan(site, release, &opening.environment, &opening.phases).await?;
    site.refuse_secrets_in_names(&plan).await?;
    if plan.servers.is_empty() {
        return Err(ExecutorError::input_hint(
            format!("no step of `{}` selects a server of `{}`", release.playbook, opening.environment),
            "compare the steps' `at:` with the groups of the inventory",
        ));
    }
    let lacking = plan
        .requires
        .groups
        .iter()
        .find(|group| !plan.servers.values().any(|planned| planned.server.groups.contains(*group)));
    if let Some(group) = lacking {
        return Err(ExecutorError::input(format!(
            "`{}` requires a server of group `{group}`, and `{}` has none that it touches",
            release.playbook, opening.environment
        )));
    }
    let changes_what_is_there = matches!(plan.kind, PlaybookKind::Update | PlaybookKind::Maintenance);
    if changes_what_is_there && plan.backup.is_none() {
        return Err(ExecutorError::input_hint(
            format!(
                "system `{}` has no backup playbook, so `{}` cannot change it",
                plan.system, release.playbook
            ),
            "write `backup.yaml` beside it; `esclusa init` shows one",
        ));
    }
    let (judged, weakening) = site.judged(&plan).await?;
    if plan.backup.is_some() {
        // Before anybody decides and anything is claimed: a vault that cannot be used is no way back.
        site.vault(judged.kind == Some(EnvironmentKind::Production)).await?;
    }
    let (staged_by, asked_by_procedure) = match opening.staged {
        Some(Staged { by, approve }) => (Some(by), approve),
        None => (None, Vec::new()),
    };
    let judged = approval::asking(judged, &asked_by_procedure);
    // Whoever asked for the procedure asks for its runs, whoever's process opens them.
    let caller = site.caller.person.as_ref().map(|person| &person.name);
    let requester = opening.requester.as_ref().or(caller).cloned();
    if judged.approve.is_some() && opening.goal != Goal::Backup && requester.is_none() {
        return Err(ExecutorError::Refused {
            words: format!("account `{}` belongs to nobody in the people file", site.caller.account),
            hint: Some(
                "nobody approves what they asked for, so who asks must be known: add `account:` there"
                    .to_owned(),
            ),
        });
    }
    site.may_run(&judged, &opening.environment)?;
    let release_digest = plan.release;
    // Whatever kind the inventory gives the environment by now.
    if judged.passed_in_test && opening.goal == Goal::Change {
        passed_in_test(site, release_digest, &plan).await?;
    }
    if judged.approve.is_some() && opening.goal != Goal::Backup {
        refuse_vacuous_gate(site, &judged, requester.as_ref()).await?;
    }
    let title = match opening.goal {
        Goal::Change => title(site, release).await?,
        Goal::Backup | Goal::Restore { .. } => None,
    };
    let id = RunId(uuid::Uuid::now_v7().to_string());
    let header = RunHeader {
        format: RUN_FORMAT,
        id: id.clone(),
        goal: opening.goal.clone(),
        system: plan.system.clone(),
        environment: plan.environment.clone(),
        environment_kind: plan.environment_kind,
        playbook: plan.playbook.clone(),
        title,
        version: release.version(),
        release: release_digest,
        plan: plan.digest().map_err(|error| ExecutorError::document("plan", error))?,
        requested_by_machine: match &requester {
            Some(name) => site.people.0.get(name).is_some_and(|person| person.machine),
            None => false,
        },
        requested_by: requester,
        requested_account: site.caller.account.clone(),
        why: opening.why,
        judged,
        weakening,
        staged_by,
        asked_by_procedure,
        people: site.people_digest(),
    };
    let kind = match opening.goal {
        Goal::Change => plan.kind.as_str(),
        Goal::Backup => "backup",
        Goal::Restore { .. } => "restore",
    };
    site.store
        .open_run(NewRun {
            id: id.clone(),
            system: plan.system.clone(),
            environment: plan.environment.clone(),
            kind: kind.to_owned(),
            playbook: plan.playbook.clone(),
            plan: header.plan,
            release: header.release,
            prediction: None,
            requested_by: header
                .requested_by
                .as_ref()
                .map_or_else(|| site.caller.account.clone(), ToString::to_string),
            requested_by_machine: header.requested_by_machine,
            state: "planned".to_owned(),
            route: opening.route,
            body: canonical(&header).map_err(|error| ExecutorError::document("run", error))?,
        })
        .await?;
    Ok(id)
}

/// Refuses a release that has not passed in an environment of kind `test`: of that kind when it passed,
/// whatever the inventory says by now.
async fn passed_in_test(site: &Site, release: Digest, plan: &Plan) -> Result<(), ExecutorError> {
    for passed in site.store.changed_well(release).await? {
        let passed = loaded::plan(site, passed).await?;
        if passed.environment_kind == EnvironmentKind::Test && covers(&passed, plan) {
            return Ok(());
        }
    }
    let mut tests = site.inventory.environments.iter().filter(|e| e.kind == EnvironmentKind::Test);
    let first = tests.find(|test| test.name != plan.environment).map(|test| &test.name);
    Err(ExecutorError::Refused {
        words: format!(
            "release {} has not passed in an environment of kind `test`, which `{}` asks for",
            release.short(),
            plan.environment
        ),
        hint: Some(match first {
            Some(first) => format!("run it there first: `esclusa run {} --env {first}`", plan.playbook),
            None => "the inventory has no other environment of kind `test`".to_owned(),
        }),
    })
}

/// Whether everything that the plan does in production was done by the one that passed: the whole
/// playbook, or at least the same phases of it.
fn covers(passed: &Plan, plan: &Plan) -> bool {
    passed.phases.is_empty()
        || (!plan.phases.is_empty() && plan.phases.iter().all(|phase| passed.phases.contains(phase)))
}

/// Refuses to open a run whose gate nobody could ever satisfy.
async fn refuse_vacuous_gate(
    site: &Site,
    judged: &Judged,
    requester: Option<&PersonName>,
) -> Result<(), ExecutorError> {
    let now = site.store.now().await?;
    let findings = approval::lint(judged, &site.people, requester, now);
    match findings.iter().find(|finding| finding.blocks()) {
        Some(finding) => Err(ExecutorError::Refused {
            words: finding.message(crate::model::Language::En),
            hint: Some("see the people file and the environment's `policy.approve`".to_owned()),
        }),
        None => Ok(()),
    }
}
