//! What is wrong with a procedure's graph.

use super::{Activity, ActivityId, ActivityKind, Procedure, graph::Graph, route};
use crate::model::{People, Role};
use std::collections::BTreeSet;

/// Which rule is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// There must be one start and at least one end.
    NoStartOrEnd,
    /// Nothing follows, or only one of yes and no.
    MissingTarget,
    /// What follows does not exist.
    UnknownTarget,
    /// No way leads there.
    Unreachable,
    /// No way leads from there to an end.
    EndUnreachable,
    /// A loop without a limit.
    EndlessLoop,
    /// Yes and no lead to the same without asking again.
    NoDifference,
    /// A gate that cannot be answered with no.
    GateWithoutNo,
    /// A backup that may fail without anything stopping.
    BackupWithoutNo,
    /// Nothing says what must come back from another process.
    ExternalWithoutReturn,
    /// A person must act, and nobody is named.
    NoRole,
    /// A role that the procedure does not explain.
    UnknownRole,
    /// A role that nobody has.
    RoleWithoutPerson,
    /// A role that must sign, and whoever has it has no key.
    RoleWithoutKey,
    /// A process that the procedure does not explain.
    UnknownProcess,
    /// A number of the document that no activity has.
    MissingNumber,
    /// A run without a playbook.
    NoPlaybook,
    /// A run in stages that no activity accepts, or that none opens.
    UnendedRun,
    /// Stages of one run that belong to different ones.
    MixedRun,
    /// Something of a run that cannot be a stage, or no run to accept or to put back from.
    WrongStage,
}

/// What a rule must know to judge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// One activity.
    Activity,
    /// Which activities there are.
    Activities,
    /// Where all of them lead.
    Graph,
}

impl Rule {
    /// What it must know to judge.
    #[must_use]
    pub fn scope(self) -> Scope {
        match self {
            Self::MissingTarget
            | Self::GateWithoutNo
            | Self::BackupWithoutNo
            | Self::ExternalWithoutReturn
            | Self::NoRole
            | Self::UnknownRole
            | Self::RoleWithoutPerson
            | Self::RoleWithoutKey
            | Self::UnknownProcess
            | Self::NoPlaybook => Scope::Activity,
            Self::NoStartOrEnd | Self::UnknownTarget | Self::MissingNumber => Scope::Activities,
            Self::Unreachable
            | Self::EndUnreachable
            | Self::EndlessLoop
            | Self::NoDifference
            | Self::UnendedRun
            | Self::MixedRun
            | Self::WrongStage => Scope::Graph,
        }
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Which rule.
    pub rule: Rule,
    /// The activity; absent when it is about the procedure.
    pub activity: Option<ActivityId>,
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: String,
}

/// Everything that is wrong with the graph; roles are held against `people` where they are known.
#[must_use]
pub fn lint(procedure: &Procedure, people: Option<&People>) -> Vec<Finding> {
    let mut findings = Findings { procedure, found: Vec::new() };
    findings.ends();
    for activity in &procedure.activities {
        findings.targets(activity);
        findings.ways_out(activity);
        findings.roles(activity);
        findings.work(activity);
        findings.difference(activity);
    }
    findings.reach();
    findings.loops();
    findings.numbers();
    super::lint_runs::runs(procedure, &mut findings.found);
    if let Some(people) = people {
        findings.persons(people);
    }
    let mut found = findings.found;
    found.sort_by(|a, b| (&a.file, a.line, a.rule).cmp(&(&b.file, b.line, b.rule)));
    found
}

struct Findings<'a> {
    procedure: &'a Procedure,
    found: Vec<Finding>,
}

impl<'a> Findings<'a> {
    fn add(&mut self, rule: Rule, at: &Activity, line: usize, message: String, help: &str) {
        self.found.push(Finding {
            rule,
            activity: Some(at.id.clone()),
            file: at.file.clone(),
            line,
            message,
            help: help.to_owned(),
        });
    }

    fn about(&mut self, rule: Rule, message: &str, help: &str) {
        let (file, line) = (self.procedure.path.clone(), 1);
        let (message, help) = (message.to_owned(), help.to_owned());
        self.found.push(Finding { rule, activity: None, file, line, message, help });
    }

    fn ends(&mut self) {
        let count = |kind| self.procedure.activities.iter().filter(|one| one.kind == kind).count();
        let (starts, ends) = (count(ActivityKind::Start), count(ActivityKind::End));
        if starts != 1 {
            self.about(Rule::NoStartOrEnd, "a procedure has one start", "write one activity of kind `start`");
        }
        if ends == 0 {
            self.about(Rule::NoStartOrEnd, "the procedure has no end", "write an activity of kind `end`");
        }
        if self.procedure.exceptions.is_empty() {
            let help = "name with `exceptions` who may let the run close";
            self.about(Rule::NoRole, "nobody may grant an exception for what could not be done", help);
        }
    }

    fn exists(&self, id: &ActivityId) -> bool {
        self.procedure.activity(id).is_some()
    }

    /// Targets that do not exist.
    fn targets(&mut self, activity: &'a Activity) {
        let ways = route::ways(activity).into_iter().map(|(_, target)| target);
        for target in ways.chain(&activity.again) {
            if !self.exists(&target.to) {
                let message = format!("`{}` leads to `{}`, which does not exist", activity.id, target.to);
                let help =
                    "name an activity of this procedure; another process is an activity of kind `external`";
                self.add(Rule::UnknownTarget, activity, target.line, message, help);
            }
        }
        for id in &activity.of {
            if !self.exists(id) {
                let message = format!("`{}` is computed from `{id}`, which does not exist", activity.id);
                self.add(Rule::UnknownTarget, activity, activity.line, message, "name an activity");
            }
        }
    }

    /// Ways that must be there.
    fn ways_out(&mut self, activity: &Activity) {
        let (targets, line) = (&activity.targets, activity.line);
        let id = &activity.id;
        let none = targets.next.is_none() && targets.branches.is_empty();
        let (yes, no) = (targets.on_yes.is_some(), targets.on_no.is_some());
        if activity.kind == ActivityKind::Gate && !no {
            let message = format!("the gate `{id}` has no answer for no");
            self.add(
                Rule::GateWithoutNo,
                activity,
                line,
                message,
                "say with `on_no` where a rejection leads",
            );
        }
        if activity.kind == ActivityKind::Backup && !no {
            let message = format!("the backup `{id}` may fail, and the work goes on");
            self.add(
                Rule::BackupWithoutNo,
                activity,
                line,
                message,
                "say with `on_no` where a failure leads",
            );
        }
        if activity.kind == ActivityKind::End {
            return;
        }
        let wants_both = activity.kind == ActivityKind::Decision && targets.branches.is_empty();
        if none && !yes && !no {
            let message = format!("nothing follows `{id}`");
            self.add(Rule::MissingTarget, activity, line, message, "add `next`, or `on_yes` and `on_no`");
        } else if wants_both && yes != no || none && !yes {
            let message = format!("`{id}` leads somewhere for one answer only");
            self.add(Rule::MissingTarget, activity, line, message, "add both `on_yes` and `on_no`");
        }
    }

    fn roles(&mut self, activity: &Activity) {
        if activity.kind.needs_role() && activity.answering().is_empty() {
            let message = format!("`{}` is done by nobody", activity.id);
            self.add(Rule::NoRole, activity, activity.line, message, "name its `roles`");
        }
        let named = activity.roles.iter().chain(&activity.signers).chain(&activity.started_by);
        for role in named.collect::<BTreeSet<&Role>>() {
            if !self.procedure.roles.contains_key(role) {
                let message = format!("`{}` names the role `{role}`, which is not explained", activity.id);
                self.add(Rule::UnknownRole, activity, activity.line, message, "add it to `roles`");
            }
        }
    }

    fn work(&mut self, activity: &Activity) {
        let (id, line) = (&activity.id, activity.line);
        if activity.kind == ActivityKind::External
            && (activity.returns.is_none() || activity.process.is_none())
        {
            let message = format!("`{id}` opens another process, and nothing says what must come back");
            self.add(Rule::ExternalWithoutReturn, activity, line, message, "give `process` and `returns`");
        }
        if let Some(process) =
            activity.process.as_ref().filter(|one| !self.procedure.processes.contains_key(*one))
        {
            let message = format!("`{id}` names the process `{process}`, which is not explained");
            self.add(Rule::UnknownProcess, activity, line, message, "add it to `processes`");
        }
        if activity.kind == ActivityKind::Call && activity.playbook.is_none() {
            let message = format!("`{id}` calls nothing");
            self.add(Rule::NoPlaybook, activity, line, message, "give `playbook`");
        }
    }

    /// A question whose answer changes nothing: after other processes, one answer leads to where the
    /// other one leads, and nobody asked again.
    fn difference(&mut self, activity: &'a Activity) {
        let targets = &activity.targets;
        let (Some(yes), Some(no)) = (&targets.on_yes, &targets.on_no) else { return };
        let after = |start: &'a ActivityId| {
            let mut chain = vec![start];
            while let Some(next) = chain
                .last()
                .and_then(|id| self.procedure.activity(id))
                .filter(|one| matches!(one.kind, ActivityKind::External | ActivityKind::Call))
                .and_then(|one| one.targets.next.as_ref())
                .filter(|next| !chain.contains(&&next.to))
            {
                chain.push(&next.to);
            }
            chain
        };
        let (after_yes, after_no) = (after(&yes.to), after(&no.to));
        for (chain, other, word, line) in
            [(&after_no, &yes.to, "no", no.line), (&after_yes, &no.to, "yes", yes.line)]
        {
            if chain.contains(&other) {
                let message =
                    format!("`{}`: after a {word} the work goes on to `{other}` all the same", activity.id);
                let help = "come back to the question, or end this branch";
                self.add(Rule::NoDifference, activity, line, message, help);
                break;
            }
        }
    }

    fn reach(&mut self) {
        let graph = Graph::of(self.procedure);
        let Some(start) = self.procedure.start() else { return };
        let mut reached = graph.reached_from(&start.id);
        let entries = self.procedure.activities.iter().filter_map(|activity| activity.again.as_ref());
        for entry in entries {
            reached.extend(graph.reached_from(&entry.to));
        }
        let ending = graph.reaching_an_end();
        for activity in &self.procedure.activities {
            if !reached.contains(&activity.id) {
                let message = format!("no way leads to `{}`", activity.id);
                let help = "let an activity lead to it, or remove it";
                self.add(Rule::Unreachable, activity, activity.line, message, help);
            }
            if !ending.contains(&activity.id) {
                let message = format!("no way leads from `{}` to an end", activity.id);
                let help = "let one of the activities after it lead to an end";
                self.add(Rule::EndUnreachable, activity, activity.line, message, help);
            }
        }
    }

    fn loops(&mut self) {
        for round in Graph::exhausted(self.procedure).rounds() {
            let Some(first) = round.first().and_then(|id| self.procedure.activity(id)) else { continue };
            let names: Vec<&str> = round.iter().map(|id| id.short()).collect();
            let message = format!("`{}` goes round without a limit: {}", first.id, names.join(", "));
            let help = "give one of them `attempts` with a `limit`, and with `then` a way out of the loop";
            self.add(Rule::EndlessLoop, first, first.line, message, help);
        }
    }

    fn numbers(&mut self) {
        let activities = &self.procedure.activities;
        let ids = activities.iter().flat_map(|one| std::iter::once(&one.id).chain(&one.covers));
        let numbers: BTreeSet<u32> = ids.filter_map(ActivityId::number).collect();
        let Some(last) = numbers.last() else { return };
        for missing in (1..*last).filter(|number| !numbers.contains(number)) {
            let after =
                activities.iter().filter(|one| one.id.number().is_some_and(|number| number > missing));
            if let Some(after) = after.min_by_key(|one| one.id.number()) {
                let message = format!("the number {missing:02} is missing before `{}`", after.id);
                let help =
                    "add the activity, or name its number under `covers` of the one that stands for it";
                self.add(Rule::MissingNumber, after, after.line, message, help);
            }
        }
    }

    /// Roles that must sign and cannot: found now, not when everything waits for them.
    fn keys(&mut self, people: &People) {
        let can = |role: &&Role| people.with_role(role).any(|person| !person.keys.is_empty());
        for activity in self.procedure.activities.iter().filter(|activity| activity.signed) {
            let every = !activity.signers.is_empty();
            let roles = activity.answering().iter();
            if !every && roles.clone().any(|role| can(&role)) {
                continue;
            }
            let known = |role: &&Role| people.with_role(role).next().is_some();
            for role in roles.filter(known).filter(|role| !can(role)) {
                let id = &activity.id;
                let message =
                    format!("`{id}` is signed by the role `{role}`, and nobody who has it has a key");
                let help = "add `keys` of somebody with this role to the people file";
                self.add(Rule::RoleWithoutKey, activity, activity.line, message, help);
            }
        }
    }

    fn persons(&mut self, people: &People) {
        self.keys(people);
        let mut seen = BTreeSet::new();
        for activity in &self.procedure.activities {
            let starting = activity.started_by.iter();
            let answering = activity.answering().iter().filter(|_| activity.kind.needs_role());
            let lonely = |role: &&Role| people.with_role(role).next().is_none();
            let every = !activity.signers.is_empty();
            // Any one of several roles is enough, unless each must sign.
            if !every && answering.clone().any(|role| !lonely(&role)) && activity.started_by.is_empty() {
                continue;
            }
            for role in answering.chain(starting).filter(lonely) {
                if seen.insert(role) {
                    let message = format!("`{}` waits for the role `{role}`, which nobody has", activity.id);
                    let help = "give the role to somebody in the people file";
                    self.add(Rule::RoleWithoutPerson, activity, activity.line, message, help);
                }
            }
        }
    }
}
