//! YAML text to spanned nodes, the collecting decoder, and diagnostics with their source lines.
