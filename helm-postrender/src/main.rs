//! The binary: hands the process over to [`helm_postrender::cli`] and nothing else.

use std::process::ExitCode;

fn main() -> ExitCode {
    helm_postrender::cli::main()
}
