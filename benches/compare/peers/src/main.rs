//! One peer over one generated workload, asked block by block, so that a harness can let its sides take turns.
//!
//! `segengine-peers (mokaccino|mokaccino-fields|a-tree) FILE` reads the workload, builds the peer's index and prints
//! `ready SECONDS`. Then each line of the input is a question, answered by one line:
//!
//! * `time FIRST COUNT`: asks the users FIRST..FIRST+COUNT of the file, and prints the microseconds a user;
//! * `answers FIRST COUNT PATH`: writes what these users match to PATH (per user: the count, then adgroup numbers, as
//!   little-endian i32), and prints `done`.
//!
//! What a peer is asked with (a document, an event) is made before its clock starts, and a result is collected into a
//! list of numbers, which is what the other sides give. Each side is used as its documentation says.

mod peers;
mod workload;

use std::io::{BufRead, Write};
use std::time::Instant;

use peers::{ATreePeer, MokaccinoPeer, Peer, many_fields, one_field};
use workload::Workload;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, file] = arguments.as_slice() else {
        return Err("segengine-peers (mokaccino|mokaccino-fields|a-tree) FILE".into());
    };
    let workload = Workload::read(file)?;
    match name.as_str() {
        "mokaccino" => serve(&workload, |workload| MokaccinoPeer::build(workload, one_field)),
        "mokaccino-fields" => serve(&workload, |workload| MokaccinoPeer::build(workload, many_fields)),
        "a-tree" => serve(&workload, ATreePeer::build),
        other => Err(format!("no peer is called {other}").into()),
    }
}

fn serve<P: Peer>(
    workload: &Workload,
    build: impl Fn(&Workload) -> Result<P, Box<dyn std::error::Error>>,
) -> Result<(), Box<dyn std::error::Error>> {
    let started = Instant::now();
    let peer = build(workload)?;
    say(&format!("ready {:.3}", started.elapsed().as_secs_f64()))?;
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["time", first, count] => {
                let users = workload.users(first.parse()?, count.parse()?)?;
                say(&format!("{:.3}", microseconds_a_user(&peer, users)?))?;
            }
            ["answers", first, count, path] => {
                std::fs::write(path, answers(&peer, workload.users(first.parse()?, count.parse()?)?)?)?;
                say("done")?;
            }
            _ => return Err(format!("not a question: {line}").into()),
        }
    }
    Ok(())
}

/// The harness waits for each line, so none may stay in a buffer.
fn say(line: &str) -> std::io::Result<()> {
    let mut output = std::io::stdout().lock();
    writeln!(output, "{line}")?;
    output.flush()
}

fn microseconds_a_user<P: Peer>(peer: &P, users: &[Vec<i32>]) -> Result<f64, Box<dyn std::error::Error>> {
    let questions = users.iter().map(|user| peer.question(user)).collect::<Result<Vec<_>, _>>()?;
    let started = Instant::now();
    for question in &questions {
        std::hint::black_box(peer.matching(question)?);
    }
    Ok(started.elapsed().as_secs_f64() * 1e6 / users.len().max(1) as f64)
}

fn answers<P: Peer>(peer: &P, users: &[Vec<i32>]) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
    let mut bytes = Vec::new();
    for user in users {
        let mut found = peer.matching(&peer.question(user)?)?;
        found.sort_unstable();
        bytes.extend((found.len() as i32).to_le_bytes());
        bytes.extend(found.iter().flat_map(|number| number.to_le_bytes()));
    }
    Ok(bytes)
}
