//! What a server is.

use crate::model::Value;
use std::collections::BTreeMap;

/// Longest value of a fact, in characters.
const FACT_CHARS_MAX: usize = 1024;

/// Reads the lines that the shell wrote; what is not understood is left out.
pub(super) fn read(output: &[u8]) -> BTreeMap<String, Value> {
    let mut facts = BTreeMap::new();
    for line in String::from_utf8_lossy(output).lines() {
        let Some((name, text)) = line.split_once('=') else { continue };
        let text: String = text.trim().chars().filter(|c| !c.is_control()).take(FACT_CHARS_MAX).collect();
        match name {
            "memory_kib" => {
                if let Some(bytes) = text.parse::<i64>().ok().and_then(|kib| kib.checked_mul(1024)) {
                    facts.insert("memory_bytes".to_owned(), Value::Int(bytes));
                }
            }
            "cpus" | "uid" => {
                if let Ok(number) = text.parse() {
                    facts.insert(name.to_owned(), Value::Int(number));
                }
            }
            "tools" => {
                let tools = text.split_whitespace().map(Value::from).collect();
                facts.insert(name.to_owned(), Value::List(tools));
            }
            "os" | "os_version" | "os_name" | "arch" | "hostname" | "kernel" | "boot_id" | "user"
            | "folder" => {
                facts.insert(name.to_owned(), Value::Text(text));
            }
            _ => {}
        }
    }
    facts
}
