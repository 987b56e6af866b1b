//! Every number and image that a rule uses where the policy names none, each with its source or the word "chosen".
//! The testbed's waits read them. Changing one changes what users' streams become: say so in the changelog.

pub mod limits;

// rollout and probes

/// Seconds that a new pod must stay ready before the next old one goes. Chosen: a server that dies right after its
/// start (a search index or scheduler that fails) mostly does so within half a minute.
pub const MIN_READY_SECONDS: u32 = 30;

/// Seconds for which a rollout may wait for one pod's migration. Chosen: the project publishes no durations; an hour
/// is twelve times the five minutes in which the chart's old hook ran out of time (helm-charts#121).
pub const LONGEST_MIGRATION_SECONDS: u32 = 3600;

/// Seconds for everything else that a new pod does: scheduling, pulling the image. Kubernetes' own default of
/// `progressDeadlineSeconds`.
pub const POD_SETUP_SECONDS: u32 = 600;

/// Seconds that a stopping pod goes on serving, so that Services, ingresses and clients learn that it goes. Chosen:
/// kube-proxy follows within seconds, ingress controllers and load balancers within about ten.
pub const PRE_STOP_SECONDS: u32 = 15;

/// Seconds that the server itself takes to finish its requests: Dropwizard's default `shutdownGracePeriod`.
pub const SHUTDOWN_SECONDS: u32 = 30;

/// Seconds from the wish to stop a pod to its kill. Chosen: the pause, the server's own shutdown, 15 to spare.
pub const GRACE_SECONDS: u32 = 60;

/// Seconds that a server may take to start after its migration. Chosen: six times the chart's 300. The first start
/// creates Flowable's tables and the seed data, and killing it half-way leaves them half-made (OpenMetadata#26048).
/// A server that crashes is still seen at once; only one that hangs is waited for.
pub const STARTUP_BUDGET_SECONDS: u32 = 1800;

/// Seconds between two looks at a starting server. Chosen: the chart's 60 notices a started server a minute late.
pub const STARTUP_PERIOD_SECONDS: u32 = 10;

/// Seconds that a probe waits for an answer. Chosen: longer than a pause for garbage collection; Kubernetes' own
/// default, and so the chart's, is one.
pub const PROBE_TIMEOUT_SECONDS: u32 = 10;

// schema_guard and backup_hook

/// Client image for PostgreSQL. Chosen: the newest major; a client dumps servers of its own major and older ones, and
/// OpenMetadata asks for 12 (v1.10) to 15 (v2.0) or newer (minimum-requirements.mdx of its documentation).
pub const POSTGRESQL_IMAGE: &str = "postgres:18";

/// Client image for MySQL. Chosen: the newest long-term release; OpenMetadata asks for at least mysqldump 8.3.
pub const MYSQL_IMAGE: &str = "mysql:8.4";

/// Numeric user of the client containers: `postgres` and `mysql` have this one in their official Debian and Oracle
/// Linux images (docker-library Dockerfiles, `useradd … --uid=999`).
pub const CLIENT_USER: u32 = 999;

/// Seconds for which the guard asks an unreachable database. Chosen: a database that restarts is back by then.
pub const GUARD_WAIT_SECONDS: u32 = 60;

/// Where the server's image carries its migrations: `migrationConfiguration.nativePath`, a literal in its
/// configuration.
pub const MIGRATIONS_PATH: &str = shared::component::MIGRATIONS_PATH;

/// Seconds after which the backup hook ends. Chosen: below 300, helm's own default `--timeout` for a hook; past that
/// helm gives up and leaves the Job running.
pub const BACKUP_DEADLINE_SECONDS: u32 = 280;

// pdb

/// Pods that a node drain may take at once. Chosen: with any number of servers all but one go on serving.
pub const MAX_UNAVAILABLE: u32 = 1;

// hpa

/// Fewest servers under an autoscaler of ours. Chosen: with two, one may go at any time.
pub const MIN_REPLICAS: u32 = 2;

/// Most servers under an autoscaler of ours: the chart's own `hpa.maxReplicas`.
pub const MAX_REPLICAS: u32 = 5;

/// Percent of the requested CPU that the pods use on average before one is added: the chart's own.
pub const CPU_PERCENT: u32 = 80;

/// Seconds for which a lower load must last before a pod is removed: Kubernetes' own default.
pub const SCALE_DOWN_SECONDS: u32 = 300;

/// Seconds between two pods that an autoscaler of ours adds. Chosen: about one start, so that migrating pods come one
/// after another.
pub const SCALE_UP_PERIOD_SECONDS: u32 = 120;

/// Seconds between two pods that an autoscaler of ours removes. Chosen: longer than a pod takes to drain.
pub const SCALE_DOWN_PERIOD_SECONDS: u32 = 120;
