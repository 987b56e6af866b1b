#!/bin/sh
# Makes (once) a Debian root directory with PostgreSQL, server and client, and prints its path.
#   rootfs.sh WORK_DIR SUITE MAJOR      (bookworm has 15, trixie 17, sid 18)
# Suites move, sid every day: the downloaded packages are kept as one file beside their sha256, and a directory that is
# gone is made again from that same file, without a network. It never touches anything outside WORK_DIR. A directory
# without `.complete` is a half-made one and is made again.
set -eu

[ $# -eq 3 ] || { echo "usage: rootfs.sh WORK_DIR SUITE MAJOR" >&2; exit 2; }
suite=$2
major=$3
mkdir -p "$1"
work=$(cd "$1" && pwd)
rootfs=$work/postgres-$major-rootfs
packages=postgres-$major-packages.tar

exec 9>"$work/.postgres-$major-rootfs.lock"
flock 9

if [ -e "$rootfs/.complete" ]; then
    echo "$rootfs"
    exit 0
fi

# In a mount namespace of its own, /proc is gone with the command; some install scripts want it.
inside() {
    unshare --mount sh -c 'mount -t proc proc "$1/proc" && root=$1 && shift && exec chroot "$root" "$@"' sh "$rootfs" "$@" >&2
}

# A debootstrap that was killed leaves its /proc and /sys mounted in there.
cut -d' ' -f2 /proc/mounts | grep "^$rootfs/" | sort -r | while read -r mount; do umount "$mount"; done

download=$work/postgres-$major-download
rm -rf "$download"
mkdir "$download"
if [ ! -e "$work/$packages.sha256" ]; then
    rm -rf "$work/$packages" "$rootfs"
    # Its folder must be empty; the sha256 is written last and says that the file is whole.
    debootstrap --variant=minbase --make-tarball="$download/base.tgz" "$suite" "$download/root" >&2
    rm -rf "$download/root"
    debootstrap --variant=minbase --unpack-tarball="$download/base.tgz" "$suite" "$rootfs" >&2
    # A mirror's copy of sid may be older than its release file allows; debootstrap took it, so apt may too.
    inside apt-get -o Acquire::Check-Valid-Until=false update
    inside apt-get clean
    inside apt-get install -y --no-install-recommends --download-only "postgresql-$major"
    mkdir "$download/debs"
    mv "$rootfs/var/cache/apt/archives/"*.deb "$download/debs"
    tar -cf "$work/$packages" -C "$download" base.tgz debs
    (cd "$work" && sha256sum "$packages" >"$packages.sha256")
    rm -rf "$download"
    mkdir "$download"
fi
(cd "$work" && sha256sum --check --quiet "$packages.sha256") >&2

rm -rf "$rootfs"
tar -xf "$work/$packages" -C "$download"
debootstrap --variant=minbase --unpack-tarball="$download/base.tgz" "$suite" "$rootfs" >&2
# The public image's user has this id; volumes and security contexts know it.
chroot "$rootfs" groupadd --system --gid 999 postgres
chroot "$rootfs" useradd --system --uid 999 --gid postgres --home-dir /var/lib/postgresql --shell /bin/bash postgres
# No cluster at install time: a volume gets its own at first start.
mkdir -p "$rootfs/etc/postgresql-common"
echo "create_main_cluster = false" >"$rootfs/etc/postgresql-common/createcluster.conf"
printf '#!/bin/sh\nexit 101\n' >"$rootfs/usr/sbin/policy-rc.d"
chmod 755 "$rootfs/usr/sbin/policy-rc.d"
mv "$download/debs" "$rootfs/debs"
inside sh -c 'DEBIAN_FRONTEND=noninteractive exec apt-get install -y --no-install-recommends /debs/*.deb'
rm -rf "$download" "$rootfs/debs" "$rootfs/var/cache/apt" "$rootfs/var/lib/apt/lists" "$rootfs/usr/share/doc" \
    "$rootfs/usr/share/man" "$rootfs/usr/share/locale" "$rootfs/usr/sbin/policy-rc.d"
mkdir -p "$rootfs/var/lib/postgresql/data" "$rootfs/docker-entrypoint-initdb.d"
chown 999:999 "$rootfs/var/lib/postgresql/data"
chroot "$rootfs" "/usr/lib/postgresql/$major/bin/postgres" --version >&2
touch "$rootfs/.complete"
echo "$rootfs"
