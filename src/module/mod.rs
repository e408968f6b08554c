//! What a step asks of a server and what would change it; a module never runs anything.
