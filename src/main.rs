//! The `esclusa` program.

fn main() {}
