//! Templates, conditions and selectors; the one door to the template engine.
