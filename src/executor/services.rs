//! Stops what must be quiet, and starts it again.

use super::{ExecutorError, change::Changing, fleet::is_passing, look};
use crate::{
    model::Answer,
    plan::PlannedQuiesce,
    run::{Event, Failure},
    transport::Frame,
};
use std::time::Duration;

/// Longest time that a service may take to stop or start.
const SERVICE_TIMEOUT: Duration = Duration::from_secs(300);

impl Changing<'_> {
    /// Stops what must be quiet, in order. A failure is in the answer; what was stopped stays so
    /// until [`Self::start_services`].
    pub async fn quiesce(&self) -> Result<Result<(), Failure>, ExecutorError> {
        self.journal.append(Event::QuiesceStarted).await?;
        for quiesce in &self.loaded.plan.quiesce {
            if let Err(failure) = self.service(quiesce, "stop", quiesce.quiesce.stop_script()).await? {
                return Ok(Err(failure));
            }
        }
        self.journal.append(Event::Quiesced).await?;
        Ok(Ok(()))
    }

    /// Stops once more what a package's own scripts may have started.
    pub async fn quiesce_again(&self) -> Result<Result<(), Failure>, ExecutorError> {
        for quiesce in &self.loaded.plan.quiesce {
            if let Err(failure) = self.service(quiesce, "stop", quiesce.quiesce.stop_script()).await? {
                return Ok(Err(failure));
            }
        }
        Ok(Ok(()))
    }

    /// Starts what was stopped, in the opposite order; goes on after a failure.
    pub async fn start_services(&self) -> Result<(), ExecutorError> {
        self.journal.append(Event::ServicesStarting).await?;
        let mut first = None;
        for quiesce in self.loaded.plan.quiesce.iter().rev() {
            match self.service(quiesce, "start", quiesce.quiesce.start_script()).await {
                Ok(Ok(())) => {}
                Ok(Err(failure)) => {
                    first.get_or_insert(failure);
                }
                Err(ExecutorError::Transport(error)) => return self.lost(&quiesce.server, &error).await,
                Err(other) => return Err(other),
            }
        }
        let event = first.map_or(Event::ServicesStarted, |failure| Event::ServicesFailed { failure });
        self.journal.append(event).await
    }

    /// Records that a server could not be reached any more.
    pub async fn lost(
        &self,
        server: &crate::model::ServerName,
        error: &crate::transport::TransportError,
    ) -> Result<(), ExecutorError> {
        let words = format!("server `{server}` cannot be used: {error}");
        self.journal.append(Event::ServerLost { server: server.clone(), words, hint: error.hint() }).await
    }

    async fn service(
        &self,
        quiesce: &PlannedQuiesce,
        verb: &str,
        script: crate::model::Script,
    ) -> Result<Result<(), Failure>, ExecutorError> {
        let frame = Frame::change(quiesce.quiesce.run_as(), script).timeout(SERVICE_TIMEOUT);
        let answer = match self.one(&quiesce.server, frame).await {
            Ok(answer) => answer,
            // A line that is cut says nothing about the service: it is asked again when the line is back.
            Err(ExecutorError::Transport(error)) if !is_passing(&error) => {
                return Ok(Err(Failure {
                    at: Some(quiesce.server.to_string()),
                    words: format!("services of `{}` did not {verb}: {error}", quiesce.server),
                    hint: error.hint(),
                    unreachable: false,
                }));
            }
            Err(other) => return Err(other),
        };
        if answer.status.success() {
            return Ok(Ok(()));
        }
        let said = self.site.redact(String::from_utf8_lossy(&answer.stderr).trim());
        Ok(Err(Failure {
            at: Some(quiesce.server.to_string()),
            words: format!("services of `{}` did not {verb}: {} {said}", quiesce.server, answer.status),
            hint: None,
            unreachable: false,
        }))
    }

    /// Runs one frame; a repeatable one is run again after a lost connection.
    pub async fn one(
        &self,
        server: &crate::model::ServerName,
        frame: Frame,
    ) -> Result<Answer, ExecutorError> {
        let session = self.fleet.session_again(server).await?;
        let first = session.run(vec![frame.clone()]).await;
        let replies = match first {
            Err(error) if error.is_lost() => {
                self.fleet.forget(server).await;
                self.fleet.session_again(server).await?.run(vec![frame]).await?
            }
            other => other?,
        };
        look::next_answer(&mut replies.into_iter(), server)?
            .ok_or_else(|| ExecutorError::document("reply", "the server gave none"))
    }
}
