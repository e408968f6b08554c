//! The `esclusa` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(esclusa::cli::main().number())
}
