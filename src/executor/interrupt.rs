//! The wish to stop: the first signal asks, the second insists.

use tokio::sync::watch;

/// Says whether the process was asked to stop.
#[derive(Clone)]
pub struct Interrupt {
    asked: watch::Receiver<bool>,
}

impl Interrupt {
    /// Listens to SIGINT, SIGTERM and SIGHUP. The first ends the work after the running steps; the
    /// second ends the process at once with 130 (steps that run on servers go on there).
    #[must_use]
    pub fn listen(on_first: impl Fn() + Send + 'static) -> Self {
        let (sender, asked) = watch::channel(false);
        tokio::spawn(async move {
            use tokio::signal::unix::{SignalKind, signal};
            let (Ok(mut int), Ok(mut term), Ok(mut hup)) = (
                signal(SignalKind::interrupt()),
                signal(SignalKind::terminate()),
                signal(SignalKind::hangup()),
            ) else {
                return;
            };
            loop {
                tokio::select! { _ = int.recv() => {}, _ = term.recv() => {}, _ = hup.recv() => {} }
                if *sender.borrow() {
                    std::process::exit(i32::from(crate::model::ExitCode::Interrupted.number()));
                }
                on_first();
                let _ = sender.send(true);
            }
        });
        Self { asked }
    }

    /// One that never asks: for tests and library use.
    #[must_use]
    pub fn never() -> Self {
        let (sender, asked) = watch::channel(false);
        // Kept alive for the life of the process: a closed channel would read as an ask in `wait`.
        std::mem::forget(sender);
        Self { asked }
    }

    /// Whether to stop.
    #[must_use]
    pub fn asked(&self) -> bool {
        *self.asked.borrow()
    }

    /// Returns when asked to stop.
    pub async fn wait(&self) {
        let mut asked = self.asked.clone();
        if asked.wait_for(|asked| *asked).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
