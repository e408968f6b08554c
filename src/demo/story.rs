//! The main job, told from its beginning to its end with the calls that the commands make.

use super::{DemoError, DemoFolder, NOTE_CHARS_MAX, director, tale::Tale, visitor};
use crate::{
    approval::Verdict,
    executor::{self, Opening, Patience, Site, Wanted, interrupt::Interrupt},
    model::{EnvironmentName, ExitCode, RunId, SystemName, Value},
    plan::Release,
    run::Goal,
    store::RunFilter,
};
use std::{collections::BTreeMap, sync::Arc};

/// Writes a line for people.
pub type Say = Arc<dyn Fn(&str) + Send + Sync>;

/// Lets the person at the keyboard decide and records it; false if they have not decided.
pub type Ask<'a> = &'a (dyn Fn(&RunId) -> bool + Sync);

/// Who decides at the gate of the update.
pub enum AtGate<'a> {
    /// The demonstration's director, with their key.
    Director,
    /// The person at the keyboard, in the director's place.
    Person(Ask<'a>),
    /// Nobody now: the run is left waiting.
    Nobody,
}

/// How it ended.
pub struct Ending {
    /// The exit code.
    pub code: ExitCode,
    /// The run that counts.
    pub run: Option<RunId>,
}

/// The story and what it needs.
pub struct Story<'a> {
    /// The project.
    pub site: &'a Site,
    /// Its folder.
    pub folder: &'a DemoFolder,
    /// Who decides.
    pub at_gate: AtGate<'a>,
    /// Whether production is to hold data that the update cannot take.
    pub fail: bool,
    /// Where lines go.
    pub say: Say,
    /// Says when to stop.
    pub interrupt: Interrupt,
}

impl Story<'_> {
    /// Tells it; what has happened in an earlier call is not done again.
    pub async fn tell(&self) -> Result<Ending, DemoError> {
        if let Some(ending) = self.unfinished().await? {
            return Ok(ending);
        }
        if let Some(ending) = self.install().await? {
            return Ok(ending);
        }
        self.live_data().await?;
        self.update().await
    }

    fn say(&self, words: &str) {
        (self.say)(words);
    }

    /// Takes up what an earlier call left; an ending if that is all for now.
    async fn unfinished(&self) -> Result<Option<Ending>, DemoError> {
        let filter = RunFilter { ended: Some(false), ..RunFilter::default() };
        for row in self.site.store.runs(&filter).await? {
            let id = row.new.id;
            self.say(&format!("\nRun {id} of {} waits or was interrupted:", row.new.playbook));
            self.say("  $ esclusa resume");
            let mut code = self.resume(&id).await?;
            if code == ExitCode::Waiting {
                code = self.gate(&id, row.new.kind == "install").await?;
            }
            if code != ExitCode::Done || row.new.kind == "update" {
                return self.ended(code, id).await.map(Some);
            }
        }
        Ok(None)
    }

    /// Installs version 1 where nothing is.
    async fn install(&self) -> Result<Option<Ending>, DemoError> {
        if self.site.store.last_success(&notes()?, &production()?).await?.is_some() {
            self.say("\nThe notes are installed already.");
            return Ok(None);
        }
        self.say("\n1. Install version 1: development, test, and production through its gate");
        self.say("  $ esclusa run notes/install -i version=1");
        let release = self.take_in("install", "1").await?;
        let digest = release.digest().map_err(DemoError::data)?;
        for environment in environments()? {
            if !self.site.store.passed(digest, &environment).await?.is_empty() {
                continue;
            }
            let (id, mut code) = self.run(&release, &environment).await?;
            if code == ExitCode::Waiting {
                code = self.gate(&id, true).await?;
            }
            if code != ExitCode::Done {
                return self.ended(code, id).await.map(Some);
            }
        }
        Ok(None)
    }

    /// People use production: notes are there that development and test never saw.
    async fn live_data(&self) -> Result<(), DemoError> {
        let port = self.folder.notes_port("production")?;
        if self
            .site
            .store
            .last_success(&notes()?, &production()?)
            .await?
            .is_some_and(|row| row.new.kind == "update")
        {
            return Ok(());
        }
        self.say("\n2. People use production");
        if visitor::read(port, "/notes").await?.is_empty() {
            visitor::send(port, "/notes", "The reading room opens at eight").await?;
            visitor::send(port, "/notes", "El archivo cierra a las cinco").await?;
        }
        if self.fail {
            let long = "Somebody pasted a whole paragraph into one note. ".repeat(NOTE_CHARS_MAX / 40);
            visitor::send(port, "/notes", long.trim()).await?;
            self.say("    somebody writes a note that is longer than version 2 can take");
        } else {
            visitor::send(port, "/shorten", "").await?;
        }
        self.say(&format!("    {}", visitor::read(port, "/").await?.trim()));
        Ok(())
    }

    async fn update(&self) -> Result<Ending, DemoError> {
        self.say("\n3. Update to version 2: the same release through development, test and production");
        self.say("  $ esclusa run notes/update -i version=2");
        let release = self.take_in("update", "2").await?;
        let mut last = None;
        for environment in environments()? {
            let (id, mut code) = self.run(&release, &environment).await?;
            if code == ExitCode::Waiting {
                code = self.gate(&id, false).await?;
            }
            if code != ExitCode::Done {
                return self.ended(code, id).await;
            }
            last = Some(id);
        }
        match last {
            Some(id) => self.ended(ExitCode::Done, id).await,
            None => Ok(Ending { code: ExitCode::Done, run: None }),
        }
    }

    /// The run waits at its gate; an installation is signed by the director at once.
    async fn gate(&self, id: &RunId, installs: bool) -> Result<ExitCode, DemoError> {
        match &self.at_gate {
            AtGate::Director => self.sign(id, "tested in development and test").await?,
            _ if installs => self.sign(id, "the first installation").await?,
            AtGate::Person(decide) if decide(id) => {}
            AtGate::Person(_) | AtGate::Nobody => return Ok(ExitCode::Waiting),
        }
        let verdict = self.site.verdict(&executor::load(&self.site.store, id).await?).await?;
        if !installs && matches!(verdict, Some(Verdict::Approved(_))) {
            let port = self.folder.notes_port("production")?;
            visitor::send(port, "/notes", "Written after the approval, before the update").await?;
            self.say("    meanwhile somebody writes one more note in production");
        }
        self.say(&format!("  $ esclusa resume {id}"));
        self.resume(id).await
    }

    async fn sign(&self, id: &RunId, reason: &str) -> Result<(), DemoError> {
        self.say(&format!("  $ esclusa approve {id}        (signed with keys/director)"));
        let path = self.folder.director_key();
        let key = zeroize::Zeroizing::new(std::fs::read_to_string(&path).map_err(DemoError::file(&path))?);
        director::approve(self.site, id, reason, &key).await
    }

    async fn take_in(&self, playbook: &str, version: &str) -> Result<Release, DemoError> {
        let wanted = Wanted {
            playbook: format!("playbooks/notes/{playbook}.yaml"),
            inputs: BTreeMap::from([("version".to_owned(), Value::plain(version))]),
        };
        Ok(executor::take_in(self.site, &wanted).await?)
    }

    async fn run(
        &self,
        release: &Release,
        environment: &EnvironmentName,
    ) -> Result<(RunId, ExitCode), DemoError> {
        let opening = Opening {
            why: Some("the demonstration".to_owned()),
            ..Opening::new(Goal::Change, environment.clone())
        };
        let id = executor::open(self.site, release, opening).await?;
        let watch = Arc::new(Tale(Arc::clone(&self.say)));
        let code = executor::drive(self.site, &id, Patience::NONE, &self.interrupt, watch).await?;
        Ok((id, code))
    }

    async fn resume(&self, id: &RunId) -> Result<ExitCode, DemoError> {
        let watch = Arc::new(Tale(Arc::clone(&self.say)));
        Ok(executor::resume(self.site, id, Patience::NONE, &self.interrupt, watch).await?)
    }

    async fn ended(&self, code: ExitCode, id: RunId) -> Result<Ending, DemoError> {
        if matches!(code, ExitCode::Done | ExitCode::Restored) {
            let port = self.folder.notes_port("production")?;
            self.say("\n4. Production answers");
            self.say(&format!("  $ curl http://127.0.0.1:{port}/"));
            self.say(&format!("    {}", visitor::read(port, "/").await?.trim()));
            for note in visitor::read(port, "/notes").await?.lines() {
                let short: String = note.chars().take(60).collect();
                let more = if short.len() < note.len() { "…" } else { "" };
                self.say(&format!("    - {}{more}", crate::report::escape::visible(&short)));
            }
        }
        Ok(Ending { code, run: Some(id) })
    }
}

fn notes() -> Result<SystemName, DemoError> {
    SystemName::parse("notes").map_err(DemoError::data)
}

fn production() -> Result<EnvironmentName, DemoError> {
    EnvironmentName::parse("production").map_err(DemoError::data)
}

fn environments() -> Result<Vec<EnvironmentName>, DemoError> {
    super::ENVIRONMENTS.iter().map(|name| EnvironmentName::parse(name).map_err(DemoError::data)).collect()
}
