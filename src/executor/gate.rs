//! Gates: opened for a run, judged whenever the run is looked at.

use super::{
    ExecutorError, Loaded, Site,
    journal::{Extra, Journal},
};
use crate::{
    approval::{self, Caller as Seen, Gate, RecordedDecision, Subject, Verdict},
    model::People,
    model::{Digest, Language, Person, PersonName, canonical},
    notify::{Notice, NoticeKind, Recipient},
    report::moment,
    run::{Event, Run},
    store::{DecisionRow, NewGate},
};

/// How long before its end people are reminded of a gate, in seconds; of a short one, in its last third.
const EXPIRING_SECONDS: i64 = 24 * 3600;

impl Site {
    /// Opens the run's gate and tells those who can decide.
    pub async fn open_gate(&self, loaded: &Loaded, journal: &Journal) -> Result<(), ExecutorError> {
        let (header, prediction) = {
            let run = journal.run();
            (run.header.clone(), run.prediction.as_ref().map(|(digest, _)| *digest))
        };
        let (Some(rule), Some(prediction)) = (header.judged.approve.clone(), prediction) else {
            return Err(ExecutorError::input("a gate needs a rule and a prediction"));
        };
        let opened_at = self.store.now().await?;
        let people = self.people_digest();
        // Whoever decides may have the database alone, and still reads times of the institution.
        self.store.set_meta(super::sheet::ZONE, &self.project.zone).await?;
        self.store.set_meta(super::sheet::LANGUAGE, self.project.language.as_str()).await?;
        let text = canonical(&self.people).map_err(|error| ExecutorError::document("people file", error))?;
        self.store.put_document("people", Digest::of(text.as_bytes()), &text).await?;
        // A run that nobody of the people file asked for still has a requester: the account's name,
        // which no person of that name can then approve.
        let requested_by = match &header.requested_by {
            Some(person) => person.clone(),
            None => PersonName::parse(&crate::model::slug(&header.requested_account))
                .map_err(|error| ExecutorError::input(error.to_string()))?,
        };
        let gate = Gate {
            id: uuid::Uuid::now_v7().to_string(),
            run: header.id.clone(),
            environment: header.environment.clone(),
            environment_kind: header.environment_kind,
            system: header.system.clone(),
            subject: Subject {
                release: header.release,
                plan: header.plan,
                prediction,
                policy: header.judged.digest(),
            },
            decide_by: Gate::deadline(opened_at, &rule),
            requested_by,
            requested_by_machine: header.requested_by_machine,
            people,
            opened_at,
            weakening: header.weakening.clone(),
            rule,
        };
        let subject = canonical(&gate).map_err(|error| ExecutorError::document("gate", error))?;
        let names: Vec<_> = gate.rule.each.iter().map(ToString::to_string).collect();
        let outbox = self.notices(NoticeKind::GateOpened, &loaded.plan.title, &header.id, &gate);
        let extra = Extra {
            gates: vec![NewGate { id: gate.id.clone(), subject, decide_by: Some(gate.decide_by) }],
            outbox,
            waiting_for: Some(names.join(", ")),
            ..Extra::default()
        };
        journal.append_with(vec![Event::GateOpened { gate: Box::new(gate) }], extra).await
    }

    /// Everybody who can decide the gate.
    fn deciders(&self, gate: &Gate) -> Vec<&Person> {
        self.people
            .0
            .values()
            .filter(|person| approval::eligible(gate, &person.name, &self.people).is_ok())
            .collect()
    }

    fn notices(
        &self,
        kind: NoticeKind,
        title: &str,
        run: &crate::model::RunId,
        gate: &Gate,
    ) -> Vec<crate::store::Message> {
        let mut messages = Vec::new();
        for person in self.deciders(gate) {
            let language = person.language.unwrap_or(self.project.language);
            let (subject, text) = gate_words(kind, language, title, gate, &self.project.zone);
            messages.extend(
                Notice {
                    kind,
                    recipients: vec![Recipient { person: person.name.clone(), mail: person.mail.clone() }],
                    language,
                    subject,
                    text,
                    run: run.clone(),
                    environment: gate.environment.clone(),
                    system: gate.system.clone(),
                }
                .message(),
            );
        }
        messages
    }

    /// Tells those who can decide, once, that a gate will close soon without them.
    pub async fn remind(&self) -> Result<(), ExecutorError> {
        let now = self.store.now().await?;
        for row in self.store.gates_waiting().await? {
            let gate: Gate =
                serde_json::from_str(&row.subject).map_err(|error| ExecutorError::document("gate", error))?;
            let left = gate.decide_by.seconds_since(now);
            let soon = EXPIRING_SECONDS.min(gate.rule.decide_within_seconds / 3);
            let key = format!("gate-expiring:{}", gate.id);
            if !(0..=soon).contains(&left) || self.store.meta(&key).await?.is_some() {
                continue;
            }
            let messages = self.notices(NoticeKind::GateExpiring, gate.system.as_str(), &gate.run, &gate);
            self.store.outbox_add(&messages).await?;
            self.store.set_meta(&key, &now.to_string()).await?;
        }
        Ok(())
    }

    /// What the decisions on the run's gate amount to by now. Nothing while no gate is open.
    pub async fn verdict(&self, run: &Run) -> Result<Option<Verdict>, ExecutorError> {
        let Some(gate) = &run.gate else { return Ok(None) };
        let rows = self.store.decisions(&gate.id).await?;
        let now = self.store.now().await?;
        let login = self.store.database_login().await?.is_some();
        let decisions: Vec<_> = rows.iter().map(|row| recorded(row, login)).collect();
        // What has begun is judged by the people file that the gate recorded: editing the file must not
        // keep a failed change from being undone.
        let recorded: People;
        let people = if run.changed && self.people_digest() != gate.people {
            recorded = serde_json::from_str(&self.store.document(gate.people).await?)
                .map_err(|error| ExecutorError::document("people file", error))?;
            &recorded
        } else {
            &self.people
        };
        Ok(Some(approval::evaluate(gate, &decisions, people, now)))
    }
}

/// A decision as the store has it, for judging. `login`: whether the store has logins of its own, so
/// that whoever recorded it is known by one and not by an account.
#[must_use]
pub fn recorded(row: &DecisionRow, login: bool) -> RecordedDecision {
    let seen = if login { Seen::Login } else { Seen::Account };
    RecordedDecision {
        text: row.new.statement.clone(),
        signature: row.new.signature.clone(),
        caller: row.new.account.clone().map(seen),
        recorded_at: row.at,
    }
}

fn gate_words(
    kind: NoticeKind,
    language: Language,
    title: &str,
    gate: &Gate,
    zone: &str,
) -> (String, String) {
    let (environment, id) = (&gate.environment, &gate.run);
    let until = format!("{} ({zone})", moment::words(gate.decide_by, zone, language));
    let expiring = kind == NoticeKind::GateExpiring;
    match language {
        Language::Es if expiring => (
            format!("{title}: el plazo para decidir sobre {environment} está por vencer"),
            format!("La ejecución {id} espera su decisión hasta {until}. Ábrala con: esclusa approve {id}"),
        ),
        Language::En if expiring => (
            format!("{title}: the time to decide about {environment} runs out"),
            format!("Run {id} waits for your decision until {until}. Open it with: esclusa approve {id}"),
        ),
        Language::Es => (
            format!("{title}: se necesita su decisión para {environment}"),
            format!("La ejecución {id} espera su decisión. Ábrala con: esclusa approve {id}"),
        ),
        Language::En => (
            format!("{title}: your decision is needed for {environment}"),
            format!("Run {id} waits for your decision. Open it with: esclusa approve {id}"),
        ),
    }
}
