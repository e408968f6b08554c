//! What this process knows of the project's secrets, so that nothing a server echoes gets through.

use super::{ExecutorError, Site};
use crate::{inventory::SecretSource, model::SecretName, plan::Plan};
use std::collections::BTreeSet;

impl Site {
    /// Teaches the redactor what the project's secrets are. Their values are used for nothing else before
    /// the gate; a source that runs a command, and may ask somebody, is left alone until then.
    pub async fn learn_secrets(&self) {
        for (name, source) in &self.project.secrets {
            if !is_asked_late(source) && !self.knows(name) {
                // What cannot be had here is asked for again when needed, and its name says so till then.
                let _ = self.secret(name).await;
            }
        }
    }

    /// The project's secrets whose values this process does not know: they cannot be taken out of a text.
    #[must_use]
    pub fn unknown_secrets(&self) -> BTreeSet<SecretName> {
        self.project.secrets.keys().filter(|name| !self.knows(name)).cloned().collect()
    }

    /// Whether the project has a secret whose value is not asked for before the gate, or cannot be had here.
    #[must_use]
    pub fn has_unasked_secrets(&self) -> bool {
        self.project.secrets.iter().any(|(name, source)| is_asked_late(source) || !self.knows(name))
    }

    fn knows(&self, name: &SecretName) -> bool {
        self.redactor.lock().is_ok_and(|redactor| redactor.knows(name))
    }

    /// Refuses a plan of which a name holds a secret: a record is found by its names, so they stand in it
    /// as they are, and the secret would stand there with them. The error does not say which name it is.
    pub(super) async fn refuse_secrets_in_names(&self, plan: &Plan) -> Result<(), ExecutorError> {
        self.learn_secrets().await;
        let steps = plan.steps.iter().chain(&plan.handlers);
        let names = [plan.system.as_str(), plan.environment.as_str()]
            .into_iter()
            .chain(plan.servers.keys().map(|server| server.as_str()))
            .chain(steps.map(|step| step.id.as_str()));
        let redactor = self.redactor.lock().map_err(|_| ExecutorError::input("the redactor is gone"))?;
        for name in names {
            if let Some(secret) = redactor.held_by(name) {
                return Err(ExecutorError::input_hint(
                    format!("the value of secret `{secret}` is part of a name that this run would record"),
                    "give it another value: the names of systems, environments, servers and steps are shown",
                ));
            }
        }
        Ok(())
    }
}

fn is_asked_late(source: &SecretSource) -> bool {
    matches!(source, SecretSource::Command(_))
}
