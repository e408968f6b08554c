//! What a server says before it is asked for a copy.
//!
//! A preflight script writes one line for each thing: `bytes N`, `tool NAME VERSION`, `warn TEXT`,
//! `refuse TEXT`, `room N`, and `end` as its last. Without `end` it was cut.

use super::error::last_words;
use super::{BackupError, Item};
use crate::model::Answer;
use std::collections::BTreeMap;

/// What must stay free beside a copy that is put back.
const ROOM_BYTES: u64 = 16 << 20;

/// What is known of an item before it is copied.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Estimate {
    /// Bytes to come, roughly.
    pub bytes: u64,
    /// What a person should know.
    pub warnings: Vec<String>,
    /// Tools that will be used, with their versions.
    pub tools: BTreeMap<String, String>,
}

impl Item {
    /// Reads the answer to the item's preflight; every reason against a copy is in the error.
    pub fn read_preflight(&self, answer: &Answer) -> Result<Estimate, BackupError> {
        let text = answer.text();
        let mut estimate = Estimate::default();
        let mut refusals = Vec::new();
        let (mut ended, mut room) = (false, None);
        for line in text.lines() {
            let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
            let rest: String = rest.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
            match word {
                "bytes" => estimate.bytes = estimate.bytes.saturating_add(rest.trim().parse().unwrap_or(0)),
                "room" => room = rest.trim().parse::<u64>().ok(),
                "tool" => {
                    let (name, version) = rest.split_once(' ').unwrap_or((&rest, ""));
                    estimate.tools.insert(name.to_owned(), version.trim().to_owned());
                }
                "warn" => estimate.warnings.push(rest),
                "refuse" => refusals.push(rest),
                "end" => ended = true,
                _ => {}
            }
        }
        if !refusals.is_empty() {
            return Err(BackupError::Refused { item: self.id.clone(), reason: refusals.join("; ") });
        }
        if !ended || !answer.status.success() || answer.truncated {
            let reason = format!("{}: {}", answer.status, last_words(&answer.stderr));
            return Err(BackupError::Preflight { item: self.id.clone(), reason });
        }
        if let Some(room) = room.filter(|room| *room < estimate.bytes.saturating_add(ROOM_BYTES)) {
            let bytes = estimate.bytes;
            estimate.warnings.push(format!(
                "a restore sends about {bytes} bytes to the server, whose disk has {room} free for them"
            ));
        }
        Ok(estimate)
    }
}
