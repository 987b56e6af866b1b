#!/bin/sh
# Makes (once) a root directory with Oracle's MySQL server and client in it, and prints its path.
#   mysql-rootfs.sh CACHE_DIR [SUITE]
# Debian's stable releases carry MariaDB only, so the packages come from sid. Sid moves every day: the
# downloaded packages are therefore kept as one file beside their sha256, and a rootfs that is gone is
# made again from that same file, without a network.
set -eu

[ $# -eq 1 ] || [ $# -eq 2 ] || { echo "usage: mysql-rootfs.sh CACHE_DIR [SUITE]" >&2; exit 2; }
suite=${2:-sid}
mkdir -p "$1"
cache=$(cd "$1" && pwd)
rootfs=$cache/mysql-rootfs
packages=$cache/mysql-packages.tgz
wanted=mysql-server-core,mysql-client-core,mysql-client

# Two suites starting at once must not build into the same directory.
exec 9>"$cache/.mysql-rootfs.lock"
flock 9

if [ -e "$rootfs/.complete" ]; then
    echo "$rootfs"
    exit 0
fi

if ! command -v debootstrap >/dev/null; then
    { apt-get update && apt-get install -y --no-install-recommends debootstrap; } >&2
fi

if [ ! -e "$packages.sha256" ]; then
    # The tool wants its work directory empty, and leaves the tarball half-made when it is stopped:
    # the sha256 is written last and says that the file is whole.
    rm -rf "$cache/mysql-download" "$packages"
    debootstrap --variant=minbase --include="$wanted" --make-tarball="$packages" "$suite" "$cache/mysql-download" >&2
    rm -rf "$cache/mysql-download"
    (cd "$cache" && tar -tzf "$packages" | LC_ALL=C sort >mysql-packages.list)
    (cd "$cache" && sha256sum mysql-packages.tgz >mysql-packages.tgz.sha256)
fi
(cd "$cache" && sha256sum --check --quiet mysql-packages.tgz.sha256) >&2

# A debootstrap that was killed leaves its /proc and /sys mounted in there.
cut -d' ' -f2 /proc/mounts | grep "^$rootfs/" | sort -r | while read -r mount; do umount "$mount"; done
rm -rf "$rootfs"
debootstrap --variant=minbase --include="$wanted" --unpack-tarball="$packages" "$suite" "$rootfs" >&2
# Debian's MySQL server looks for its socket's directory, a minimal system lacks it.
mkdir -p "$rootfs/run/mysqld"
chroot "$rootfs" /usr/sbin/mysqld --version >&2
chroot "$rootfs" /usr/bin/mysqldump --version >&2
touch "$rootfs/.complete"
echo "$rootfs"
