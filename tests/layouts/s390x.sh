#!/bin/sh
# A big-endian Python in a folder, on Debian: s390x packages unpacked, none installed.
# Prints what `python -m tests.layouts --emulator` takes.  Needs qemu-user-static and apt;
# compiling for it takes binutils-s390x-linux-gnu.
set -eu
folder=$(realpath -m "${1:?usage: s390x.sh FOLDER}")
root=$folder/root
mkdir -p "$root" "$folder/lists/partial" "$folder/archives/partial"
: > "$folder/status"
apt() {
    apt-get -qq -o APT::Architecture=s390x -o APT::Architectures=s390x \
        -o APT::Install-Recommends=false -o Dir::State::status="$folder/status" \
        -o Dir::State::lists="$folder/lists" -o Dir::Cache::archives="$folder/archives" \
        -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= -o Debug::NoLocking=1 "$@" >&2
}
apt update
apt install --yes --download-only python3
for package in "$folder"/archives/*.deb; do
    dpkg-deb --extract "$package" "$root"
done
python=$(echo "$root"/usr/bin/python3.[0-9]*)
echo "env PYTHONHOME=$root/usr qemu-s390x-static -L $root $python"
