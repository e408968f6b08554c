//! The demonstration's director: a person with a key, as in real life.

use super::DemoError;
use crate::{
    approval::{self, Decision, Purpose},
    executor::{self, ExecutorError, Site},
    model::{PersonName, RunId},
    store::NewDecision,
};

/// The director's name in the people file.
pub const DIRECTOR: &str = "demo-director";

/// Signs an approval at the gate of `run` with the director's key and records it.
pub async fn approve(site: &Site, run: &RunId, reason: &str, private_key: &str) -> Result<(), DemoError> {
    let refused = |error: &dyn std::fmt::Display| ExecutorError::refused(error.to_string());
    let run = executor::load(&site.store, run).await?;
    let gate = run.gate.as_ref().ok_or_else(|| ExecutorError::refused("no gate waits for a decision"))?;
    let person = PersonName::parse(DIRECTOR).map_err(|error| refused(&error))?;
    let now = site.store.now().await?;
    let nonce = uuid::Uuid::new_v4().to_string();
    let head = site.store.ledger_head().await?.hash;
    let statement = gate.statement(Decision::Approve, reason, &person, now, nonce.clone(), head).text();
    let signature =
        approval::sign(Purpose::Decision, &statement, private_key, None).map_err(|error| refused(&error))?;
    let new = approval::RecordedDecision {
        text: statement.clone(),
        signature: Some(signature.clone()),
        caller: None,
        recorded_at: now,
    };
    let before: Vec<_> =
        site.store.decisions(&gate.id).await?.iter().map(|row| executor::recorded(row, false)).collect();
    let verified =
        approval::admit(gate, &before, &new, &site.people, now).map_err(|refusal| refused(&refusal))?;
    let row = NewDecision {
        gate: gate.id.clone(),
        person,
        roles: verified.roles,
        decision: "approve".to_owned(),
        reason: reason.to_owned(),
        statement,
        signature: Some(signature),
        nonce,
        account: Some(site.caller.account.clone()),
    };
    site.store.record_decision(row).await?;
    Ok(())
}
