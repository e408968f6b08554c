//! Texts with `{{ … }}` to texts and values.

use super::{
    ExpressionError, Scope,
    engine::{ENGINE, explain, from_inner, scope_value},
    words,
};
use crate::model::Value;
use minijinja::value::ValueKind;
use std::io::{self, Write};

/// Longest text that a template may become, in bytes.
pub const RENDERED_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Whether a text is a template at all.
#[must_use]
pub fn is_template(text: &str) -> bool {
    text.contains("{{") || text.contains("{%") || text.contains("{#")
}

/// Renders a text.
pub fn render(text: &str, scope: &Scope) -> Result<String, ExpressionError> {
    if !is_template(text) {
        return Ok(text.to_owned());
    }
    let template = ENGINE.template_from_str(text).map_err(|error| explain(&error, text))?;
    let mut bounded = Bounded(Vec::new());
    template.render_captured_to(scope_value(scope), &mut bounded).map_err(|error| explain(&error, text))?;
    String::from_utf8(bounded.0).map_err(|_| ExpressionError::Failed("the text is not UTF-8".to_owned()))
}

/// Renders every text of a value. A text that is exactly one `{{ expression }}` becomes what the
/// expression yields: a number stays a number, a list a list.
pub fn render_value(value: &Value, scope: &Scope) -> Result<Value, ExpressionError> {
    Ok(match value {
        Value::Text(text) => match lone_expression(text) {
            Some(inner) => match evaluate(inner, scope)? {
                list @ (Value::List(_) | Value::Map(_)) => list,
                // Spaces and line ends around it are part of a text that somebody wrote.
                _ if text.trim() != text => Value::Text(render(text, scope)?),
                other => other,
            },
            None => Value::Text(render(text, scope)?),
        },
        Value::List(items) => {
            Value::List(items.iter().map(|item| render_value(item, scope)).collect::<Result<_, _>>()?)
        }
        Value::Map(entries) => Value::Map(
            entries
                .iter()
                .map(|(key, value)| Ok((key.clone(), render_value(value, scope)?)))
                .collect::<Result<_, ExpressionError>>()?,
        ),
        other => other.clone(),
    })
}

/// What an expression yields.
pub fn evaluate(text: &str, scope: &Scope) -> Result<Value, ExpressionError> {
    let expression = ENGINE.compile_expression(text).map_err(|error| explain(&error, text))?;
    let value = expression.eval(scope_value(scope)).map_err(|error| explain(&error, text))?;
    if value.is_undefined() {
        return Err(ExpressionError::Undefined(text.trim().to_owned()));
    }
    from_inner(&value)
        .ok_or_else(|| ExpressionError::Failed("the expression yields no plain value".to_owned()))
}

/// Whether a condition holds; it must yield `true` or `false`.
pub fn condition(text: &str, scope: &Scope) -> Result<bool, ExpressionError> {
    let expression = ENGINE.compile_expression(text).map_err(|error| explain(&error, text))?;
    let value = expression.eval(scope_value(scope)).map_err(|error| explain(&error, text))?;
    match value.kind() {
        ValueKind::Bool => Ok(value.is_true()),
        ValueKind::Undefined => Err(ExpressionError::Undefined(text.trim().to_owned())),
        ValueKind::None => Err(ExpressionError::NotBoolean("nothing")),
        ValueKind::Number => Err(ExpressionError::NotBoolean("a number")),
        ValueKind::String => Err(ExpressionError::NotBoolean("a text")),
        ValueKind::Map => Err(ExpressionError::NotBoolean("a map")),
        _ => Err(ExpressionError::NotBoolean("a list")),
    }
}

/// Whether a template, or an expression without braces, can be read at all.
pub fn check(text: &str, expression: bool) -> Result<(), ExpressionError> {
    if expression {
        if text.contains("{{") {
            let what = "an expression is written without braces".to_owned();
            return Err(ExpressionError::Syntax { what, at: None });
        }
        ENGINE.compile_expression(text).map_err(|error| explain(&error, text))?;
        words::check(text, true)
    } else if is_template(text) {
        ENGINE.template_from_str(text).map_err(|error| explain(&error, text))?;
        words::check(text, false)
    } else {
        Ok(())
    }
}

/// The inside of a text that is one `{{ expression }}` and nothing else. A line's end behind it makes
/// it a text: that of a file.
pub(super) fn lone_expression(text: &str) -> Option<&str> {
    let inner = text.trim_matches([' ', '\t']).strip_prefix("{{")?.strip_suffix("}}")?;
    let inner = inner.strip_prefix('-').unwrap_or(inner);
    let inner = inner.strip_suffix('-').unwrap_or(inner);
    ENGINE.compile_expression(inner).is_ok().then_some(inner)
}

/// A buffer that refuses to grow without end.
struct Bounded(Vec<u8>);

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > RENDERED_BYTES_MAX {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn scope() -> Scope {
        let mut scope = Scope::default();
        scope.set("version", Value::from("1.20"));
        scope.set("port", Value::Int(8080));
        scope.set("on", Value::Bool(true));
        scope.set("names", Value::List(vec!["a b".into(), "<c>".into()]));
        let os = BTreeMap::from([("os".to_owned(), Value::from("debian"))]);
        scope.set("facts", Value::Map(os));
        scope.set("password", Value::from("hunter2-hunter2"));
        scope
    }

    #[test]
    fn texts_render_as_they_were_written() {
        for (text, wanted) in [
            ("plain {not} a template", "plain {not} a template"),
            ("v{{ version }}:{{ port }}", "v1.20:8080"),
            ("{{ on }} {{ false }}", "true false"),
            ("{{ names }}", r#"["a b","<c>"]"#),
            ("{{ names | join(', ') }}\n", "a b, <c>\n"),
            ("{{ missing | default('x') }}", "x"),
            ("{% for n in names %}[{{ n }}]{% endfor %}", "[a b][<c>]"),
            ("{{ '/etc/a.conf' | basename }} {{ '/etc/a.conf' | dirname }}", "a.conf /etc"),
            ("{{ 'aé' | b64encode }} {{ 'YcOp' | b64decode }}", "YcOp aé"),
            ("{{ \"it's\" | quote }}", r"'it'\''s'"),
            ("{{ 'a1b22' | regex_replace('[0-9]+', '#') }}", "a#b#"),
            ("{{ 'v1.2' | regex_search('[0-9.]+') }}", "1.2"),
            ("{{ on | ternary('yes', 'no') }}", "yes"),
            ("{{ {'b': 1} | combine({'a': [true]}) | to_json }}", r#"{"a":[true],"b":1}"#),
            ("{{ ('{\"k\": [1]}' | from_json).k | first }}", "1"),
            ("{{ [[1, 2], [3]] | flatten }}", "[1,2,3]"),
            ("{{ {'k': 'v'} | dict2items }}", r#"[{"key":"k","value":"v"}]"#),
            ("{{ {'a': ['x: y', 2], 'b': {}} | to_yaml }}", "a:\n  - \"x: y\"\n  - 2\nb: {}\n"),
        ] {
            assert_eq!(render(text, &scope()).as_deref(), Ok(wanted), "{text}");
        }
    }

    #[test]
    fn a_lone_expression_keeps_its_type() {
        for (text, wanted) in [
            ("{{ port }}", Value::Int(8080)),
            ("{{ on }}", Value::Bool(true)),
            ("{{ version }}", Value::from("1.20")),
            ("{{ version }}\n", Value::from("1.20\n")),
            ("{{ port }}\n", Value::from("8080\n")),
            ("{{ names }}", scope().get("names").unwrap().clone()),
            ("{{ port }}{{ port }}", Value::from("80808080")),
            (" x {{ port }}", Value::from(" x 8080")),
        ] {
            assert_eq!(render_value(&Value::from(text), &scope()), Ok(wanted), "{text}");
        }
    }

    #[test]
    fn conditions_yield_true_or_false_and_nothing_else() {
        for (text, wanted) in [("on", true), ("port > 9000", false), ("facts.os == 'debian'", true)] {
            assert_eq!(condition(text, &scope()), Ok(wanted), "{text}");
        }
        assert_eq!(condition("port", &scope()), Err(ExpressionError::NotBoolean("a number")));
        assert_eq!(condition("version", &scope()), Err(ExpressionError::NotBoolean("a text")));
        assert_eq!(condition("facts.nope", &scope()), Err(ExpressionError::Undefined("facts.nope".into())));
        assert!(check("{{ on }}", true).is_err());
        assert!(matches!(check("a ==", true), Err(ExpressionError::Syntax { .. })));
    }

    #[test]
    fn a_missing_name_is_an_error_that_names_it() {
        for (text, name) in [("{{ nope }}", "nope"), ("x {{ facts.nope }} y", "facts.nope")] {
            assert_eq!(render(text, &scope()), Err(ExpressionError::Undefined(name.into())), "{text}");
        }
    }

    #[test]
    fn no_message_shows_a_value() {
        for text in [
            "{{ password | from_json }}",
            "{{ password + 1 }}",
            "{{ password | int }}",
            "{{ password.nope.nope }}",
            "{{ password | b64decode }}",
            "{{ names[password] }}",
            "{{ 'x' | regex_search(password ~ '(') }}",
            "{{ password() }}",
            "{{ [password] | combine(password) }}",
            "{{ password | bool }}",
        ] {
            if let Err(error) = render(text, &scope()) {
                assert!(!format!("{error} {error:?}").contains("hunter2"), "{text}: {error:?}");
            }
        }
        assert!(!format!("{:?}", scope()).contains("hunter2"));
    }

    #[test]
    fn a_template_cannot_run_for_ever_nor_grow_without_end() {
        let endless = "{% for a in range(99999) %}{% for b in range(99999) %}x{% endfor %}{% endfor %}";
        assert_eq!(render(endless, &scope()), Err(ExpressionError::TooMuchWork));
        let grow = "{% set x = 'a' %}{% for i in range(40) %}{% set x = x ~ x %}{% endfor %}{{ x }}";
        assert!(render(grow, &scope()).map_or(0, |text| text.len()) < 1000);
        assert!(render("{{ 'a' * 999999999 }}", &scope()).is_err());
    }
}
