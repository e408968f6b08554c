//! Decisions: what people said at gates. Written once, noted in the ledger in the same transaction.

use super::append::check_json;
use super::database::{Result, Row, binds};
use super::error::StoreError;
use super::gates;
use super::ledger::{self, NewLedgerEntry};
use super::opening::Store;
use crate::model::{Digest, EnvironmentName, PersonName, Role, RunId, Timestamp, canonical};
use serde::Serialize;
use serde_json::json;

/// A decision to record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NewDecision {
    /// The gate.
    pub gate: String,
    /// Who decides.
    pub person: PersonName,
    /// In which roles.
    pub roles: Vec<Role>,
    /// `approve`, `reject`, `attest`, …
    pub decision: String,
    /// Why.
    pub reason: String,
    /// What was signed, byte by byte: canonical JSON.
    pub statement: String,
    /// The signature over it; none where the policy asks for none.
    pub signature: Option<String>,
    /// Makes the statement the only one of its kind.
    pub nonce: String,
    /// The operating-system account or database login that recorded it.
    pub account: Option<String>,
}

/// A decision as it was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecisionRow {
    /// Its place in the ledger.
    pub seq: u64,
    /// When, by the database's clock.
    pub at: Timestamp,
    /// What.
    pub new: NewDecision,
}

impl NewDecision {
    /// The body of its entry in the ledger.
    pub(super) fn noted(&self) -> Result<String> {
        let text = canonical(self).map_err(|error| StoreError::conflict(error.to_string()))?;
        let digest = Digest::of(text.as_bytes());
        let body = json!({
            "decision": self.decision, "digest": digest, "gate": self.gate, "person": self.person,
        });
        canonical(&body).map_err(|error| StoreError::conflict(error.to_string()))
    }
}

impl Store {
    /// Records a decision at an open gate whose time to decide is not over. The nonce must be new.
    pub async fn record_decision(&self, decision: NewDecision) -> Result<DecisionRow> {
        check_json("a decision's statement", &decision.statement)?;
        let mut write = self.database.write().await?;
        // Touching the gate's row keeps it from being closed meanwhile.
        let sql = "UPDATE gates SET decision_count = decision_count + 1
            WHERE id = $1 AND closed_at IS NULL RETURNING run, environment, decide_by";
        let rows = write.fetch(sql, binds![decision.gate.as_str()]).await?;
        let Some(gate) = rows.first() else {
            let known =
                write.fetch("SELECT id FROM gates WHERE id = $1", binds![decision.gate.as_str()]).await?;
            return Err(match known.first() {
                Some(_) => StoreError::conflict(format!("gate `{}` is closed", decision.gate)),
                None => gates::unknown(&decision.gate),
            });
        };
        let used = "SELECT seq FROM decisions WHERE nonce = $1";
        if !write.fetch(used, binds![decision.nonce.as_str()]).await?.is_empty() {
            return Err(StoreError::conflict("this statement was recorded before: its nonce is used"));
        }
        let entry = NewLedgerEntry {
            kind: "decision".to_owned(),
            run: Some(RunId(gate.text("run")?)),
            environment: Some(gate.parsed("environment", EnvironmentName::parse)?),
            body: decision.noted()?,
        };
        let now = write.now().await?;
        if gate.optional_time("decide_by")?.is_some_and(|end| end <= now) {
            return Err(StoreError::conflict(format!(
                "the time to decide at gate `{}` is over",
                decision.gate
            )));
        }
        let noted = ledger::add(&mut write, now, entry).await?;
        let roles = canonical(&decision.roles).map_err(|error| StoreError::conflict(error.to_string()))?;
        let sql = "INSERT INTO decisions
                (seq, gate, at, person, roles, decision, reason, statement, signature, nonce, account)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
        let binds = binds![
            noted.seq,
            decision.gate.as_str(),
            now,
            decision.person.as_str(),
            roles,
            decision.decision.as_str(),
            decision.reason.as_str(),
            decision.statement.as_str(),
            decision.signature.as_deref(),
            decision.nonce.as_str(),
            decision.account.as_deref(),
        ];
        write.execute(sql, binds).await?;
        write.commit().await?;
        Ok(DecisionRow { seq: noted.seq, at: now, new: decision })
    }

    /// The decisions at a gate in the order of their recording; each must be what the ledger notes.
    pub async fn decisions(&self, gate: &str) -> Result<Vec<DecisionRow>> {
        let sql = "SELECT d.*, l.body AS noted FROM decisions d JOIN ledger l ON l.seq = d.seq
            WHERE d.gate = $1 ORDER BY d.seq";
        let mut decisions = Vec::new();
        for row in &self.database.read(sql, binds![gate]).await? {
            let decision = read(row)?;
            if decision.new.noted()? != row.text("noted")? {
                return Err(StoreError::corrupt(
                    format!("decision {}", decision.seq),
                    "it is not what the ledger notes, so it was edited",
                ));
            }
            decisions.push(decision);
        }
        Ok(decisions)
    }
}

/// Reads a row of `decisions`.
pub(super) fn read(row: &Row) -> Result<DecisionRow> {
    let roles: Vec<String> = row.parsed("roles", |text| serde_json::from_str(text))?;
    let roles: std::result::Result<Vec<Role>, _> = roles.iter().map(|role| Role::parse(role)).collect();
    let roles = roles.map_err(|error| StoreError::corrupt("column `roles`", error.to_string()))?;
    Ok(DecisionRow {
        seq: row.count("seq")?,
        at: row.time("at")?,
        new: NewDecision {
            gate: row.text("gate")?,
            person: row.parsed("person", PersonName::parse)?,
            roles,
            decision: row.text("decision")?,
            reason: row.text("reason")?,
            statement: row.text("statement")?,
            signature: row.optional_text("signature")?,
            nonce: row.text("nonce")?,
            account: row.optional_text("account")?,
        },
    })
}
