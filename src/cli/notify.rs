//! Delivers what the outbox holds; a message that cannot be sent never changes how a verb ends.

use super::Terminal;
use crate::{executor::Site, notify::Courier};

/// Delivers what is due, reminders of gates that close soon among it.
pub async fn deliver(site: &Site, terminal: &Terminal) {
    let Some(spec) = &site.project.notify else { return };
    if let Err(error) = site.remind().await {
        terminal.note(&format!("nobody was reminded of gates that close soon: {error}"));
    }
    let courier = Courier::new(spec.command.clone(), site.root.clone());
    match courier.deliver_due(&site.store).await {
        Ok(delivered) if delivered.too_old > 0 => {
            terminal
                .note(&format!("{} messages were older than a day and were not sent.", delivered.too_old));
        }
        Ok(delivered) if delivered.failed + delivered.given_up > 0 => {
            terminal.note("some messages could not be sent; they are tried again with the next command.");
        }
        Ok(_) => {}
        Err(error) => terminal.note(&format!("messages were not sent: {error}")),
    }
}
