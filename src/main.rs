//! Liandong: emergency coordination between neighbouring jurisdictions. One program: broker, agent, and the command line.

mod bench;
mod cli;
mod clock;
mod demo;
mod lang;
mod run;

use std::process::ExitCode;

/// Chosen by measurement: docs/performance.md says what it gains in time and costs in memory.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let lang = lang::of_environment();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            anstream::eprintln!("liandong: {error}");
            return ExitCode::from(cli::exit::SOFTWARE);
        }
    };
    let code = runtime.block_on(cli::main(lang));
    // tasks that still run are ended with the process; whatever was answered is durable
    runtime.shutdown_background();
    code
}
