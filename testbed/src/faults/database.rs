//! Faults of a namespace's own database: away, or gone in the middle of a dump. It never touches its data.

use anyhow::{Context as _, Result, bail};

use super::{Scene, Waiter};
use crate::cluster::databases::Engine;
use crate::failure::Failure;
use crate::say;

/// Stops it; its volume stays.
pub fn stop(scene: &Scene, _: &str) -> Result<()> {
    let set = format!("statefulset/{}", engine(scene)?.workload());
    scene.kubectl("stopping the database").args(["scale", &set, "--replicas=0"]).run()?;
    let pod = format!("pod/{}-0", engine(scene)?.workload());
    scene.kubectl("waiting for it to stop").args(["wait", "--for=delete", &pod, "--timeout=60s"]).run()
}

/// Starts it again.
pub fn start(scene: &Scene) -> Result<()> {
    let set = format!("statefulset/{}", engine(scene)?.workload());
    scene.kubectl("starting the database").args(["scale", &set, "--replicas=1"]).run()?;
    scene.kubectl("waiting for it to start").args(["rollout", "status", &set, "--timeout=180s"]).run()
}

/// Begins to look for a dump, whose connection it then ends; what comes back waits for that. The server looks for it itself,
/// many times a second.
pub fn cut(scene: &Scene, seconds: &str) -> Result<Waiter> {
    let seconds = seconds.parse::<u64>().context("no number of seconds")?;
    let engine = engine(scene)?;
    let (client, sql) = match engine {
        Engine::Postgres => ("exec psql -X -q -A -t -U postgres -d postgres", postgres(seconds)),
        Engine::Mysql => {
            ("MYSQL_PWD=$MYSQL_ROOT_PASSWORD exec mysql --no-defaults -N -B -u root -D mysql", mysql(seconds))
        }
    };
    let pod = format!("{}-0", engine.workload());
    say::step(&format!("waiting up to {seconds} s for a dump"));
    let (cache, namespace) = (scene.cache.clone(), scene.namespace.to_owned());
    // It looks from now on, and not only when somebody asks what came of it.
    let looking = std::thread::spawn(move || {
        let scene = Scene { cache: &cache, namespace: &namespace };
        wait(&scene, &pod, client, &sql, seconds)
    });
    Ok(Box::new(move |_| looking.join().unwrap_or_else(|_| bail!("the fault stopped"))))
}

fn wait(scene: &Scene, pod: &str, client: &str, sql: &str, seconds: u64) -> Result<()> {
    let said = scene
        .kubectl("waiting for a dump to cut")
        .args(["exec", "-i", pod, "--", "sh", "-c", client])
        .fed(sql.as_bytes())?;
    if said.trim() == "cut" {
        say::step("cut");
        return Ok(());
    }
    bail!(Failure::late(format!("no dump was seen reading rows within {seconds} s"), "testbed fault dump-cut 120"))
}

/// A dump is known by what it asks: whose name it goes by is its caller's choice. It is in its middle when it reads rows,
/// which is what its session did last until it asks for something else. The tables here are small, so the looks are close.
fn postgres(seconds: u64) -> String {
    format!(
        "DO $$ DECLARE deadline TIMESTAMPTZ := clock_timestamp() + interval '{seconds} s'; BEGIN WHILE clock_timestamp() < deadline LOOP
           PERFORM pg_terminate_backend(pid) FROM pg_stat_activity WHERE query ~ '^COPY .* TO stdout' AND pid <> pg_backend_pid();
           IF FOUND THEN PERFORM set_config('omupgrade.cut', 'cut', false); RETURN; END IF;
           PERFORM pg_sleep(0.0005); PERFORM pg_stat_clear_snapshot();
         END LOOP; END $$;
         SELECT current_setting('omupgrade.cut', true);\n"
    )
}

fn mysql(seconds: u64) -> String {
    format!(
        "DROP PROCEDURE IF EXISTS testbed_cut;
         DELIMITER //
         CREATE PROCEDURE testbed_cut() BEGIN
           DECLARE deadline DATETIME(6) DEFAULT SYSDATE(6) + INTERVAL {seconds} SECOND; DECLARE victim BIGINT DEFAULT NULL;
           search: WHILE SYSDATE(6) < deadline DO
             SELECT MAX(PROCESSLIST_ID) INTO victim FROM performance_schema.threads JOIN performance_schema.events_statements_current USING (THREAD_ID)
               WHERE SQL_TEXT LIKE 'SELECT /*!40001 SQL_NO_CACHE%';
             IF victim IS NOT NULL THEN KILL victim; SELECT 'cut'; LEAVE search; END IF;
             DO SLEEP(0.0005);
           END WHILE; END//
         DELIMITER ;
         CALL testbed_cut(); DROP PROCEDURE testbed_cut;\n"
    )
}

/// Which database the namespace has.
fn engine(scene: &Scene) -> Result<Engine> {
    let is_here = |engine: &Engine| {
        scene.kubectl("looking for the database").args(["get", "statefulset", engine.workload()]).succeeds()
    };
    let found: Vec<Engine> = [Engine::Postgres, Engine::Mysql].into_iter().filter(is_here).collect();
    match found[..] {
        [engine] => Ok(engine),
        // Which of them the release uses is not known here.
        [_, _, ..] => bail!(Failure::new(
            format!("the namespace {} has two databases, and it is not known which one is meant", scene.namespace),
            format!("kubectl delete -n {} statefulset/mysql (or statefulset/postgresql)", scene.namespace),
        )),
        [] => bail!(Failure::new(
            format!("the namespace {} has no database of its own", scene.namespace),
            format!("testbed database postgres -n {}", scene.namespace),
        )),
    }
}
