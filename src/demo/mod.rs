//! Three servers and a small system of Esclusa's own.
