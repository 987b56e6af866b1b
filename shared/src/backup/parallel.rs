//! When a dump is made by several connections at once, and by how many. The threshold stands here alone.

/// The size of a `PostgreSQL` database, with its indexes, from which on several jobs dump it into a directory. Chosen: at
/// some 30 MB/s, which is what one compressing core does, a smaller one is dumped in about five minutes, and one file is
/// easier to look after than a directory; above it the time of a dump is downtime that more cores can shorten.
pub const PARALLEL_FROM: u64 = 10 * 1024 * 1024 * 1024;

/// How many jobs where nobody says otherwise. Chosen: each is one more connection and one more busy core of a server
/// that may still serve.
pub const JOBS: u32 = 4;

/// The most that may be asked for. Chosen: `OpenMetadata`'s own pool has 100 connections, the server's default limit too.
pub const MOST_JOBS: u32 = 16;

/// The backup script's variables for at most so many jobs.
pub fn jobs(at_most: u32) -> [(&'static str, String); 2] {
    let at_most = at_most.clamp(1, MOST_JOBS);
    [("OMUPGRADE_JOBS", at_most.to_string()), ("OMUPGRADE_PARALLEL_FROM", PARALLEL_FROM.to_string())]
}
