//! Policies, people, decisions and their signatures.
