//! Esclusa installs, updates and backs up systems on their servers over SSH, takes a verified full
//! backup before every update, and stops at approval gates that are recorded in a database.
//!
//! ```text
//! esclusa.yaml ─ inventory, people, playbooks, database, depot, vault
//! system.yaml ─┐
//! playbook ────┼ document (spanned nodes, all errors) ─▶ typed ─▶ release (digest)
//! inventory ───┘                                                   │
//! servers ── probe (read only) ─ facts ───────▶ plan::build ─▶ Plan + Prediction ─▶ shown, stored
//!
//!                 run = replay(journal) ─ decide(&run, now) ─▶ effects          (pure)
//!                           ▲                      │
//!                     events│                      ▼
//!                 store ◀───┴──── executor ─▶ transport (SSH) · vault · depot · notify
//! ```
//!
//! A folder may use only the folders above it in this table; `tests/integration/architecture.rs`
//! holds the same table and fails when an arrow points the wrong way.
//!
//! | folder | is | kind |
//! |---|---|---|
//! | [`model`] | the nouns that everybody shares | pure |
//! | [`document`] | YAML to spanned nodes; the collecting decoder; diagnostics | pure |
//! | [`expression`] | templates, conditions and selectors | pure |
//! | [`inventory`] | project file, environments, servers, people | pure |
//! | [`module`] | what a step asks of a server, and what would change it | pure |
//! | [`check`] | questions about a system that works | pure |
//! | [`backup`] | the four parts, the manifest, the proof | pure |
//! | [`system`] | the data sheet of a system | pure |
//! | [`catalogue`] | the data sheets of all systems, and the search in them | pure |
//! | [`playbook`] | playbooks and their steps | pure |
//! | [`procedure`] | procedures: activities, their lint, their runs as a state machine | pure |
//! | [`approval`] | who decides, and whether they have | pure |
//! | [`plan`] | release, plan and prediction | pure |
//! | [`run`] | a run's journal as a state machine | pure |
//! | [`report`] | what people and machines read, in Spanish and English | pure |
//! | [`transport`] | SSH | world |
//! | [`secret`] | where secrets come from | world |
//! | [`depot`] | blobs by SHA-256 | world |
//! | [`vault`] | the backups | world |
//! | [`store`] | the database | world |
//! | [`notify`] | messages to people | world |
//! | [`executor`] | performs effects and journals what came of them | shell |
//! | [`demo`] | three servers and a small system of Esclusa's own | shell |
//! | [`cli`] | one file per verb; nobody uses it | shell |

pub mod approval;
pub mod backup;
pub mod catalogue;
pub mod check;
pub mod cli;
pub mod demo;
pub mod depot;
pub mod document;
pub mod executor;
pub mod expression;
pub mod inventory;
pub mod model;
pub mod module;
pub mod notify;
pub mod plan;
pub mod playbook;
pub mod procedure;
pub mod report;
pub mod run;
pub mod secret;
pub mod store;
pub mod system;
pub mod transport;
pub mod vault;
