//! The bound of memory: what a stream of hundreds of releases takes beyond what one release takes stays below three
//! times the input and 5 MiB. (The bound of the whole, 3 × input + 10 MiB, is measured on the release build by
//! `testdata/bench/peers.sh`; the program alone takes 5 MiB of it there.)
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says so by failing")]

#[path = "program/mod.rs"]
mod program;
#[path = "../benches/streams/mod.rs"]
#[allow(dead_code, reason = "the benchmark uses all of it")]
mod streams;

use std::io::{Read, Write};

/// The most memory that was resident, in bytes, when the program began to write: it writes nothing before all is
/// ready, and then waits for us to read.
fn peak(text: &str) -> usize {
    let mut child = program::program().arg("--backup=off").spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = text.to_owned();
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let mut stdout = child.stdout.take().unwrap();
    let mut output = vec![0];
    stdout.read_exact(&mut output).unwrap();
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    stdout.read_to_end(&mut output).unwrap();
    writer.join().unwrap().unwrap();
    assert!(child.wait().unwrap().success());
    assert!(output.len() > text.len());
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:")).expect("a program that still runs");
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}

#[test]
fn many_releases_take_no_more_than_three_times_the_input() {
    // One with a full pipe behind it, so that the program is still there when it is looked at.
    let (few, many) = (streams::many(80, 18), streams::many(5_000, 18));
    let (least, most) = (peak(&few), peak(&many));
    let room = 3 * many.len() + (5 << 20);
    assert!(most - least < room, "{} KiB more of {} KiB", (most - least) >> 10, room >> 10);
}
