//! Canonical JSON: the one text of a value, so that equal values have equal digests everywhere.
//!
//! Keys are sorted by their bytes, there is no white space, and numbers are integers: a fraction has
//! more than one spelling, so it is refused rather than rounded.

use serde::Serialize;
use serde_json::Value;

/// Says why a value has no canonical text.
#[derive(Debug, thiserror::Error)]
pub enum CanonicalError {
    /// The value cannot be written as JSON at all.
    #[error("the value cannot be written as JSON")]
    NotJson(#[source] serde_json::Error),
    /// The value holds a number with a fraction or beyond 64 bits.
    #[error("`{0}` is not an integer")]
    Fraction(String),
}

/// Returns the canonical JSON of `value`.
pub fn canonical<T: Serialize + ?Sized>(value: &T) -> Result<String, CanonicalError> {
    // `serde_json::Value` keeps its keys in a BTreeMap: sorted by bytes.
    let value = serde_json::to_value(value).map_err(CanonicalError::NotJson)?;
    refuse_fractions(&value)?;
    serde_json::to_string(&value).map_err(CanonicalError::NotJson)
}

fn refuse_fractions(value: &Value) -> Result<(), CanonicalError> {
    match value {
        Value::Number(number) if !number.is_i64() && !number.is_u64() => {
            Err(CanonicalError::Fraction(number.to_string()))
        }
        Value::Array(items) => items.iter().try_for_each(refuse_fractions),
        Value::Object(entries) => entries.values().try_for_each(refuse_fractions),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn keys_are_sorted_and_fractions_refused() {
        let value = json!({"b": 1, "a": {"z": [true, null], "y": "ñ\n"}});
        assert_eq!(canonical(&value).unwrap(), r#"{"a":{"y":"ñ\n","z":[true,null]},"b":1}"#);
        assert!(canonical(&json!([1.5])).is_err());
    }
}
