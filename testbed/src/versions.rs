//! The one table of what the testbed is made of, with versions. It never builds anything.

/// How a binary comes into being.
#[derive(Debug, Clone, Copy)]
pub enum Source {
    /// A published command, built as it is.
    Published {
        /// The Go package of the command.
        package: &'static str,
    },
    /// A small main of ours (see `go/`) around a published module.
    OurMain {
        /// The folder of the Go module below this crate.
        module: &'static str,
        /// The package in it.
        package: &'static str,
    },
}

/// One binary of the testbed.
#[derive(Debug)]
pub struct Binary {
    /// The file's name in the cache.
    pub name: &'static str,
    /// The version that it must say it has.
    pub version: &'static str,
    /// Where it comes from.
    pub source: Source,
    /// What to call it with so that it says its version.
    pub ask: &'static [&'static str],
    /// Linker values that the published release sets and a bare build would lack.
    pub stamp: &'static [&'static str],
    /// Other names that it is called by.
    pub aliases: &'static [&'static str],
}

/// Kubernetes' own version, as `go/kubernetes/go.mod` pins it.
pub const KUBERNETES: &str = "v1.35.4";

// Without these the server calls itself v0.0.0-master, and clients cannot parse that.
const KUBERNETES_STAMP: &[&str] = &[
    "k8s.io/component-base/version.gitVersion=v1.35.4",
    "k8s.io/component-base/version.gitMajor=1",
    "k8s.io/component-base/version.gitMinor=35",
    "k8s.io/component-base/version.gitTreeState=clean",
];

/// The Helms that users have.
pub const HELM: &[Binary] = &[
    Binary {
        name: "helm4",
        version: "v4.3.1",
        source: Source::Published { package: "helm.sh/helm/v4/cmd/helm" },
        ask: &["version", "--short"],
        stamp: &["helm.sh/helm/v4/internal/version.version=v4.3.1"],
        // What users type, and what our programs look for.
        aliases: &["helm"],
    },
    Binary {
        name: "helm3",
        version: "v3.22.0",
        source: Source::Published { package: "helm.sh/helm/v3/cmd/helm" },
        ask: &["version", "--short"],
        stamp: &["helm.sh/helm/v3/internal/version.version=v3.22.0"],
        aliases: &[],
    },
];

/// The cluster.
pub const CLUSTER: &[Binary] = &[
    Binary {
        name: "etcd",
        version: "3.6.5",
        source: Source::OurMain { module: "go/kubernetes", package: "./cmd/etcd" },
        ask: &["--version"],
        stamp: &[],
        aliases: &[],
    },
    Binary {
        name: "kube-apiserver",
        version: KUBERNETES,
        source: Source::OurMain { module: "go/kubernetes", package: "./cmd/kube" },
        ask: &["--version"],
        stamp: KUBERNETES_STAMP,
        aliases: &["kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy"],
    },
    Binary {
        name: "kubectl",
        version: KUBERNETES,
        source: Source::OurMain { module: "go/kubernetes", package: "./cmd/kubectl" },
        ask: &["version", "--client"],
        stamp: KUBERNETES_STAMP,
        aliases: &[],
    },
    Binary {
        name: "coredns",
        version: "1.12.4",
        source: Source::OurMain { module: "go/coredns", package: "." },
        ask: &["-version"],
        stamp: &[],
        aliases: &[],
    },
];

/// A program that must be on the machine, and the Debian package that brings it.
#[derive(Debug)]
pub struct Package {
    /// The program that proves it.
    pub program: &'static str,
    /// The package to install.
    pub name: &'static str,
}

/// What the node takes from Debian. containerd 1.6 of Debian 12 is the oldest that this kubelet accepts.
pub const PACKAGES: &[Package] = &[
    Package { program: "/usr/bin/containerd", name: "containerd" },
    Package { program: "/usr/sbin/runc", name: "runc" },
    Package { program: "/usr/lib/cni/bridge", name: "containernetworking-plugins" },
    Package { program: "/usr/sbin/iptables", name: "iptables" },
    Package { program: "/usr/sbin/conntrack", name: "conntrack" },
    Package { program: "/usr/bin/socat", name: "socat" },
    Package { program: "/usr/sbin/debootstrap", name: "debootstrap" },
    Package { program: "/usr/bin/openssl", name: "openssl" },
    Package { program: "/usr/sbin/ip", name: "iproute2" },
    Package { program: "/usr/bin/mount", name: "mount" },
    Package { program: "/usr/sbin/mkfs.ext4", name: "e2fsprogs" },
];

/// One release that the stand-in plays.
#[derive(Debug)]
pub struct Release {
    /// The image's tag.
    pub tag: &'static str,
    /// The migration folders that its image carries, newest last.
    pub folders: &'static [&'static str],
}

/// The releases, by pairs that matter: 1.9.0 lacks the health path that 1.9.7's chart asks for; 1.12.12 to 1.13.1 moves
/// the schema, 1.12.13 to 1.12.14 does not; 1.12.13 has a folder that 1.13.1, published before it, never saw, and that
/// 2.0.7 brings along with its own.
pub const STAND_IN: &[Release] = &[
    Release { tag: "1.9.0", folders: &["1.1.0", "1.3.0"] },
    Release { tag: "1.9.7", folders: &["1.1.0", "1.3.0"] },
    Release { tag: "1.12.12", folders: &["1.1.0", "1.3.0", "1.11.0", "1.12.0", "1.12.12"] },
    Release { tag: "1.12.13", folders: &["1.1.0", "1.3.0", "1.11.0", "1.12.0", "1.12.12", "1.12.13"] },
    Release { tag: "1.12.14", folders: &["1.1.0", "1.3.0", "1.11.0", "1.12.0", "1.12.12", "1.12.13"] },
    Release { tag: "1.13.1", folders: &["1.1.0", "1.3.0", "1.11.0", "1.12.0", "1.12.12", "1.13.0", "1.13.1"] },
    Release {
        tag: "2.0.7",
        folders: &["1.1.0", "1.3.0", "1.11.0", "1.12.0", "1.12.12", "1.12.13", "1.13.0", "1.13.1", "2.0.0"],
    },
];

/// One search that the stand-in plays, under the real image's name.
#[derive(Debug)]
pub struct Search {
    /// The registry, which containerd sends here.
    pub registry: &'static str,
    /// The image's name there.
    pub image: &'static str,
    /// Its tag, which is the version that it says it has.
    pub tag: &'static str,
    /// `opensearch` or `elasticsearch`.
    pub distribution: &'static str,
}

/// The searches: what releases from 1.12 on want, and what those up to 1.10 run with.
pub const SEARCH: &[Search] =
    &[opensearch("3.3.0"), opensearch("2.19.4"), elasticsearch("9.3.0"), elasticsearch("8.11.4")];

const fn opensearch(tag: &'static str) -> Search {
    Search { registry: "docker.io", image: "opensearchproject/opensearch", tag, distribution: "opensearch" }
}

const fn elasticsearch(tag: &'static str) -> Search {
    Search { registry: "docker.elastic.co", image: "elasticsearch/elasticsearch", tag, distribution: "elasticsearch" }
}

/// A `PostgreSQL` and the Debian suite that has it.
#[derive(Debug)]
pub struct Postgres {
    /// The suite.
    pub suite: &'static str,
    /// The major version, which is the image's tag.
    pub major: &'static str,
}

/// The `PostgreSQL` that servers run on.
pub const POSTGRES: Postgres = Postgres { suite: "bookworm", major: "15" };
/// The newest major, whose client the hook and the guard take unless a policy says otherwise.
pub const POSTGRES_CLIENT: Postgres = Postgres { suite: "sid", major: "18" };

/// The only real `MySQL` that Debian has.
#[derive(Debug)]
pub struct Mysql {
    /// The suite, which moves: what is downloaded once is kept.
    pub suite: &'static str,
    /// The image's tag.
    pub tag: &'static str,
    /// The line that everything was tried with; another one is said.
    pub line: &'static str,
}

/// The `MySQL` that servers run on, and whose client hook and guard take here.
pub const MYSQL: Mysql = Mysql { suite: "sid", tag: "9", line: "9.7" };

/// The real server image's name, which the chart renders and the stand-in bears.
pub const SERVER_IMAGE: (&str, &str) = ("docker.getcollate.io", "openmetadata/server");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_binary_has_its_own_name() {
        let mut names: Vec<_> =
            HELM.iter().chain(CLUSTER).flat_map(|binary| binary.aliases.iter().chain([&binary.name])).collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
    }

    #[test]
    fn the_go_modules_pin_what_the_table_says() {
        let kubernetes = include_str!("../go/kubernetes/go.mod");
        assert!(kubernetes.contains(&format!("k8s.io/kubernetes {KUBERNETES}")));
        assert!(kubernetes.contains("go.etcd.io/etcd/server/v3 v3.6.5"));
        assert!(include_str!("../go/coredns/go.mod").contains("github.com/coredns/coredns v1.12.4"));
    }

    #[test]
    fn scripts_and_manifests_leave_versions_to_this_table() {
        for text in [
            include_str!("../manifests/postgres.yaml"),
            include_str!("../manifests/mysql.yaml"),
            include_str!("../manifests/search.yaml"),
        ] {
            let tagged = |line: &&str| line.trim_start().starts_with("image:") && !line.contains('$');
            assert_eq!(text.lines().find(tagged), None);
        }
        // Called without one by the tests on bare databases.
        let script = include_str!("../../testdata/databases/mysql-rootfs.sh");
        assert!(script.contains(&format!("suite=${{2:-{}}}", MYSQL.suite)));
    }

    #[test]
    fn stamps_carry_the_version_of_the_table() {
        for binary in HELM.iter().chain(CLUSTER).filter(|binary| !binary.stamp.is_empty()) {
            assert!(binary.stamp.iter().any(|stamp| stamp.ends_with(binary.version)), "{}", binary.name);
        }
    }
}
