//! What is known, owed and under way. Decides what counts, and refuses to know of SQL, networks and runtimes.
