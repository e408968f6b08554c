//! Performs effects and journals what came of them.
