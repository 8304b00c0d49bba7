//! The short run under `cargo test`: the corpus, then new inputs made from it. `npm run fuzz` is the long run.

use std::{
    fs,
    panic::{self, AssertUnwindSafe},
    path::Path,
    time::SystemTime,
};

use conversations_fuzz::{TARGETS, Target};
use fastrand::Rng;

/// New inputs for each target.
const NEW: usize = 30_000;

/// The inputs in `corpus/NAME.jsonl`. Each line is a JSON string, in which a character stands for the byte with its
/// number.
fn corpus(target: &Target) -> Vec<Vec<u8>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target.name).with_extension("jsonl");
    let lines = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let bytes = |text: String| text.chars().map(|c| u8::try_from(c).expect("a character is a byte")).collect();
    lines.lines().map(|line| bytes(serde_json::from_str(line).expect("a line is a JSON string"))).collect()
}

/// An input as a line of the corpus, which is all ASCII.
fn line(input: &[u8]) -> String {
    let text: String = input.iter().copied().map(char::from).collect();
    let escaped = |c: char| if matches!(c, ' '..='~') { c.to_string() } else { format!("\\u{:04x}", u32::from(c)) };
    serde_json::Value::from(text).to_string().chars().map(escaped).collect()
}

/// Runs one input. If it fails, prints its line for the corpus.
fn run(target: &Target, input: &[u8], origin: &str) {
    if let Err(panic) = panic::catch_unwind(AssertUnwindSafe(|| (target.check)(input))) {
        let name = target.name;
        eprintln!("{name} fails on an input {origin}. As a line of fuzz/corpus/{name}.jsonl:\n{}", line(input));
        panic::resume_unwind(panic);
    }
}

#[test]
fn the_corpus_keeps_every_promise() {
    for target in TARGETS {
        let inputs = corpus(target);
        assert!(!inputs.is_empty(), "{} has no corpus", target.name);
        inputs.iter().for_each(|input| run(target, input, "of the corpus"));
    }
}

#[test]
fn new_inputs_keep_every_promise() {
    let seed = match std::env::var("FUZZ_SEED") {
        Ok(seed) => seed.parse().expect("FUZZ_SEED is a number"),
        Err(_) => SystemTime::UNIX_EPOCH.elapsed().map_or(0, |now| now.as_nanos() as u64),
    };
    for target in TARGETS {
        let corpus = corpus(target);
        let mut rng = Rng::with_seed(seed);
        for _ in 0..NEW {
            run(target, &mutated(&mut rng, &corpus), &format!("made with FUZZ_SEED={seed}"));
        }
    }
}

/// An input of the corpus with a few changes.
fn mutated(rng: &mut Rng, corpus: &[Vec<u8>]) -> Vec<u8> {
    let mut input = rng.choice(corpus).cloned().unwrap_or_default();
    for _ in 0..rng.usize(1..=4) {
        let [at, to] = [(); 2].map(|()| rng.usize(0..=input.len()));
        let range = at.min(to)..at.max(to);
        match rng.u8(0..8) {
            0 => input.insert(at, rng.u8(..)),
            1 => input.insert(at, *rng.choice(b"%&=+?/\\\"{}[]:,;- 019eaZ~_\n\t\0").expect("is not empty")),
            2 => drop(input.drain(range.start..range.end.min(range.start + 4))),
            3 => input.truncate(at),
            4 => drop(input.splice(at..at, input[range].to_vec())),
            5 => {
                let other = rng.choice(corpus).expect("is not empty");
                let start = rng.usize(0..=other.len());
                input.splice(range, other[start..].iter().copied());
            }
            6 if at < input.len() => input[at] ^= 1 << rng.u8(0..8),
            _ if at < input.len() => input[at] = rng.u8(..),
            _ => input.extend((0..8).map(|_| rng.u8(..))),
        }
    }
    input
}
