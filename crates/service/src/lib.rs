//! Arranges: roles, tasks, HTTP, export, command line.
