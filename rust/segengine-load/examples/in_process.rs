//! One engine asked in its own process, question by question, without Python: for the comparisons of benches/compare.
//!
//! `in_process DATA QUESTIONS`: `DATA` is a data directory. `QUESTIONS` is, as little-endian u32, the number of runs, then
//! each run as the number of users and of candidates of each (0: all adgroups are asked for), then its users, each as 16 bytes of an
//! MD5 and the candidates. Prints `ready SECONDS`, then answers a line by a line:
//!
//! * `time RUN`: asks for each user of the run and prints the microseconds a user, from the text of an identifier to ids; the
//!   users of run 0 are asked for before, since the process has slept while others had their turn;
//! * `answers RUN PATH`: writes what they may see to PATH (per user the count, then ids, as little-endian u32), prints `done`.
#![expect(clippy::unwrap_used, reason = "a measuring tool: it may stop where it stands")]

use std::io::{BufRead, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use segengine::engine::caller::Caller;
use segengine::engine::formats::IdentifierRef;
use segengine::engine::{Candidates, Engine, MatchQuestion, MatchScratch, OpenOptions};
use segengine_server::clock::SystemClock;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Clone)]
struct Question {
    text: String,
    candidates: Vec<u32>,
}

struct Run {
    asks_for_all: bool,
    questions: Vec<Question>,
}

fn read(path: &str) -> Vec<Run> {
    let bytes = std::fs::read(path).unwrap();
    let mut words = bytes.as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word));
    let mut next = || words.next().unwrap();
    let runs = next();
    let run = |_| {
        let (users, candidates) = (next(), next());
        let question = |_| {
            let digest = (0..4).fold(0, |digest, _| digest << 32 | u128::from(next().swap_bytes()));
            Question { text: format!("email_md5:{digest:032x}"), candidates: (0..candidates).map(|_| next()).collect() }
        };
        Run { asks_for_all: candidates == 0, questions: (0..users).map(question).collect() }
    };
    (0..runs).map(run).collect()
}

fn ask(engine: &Engine, run: &Run, question: &Question, scratch: &mut MatchScratch) {
    let candidates = if run.asks_for_all { Candidates::All } else { Candidates::Only(&question.candidates) };
    let user = IdentifierRef::check_text(&question.text).ok();
    engine.match_one(&Caller::local_admin(), [user], &MatchQuestion::about(candidates), scratch).unwrap();
}

fn answers(engine: &Engine, run: &Run, scratch: &mut MatchScratch) -> Vec<u8> {
    let mut bytes = Vec::new();
    for question in &run.questions {
        ask(engine, run, question, scratch);
        let adgroups = scratch.adgroups();
        bytes.extend(u32::try_from(adgroups.len()).unwrap().to_le_bytes());
        bytes.extend(adgroups.iter().flat_map(|adgroup| adgroup.to_le_bytes()));
    }
    bytes
}

/// The harness waits for each line, so none may stay in a buffer.
fn say(line: &str) {
    let mut output = std::io::stdout().lock();
    writeln!(output, "{line}").unwrap();
    output.flush().unwrap();
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [data, questions] = arguments.as_slice() else { panic!("in_process DATA QUESTIONS") };
    let runs = read(questions);
    let started = Instant::now();
    let engine = Engine::open(Path::new(data), OpenOptions::new(Arc::new(SystemClock))).unwrap();
    let mut scratch = MatchScratch::default();
    say(&format!("ready {:.3}", started.elapsed().as_secs_f64()));
    for line in std::io::stdin().lock().lines() {
        let line = line.unwrap();
        let words: Vec<&str> = line.split_whitespace().collect();
        let run = &runs[words[1].parse::<usize>().unwrap()];
        match words.as_slice() {
            ["time", _] => {
                runs[0].questions.iter().for_each(|question| ask(&engine, &runs[0], question, &mut scratch));
                // Made anew, since a request has just come in when it is answered.
                let questions = run.questions.clone();
                let started = Instant::now();
                for question in &questions {
                    ask(&engine, run, question, &mut scratch);
                    std::hint::black_box(scratch.adgroups());
                }
                let count = run.questions.len().max(1) as f64;
                say(&format!("{:.4}", started.elapsed().as_secs_f64() * 1e6 / count));
            }
            ["answers", _, path] => {
                std::fs::write(path, answers(&engine, run, &mut scratch)).unwrap();
                say("done");
            }
            _ => panic!("not a question: {line}"),
        }
    }
}
