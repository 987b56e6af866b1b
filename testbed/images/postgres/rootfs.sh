#!/bin/sh
# Makes (once) a Debian root directory with PostgreSQL, server and client, and prints its path.
#   rootfs.sh WORK_DIR SUITE MAJOR      (bookworm has 15, trixie 17, sid 18)
# It never touches anything outside WORK_DIR. A directory without `.complete` is a half-made one and is made again.
set -eu

[ $# -eq 3 ] || { echo "usage: rootfs.sh WORK_DIR SUITE MAJOR" >&2; exit 2; }
suite=$2
major=$3
mkdir -p "$1"
work=$(cd "$1" && pwd)
rootfs=$work/postgres-$major-rootfs

exec 9>"$work/.postgres-$major-rootfs.lock"
flock 9

if [ -e "$rootfs/.complete" ]; then
    echo "$rootfs"
    exit 0
fi
rm -rf "$rootfs"

debootstrap --variant=minbase "$suite" "$rootfs" >&2
# The public image's user has this id; volumes and security contexts know it.
chroot "$rootfs" groupadd --system --gid 999 postgres
chroot "$rootfs" useradd --system --uid 999 --gid postgres --home-dir /var/lib/postgresql --shell /bin/bash postgres
# No cluster at install time: a volume gets its own at first start.
mkdir -p "$rootfs/etc/postgresql-common"
echo "create_main_cluster = false" >"$rootfs/etc/postgresql-common/createcluster.conf"
printf '#!/bin/sh\nexit 101\n' >"$rootfs/usr/sbin/policy-rc.d"
chmod 755 "$rootfs/usr/sbin/policy-rc.d"
# A mirror's copy of sid may be older than its release file allows; debootstrap took it, so apt may too.
chroot "$rootfs" apt-get -o Acquire::Check-Valid-Until=false update >&2
# Some install scripts want /proc; in a mount namespace of its own it is gone with the command.
unshare --mount sh -c 'mount -t proc proc "$1/proc" && DEBIAN_FRONTEND=noninteractive exec chroot "$1" \
    apt-get install -y --no-install-recommends "postgresql-$2"' sh "$rootfs" "$major" >&2
rm -rf "$rootfs/var/cache/apt" "$rootfs/var/lib/apt/lists" "$rootfs/usr/share/doc" "$rootfs/usr/share/man" \
    "$rootfs/usr/share/locale" "$rootfs/usr/sbin/policy-rc.d"
mkdir -p "$rootfs/var/lib/postgresql/data" "$rootfs/docker-entrypoint-initdb.d"
chown 999:999 "$rootfs/var/lib/postgresql/data"
chroot "$rootfs" "/usr/lib/postgresql/$major/bin/postgres" --version >&2
touch "$rootfs/.complete"
echo "$rootfs"
