//! Broken input of every kind: no panic, one cause, what to do, the right code.

use super::{Desk, finish};

#[test]
fn a_closed_reader_and_a_closed_output_harm_nothing() {
    let desk = Desk::new();
    let program = env!("CARGO_BIN_EXE_esclusa");
    for script in
        ["explain | head -n 1", "explain >&-", "validate <&-", "schema playbook | head -n 1 >/dev/null"]
    {
        let mut command = desk.command(&[]);
        command = {
            let mut shell = std::process::Command::new("sh");
            shell
                .args(["-c", &format!("{program} {script}")])
                .current_dir(command.get_current_dir().unwrap());
            shell
        };
        finish(command, "").expect(0);
    }
}
