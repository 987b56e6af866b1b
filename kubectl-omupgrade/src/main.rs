//! The binary: hands the process over to [`kubectl_omupgrade::cli`] and nothing else.

use std::process::ExitCode;

fn main() -> ExitCode {
    kubectl_omupgrade::cli::main()
}
