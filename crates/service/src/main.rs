//! The binary `tidegate`. Decides nothing: [`service::cli`] does.

use std::process::ExitCode;

fn main() -> ExitCode {
    service::cli::main()
}
