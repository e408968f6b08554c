//! SSH: connections, the persistent shell, detached units, streams.
