//! What differs from release to release in answers and tools, each with its source. It never differs in tables: those are the migrations' affair.

use crate::version::{self, Version};

/// The release that this process plays.
#[derive(Debug, Clone, Copy)]
pub struct Era(pub Version);

/// `GET /api/v1/system/health`: pull request 22974, merged a week after 1.9.0.
pub const HEALTH: Version = Version(1, 9, 1);
/// `GET /api/v1/system/status`: not in 1.3's published client, in 1.4's.
pub const STATUS: Version = Version(1, 4, 0);
/// `POST …/ingestionPipelines/bulk/deploy` and `/system/diagnostics`: seen in sources of that time.
pub const NEWER_TOOLS: Version = Version(1, 12, 0);

impl Era {
    /// Of this image.
    pub fn of_this_image() -> Self {
        Self(Version::parse(&version::of_this_image()).unwrap_or(Version(0, 0, 0)))
    }

    /// Whether `/system/status` counts versions that this image does not know as a failure. Assumption: newer servers
    /// stopped (pull request 24533 is closed, the first release with it is unknown), so an old server on a newer
    /// database "passes".
    pub fn minds_unexpected_migrations(self) -> bool {
        self.0 < Version(1, 12, 0)
    }

    /// Whether any folder that was not executed is pending, also one older than the newest row, and the newest row's folder
    /// again when it grew (pull requests 26592, 26571, 27703, spring of 2026). Before: folders above the newest row only.
    /// Assumption by date.
    pub fn plans_any_folder(self) -> bool {
        self.0 >= Version(1, 12, 8)
    }

    /// Whether an application's trigger takes overrides of its configuration (a 1.3-era handler has no body).
    pub fn trigger_takes_overrides(self) -> bool {
        self.0 >= Version(1, 4, 0)
    }

    /// Settings that 2.0's sanitiser strips from the reindex application (pull requests 28402, 27971).
    pub fn forgotten_settings(self) -> &'static [&'static str] {
        if self.0 >= Version(2, 0, 0) { &["recreateIndex", "useDistributedIndexing"] } else { &[] }
    }

    /// Whether a reindex builds indices beside the old ones and then swaps the aliases (1.10 or 1.11, pull request 23749).
    pub fn stages_indices(self) -> bool {
        self.0 >= Version(1, 11, 0)
    }

    /// Whether indices have the field that 1.12's migration of tables brings along.
    pub fn has_entity_status(self) -> bool {
        self.0 >= Version(1, 12, 0)
    }

    /// Whether `/system/status` has a step for search documents that lag behind (pull request 28856, in 2.x).
    pub fn checks_reindex(self) -> bool {
        self.0 >= Version(2, 0, 0)
    }

    /// Whether a pipeline's `pipelineStatuses` is a list: so in the published client 2.0.7, one object in 1.13.1's.
    pub fn lists_pipeline_statuses(self) -> bool {
        self.0 >= Version(2, 0, 0)
    }

    /// Whether an application says that it is enabled: the published client 1.13.1 reads that, 1.12.14 refuses the field.
    pub fn says_whether_an_app_is_enabled(self) -> bool {
        self.0 >= Version(1, 13, 0)
    }

    /// Whether the tool's `reindex` still knows `--recreate-indexes` (gone in the 2.0 line; which patch is not known).
    pub fn knows_recreate_indexes(self) -> bool {
        self.0 < Version(2, 0, 0)
    }

    /// Whether Flyway runs before the native migrations (facts 1.10, 3.3: up to 1.10).
    pub fn runs_flyway(self) -> bool {
        self.0 < Version(1, 11, 0)
    }

    /// Whether a server starts although search is away: since the spring of 2026 (facts 10.7). Before, it "could" abort;
    /// here it does. Assumption by date.
    pub fn starts_without_search(self) -> bool {
        self.0 >= Version(1, 12, 8)
    }

    /// Whether `migrate` makes Flowable's tables (pull request 27234, spring of 2026); before, the server does at its start.
    /// Assumption by date.
    pub fn migrates_flowable(self) -> bool {
        self.0 >= Version(1, 13, 0)
    }
}
