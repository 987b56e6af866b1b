//! Measures the pure road from bytes to bytes. Never the command line: `testdata/bench/peers.sh` times that. With
//! `OMUPGRADE_BENCH_WRITE=DIR` it writes its streams there instead and measures nothing.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says so by failing")]
#![allow(missing_docs, reason = "criterion's macros")]

mod streams;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use helm_postrender::policy::Policy;
use helm_postrender::rules::ALL;
use helm_postrender::transform::{Memory, transform};
use shared::manifest::{Stream, detect};
use std::hint::black_box;
use std::time::Duration;

fn run(bytes: &[u8]) -> usize {
    let stream = Stream::split(bytes).unwrap();
    let outcome = transform(&stream, detect(&stream).unwrap(), &Policy::default(), ALL, Memory::default()).unwrap();
    outcome.pieces.iter().map(|p| p.len()).sum()
}

fn measure(criterion: &mut Criterion) {
    if let Some(folder) = std::env::var_os("OMUPGRADE_BENCH_WRITE") {
        for case in streams::all() {
            std::fs::write(std::path::Path::new(&folder).join(format!("{}.yaml", case.name)), case.text).unwrap();
        }
        return;
    }
    let mut group = criterion.benchmark_group("transform");
    group.sample_size(10).measurement_time(Duration::from_secs(5));
    for case in streams::all() {
        group.throughput(Throughput::Bytes(case.text.len() as u64));
        group.bench_function(BenchmarkId::from_parameter(case.name), |b| {
            b.iter(|| black_box(run(case.text.as_bytes())));
        });
    }
    group.finish();
}

criterion_group!(benches, measure);
criterion_main!(benches);
