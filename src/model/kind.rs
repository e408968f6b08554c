//! The kinds of environments and playbooks, and the languages.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "lowercase")]
        pub enum $name { $($(#[$vdoc])* $variant),* }

        impl $name {
            /// Every word, in the order of the documentation.
            pub const WORDS: &'static [&'static str] = &[$($text),*];

            /// Returns the value that `text` names.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                match text { $($text => Some(Self::$variant),)* _ => None }
            }

            /// The word in files.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),* }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.pad(self.as_str()) }
        }
    };
}

words! {
    /// What an environment is for. Policy hangs on the kind, never on the name.
    EnvironmentKind {
        /// Where the software is made to work.
        Development = "development",
        /// Where it is proven; a release must pass here before production.
        Test = "test",
        /// What people depend on.
        Production = "production",
    }
}

words! {
    /// What a playbook is for.
    PlaybookKind {
        /// Puts a system where there is none.
        Install = "install",
        /// Changes a system that is there.
        Update = "update",
        /// Says what a full backup consists of.
        Backup = "backup",
        /// Steps that follow a restore.
        Restore = "restore",
        /// Any other change of a system that is there.
        Maintenance = "maintenance",
        /// A graph of activities with responsible roles.
        Procedure = "procedure",
    }
}

words! {
    /// The languages of everything that people of the institution read.
    Language {
        /// Spanish.
        Es = "es",
        /// English.
        En = "en",
    }
}
