//! A run's journal as a state machine.
