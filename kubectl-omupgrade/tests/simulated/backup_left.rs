//! A backup that was killed hours ago: the same command does not hand out its dump as one of today.

use crate::backup::{another_second, args, command, record, runs, world};
use crate::cluster::{Kill, World};
use jiff::{SignedDuration, Timestamp};
use kubectl_omupgrade::commands::backup::MakeArgs;
use kubectl_omupgrade::exit::Exit;

type Holds = fn(&World) -> bool;

/// One in which a process was killed at the first write after which this holds.
async fn killed_when(holds: Holds) -> (World, MakeArgs, tempfile::TempDir) {
    for at in 1..20 {
        let (world, folder) = world();
        let args = MakeArgs { to: None, receipt: None, ..args(&folder) };
        let killed = world.process(Some(Kill::AfterWrite(at)), command(&world, &args)).await;
        if holds(&world) {
            assert!(killed.is_none(), "it ended");
            return (world, args, folder);
        }
    }
    panic!("it never came so far");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dump_of_hours_ago_stays_and_another_one_is_made() {
    let cases: [(&str, Holds); 2] = [
        // Its Job waits for its files, and ends once they are there.
        ("the Job ended", |world| world.all("secrets").iter().any(|s| s["data"]["record.part"].is_string())),
        ("the journal has it", |world| runs(world).iter().any(|r| r["remembered"]["backup"].is_string())),
    ];
    for (case, holds) in cases {
        for (hours, made) in [(2, 1), (5, 2)] {
            let (world, args, _folder) = killed_when(holds).await;
            let then = Timestamp::now() - SignedDuration::from_hours(hours);
            let (name, record) = ("om-20261122T120000Z", record("h", &then.to_string()));
            world.says(
                "backup",
                &format!("omupgrade-backup: catalog {record}\nomupgrade-backup: complete {name} bytes=7 sha256=aa\n"),
            );
            let first = runs(&world)[0]["remembered"]["backup"].as_str().unwrap_or(name).to_owned();
            world.says("claim", &format!("backup\t{first}\t{record}\nroom\t10\t5\nend\n"));
            another_second().await;
            assert_eq!(command(&world, &args).await.unwrap(), Exit::Done, "{case}, {hours} h");
            let runs = runs(&world);
            assert_eq!(runs.len(), made, "{case}, {hours} h");
            assert!(runs.iter().all(|run| run["outcome"] == "done"), "{case}, {hours} h: {runs:#?}");
            let jobs = world.log().into_iter().filter(|r| r.starts_with("POST ") && r.contains("/jobs")).count();
            assert_eq!(jobs, made, "{case}, {hours} h");
            // What served since then may be another revision on another schema.
            if case == "the Job ended" {
                assert_eq!(runs[0]["recorded"]["at"], then.to_string(), "{case}, {hours} h");
            }
        }
    }
}
