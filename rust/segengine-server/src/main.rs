//! `segengine-server DATA`: serves a data directory over gRPC until it is told to stop.
//!
//! The address is claimed before the directory is opened, so a port in use is said at once; while the directory is read,
//! the health check says `NOT_SERVING`. SIGTERM and SIGINT let the running calls end; a second one ends at once.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the messages of a command-line tool")]

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use segengine::engine::{Engine, OpenOptions};
use segengine::{Error, ErrorKind, Result};
use segengine_server::clock::SystemClock;
use segengine_server::unsafe_allocator::release;
use segengine_server::{ServeOptions, Server};
use tokio::signal::unix::{SignalKind, signal};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const USAGE: &str = "\
usage: segengine-server DATA [--listen HOST:PORT] [--unix PATH] [--key-file PATH]

  DATA                the data directory; made, with its key beside it, when it is absent
  --listen HOST:PORT  where to listen; port 0 is a free one     [127.0.0.1:50051]
  --unix PATH         a unix socket to serve as well
  --key-file PATH     the key of the directory                  [SEGENGINE_KEY_FILE, or DATA.key]
  --version           say the version and end
  --help              say this and end
";

/// What the command line asks for.
enum Asked {
    Serve { data: PathBuf, key_file: Option<PathBuf>, options: ServeOptions },
    Say(String),
}

fn main() -> ExitCode {
    let filter = tracing_subscriber::EnvFilter::try_from_env("SEGENGINE_LOG");
    let filter = filter.unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn,segengine_server=info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let served = match asked(std::env::args().skip(1)) {
        Err(usage) => {
            eprintln!("error: {usage}\n\n{USAGE}");
            return ExitCode::from(2);
        }
        Ok(Asked::Say(text)) => {
            print!("{text}");
            return ExitCode::SUCCESS;
        }
        Ok(Asked::Serve { data, key_file, options }) => serve(&data, key_file, &options),
    };
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            if let Some(hint) = error.hint_text() {
                eprintln!("hint:  {hint}");
            }
            ExitCode::from(match error.kind() {
                ErrorKind::NotFound => 3,
                ErrorKind::LimitExceeded => 4,
                ErrorKind::Unavailable => 5,
                _ => 1,
            })
        }
    }
}

fn asked(arguments: impl Iterator<Item = String>) -> Result<Asked, String> {
    let (mut data, mut options) = (None, ServeOptions::default());
    let mut key_file = std::env::var_os("SEGENGINE_KEY_FILE").filter(|path| !path.is_empty()).map(PathBuf::from);
    let mut arguments = arguments;
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or_else(|| format!("{argument} needs a value"));
        match argument.as_str() {
            "--help" | "-h" => return Ok(Asked::Say(USAGE.to_owned())),
            "--version" => return Ok(Asked::Say(format!("segengine {}\n", env!("CARGO_PKG_VERSION")))),
            "--listen" => options.listen = value()?,
            "--unix" => options.unix = Some(PathBuf::from(value()?)),
            "--key-file" => key_file = Some(PathBuf::from(value()?)),
            other if other.starts_with('-') => return Err(format!("{other} is no option")),
            _ if data.is_some() => return Err(format!("{argument}: one data directory is enough")),
            _ => data = Some(PathBuf::from(argument)),
        }
    }
    let data = data.ok_or("say which data directory to serve")?;
    Ok(Asked::Serve { data, key_file, options })
}

fn serve(data: &Path, key_file: Option<PathBuf>, options: &ServeOptions) -> Result<()> {
    let server = Server::start(options)?;
    let engine = Engine::open(
        data,
        OpenOptions { key_file, release: Some(release), ..OpenOptions::new(Arc::new(SystemClock)) },
    )?;
    for notice in engine.notices() {
        eprintln!("notice: {notice}");
    }
    server.mount(&engine);
    println!(
        "segengine {} · data {} · gRPC {} · no credentials: loopback only",
        env!("CARGO_PKG_VERSION"),
        data.display(),
        server.target()
    );
    until_told()?;
    server.stop();
    server.wait();
    engine.close()
}

/// Waits for SIGTERM or SIGINT, and sees to it that another one ends the process at once.
fn until_told() -> Result<()> {
    let failed = |error| Error::storage("waiting for signals", error);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    runtime.block_on(async {
        let (mut term, mut int) =
            (signal(SignalKind::terminate()).map_err(failed)?, signal(SignalKind::interrupt()).map_err(failed)?);
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
        Ok::<(), Error>(())
    })?;
    std::thread::spawn(move || {
        runtime.block_on(async {
            let (Ok(mut term), Ok(mut int)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) else {
                return;
            };
            tokio::select! {
                _ = term.recv() => {}
                _ = int.recv() => {}
            }
            std::process::exit(130);
        });
    });
    Ok(())
}
