#!/usr/bin/env bash
# Runs Python on an emulated 64-bit ARM processor: scripts/arm64.sh ARGUMENTS OF PYTHON ...
#
# The first call makes build/arm64 (300 MiB downloaded, some minutes): an emulator, CPython for arm64 and the wheels of
# what channelsim depends on. That takes apt-get, dpkg and pip of an x86-64 Debian, whose release also says which Python
# it is, and no rights. The emulator is some fifteen times slower than the machine. What runs in it can start no other
# program, so it has one core, on which the engine compiles by itself.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
home=$root/build/arm64
# What an import of channelsim and runs of the engine need: not the plots, sweeps and downloads.
packages=(numpy numba scipy h5py isal pydantic typer rich platformdirs pint threadpoolctl)

fetch() { # ARCHITECTURE PACKAGE ...: unpacks these packages, and what they depend on, into $home/ARCHITECTURE
  local apt=$home/apt/$1
  mkdir -p "$apt/lists/partial" "$apt/archives/partial" "$home/$1"
  : >"$apt/status"
  local options=(-qq -o "APT::Architecture=$1" -o "APT::Architectures=$1" -o "Dir::State=$apt" -o "Dir::Cache=$apt"
    -o "Dir::State::status=$apt/status" -o Debug::NoLocking=1 -o APT::Install-Recommends=0 -o APT::Sandbox::User=)
  apt-get "${options[@]}" update
  apt-get "${options[@]}" --download-only --yes install "${@:2}"
  for package in "$apt"/archives/*.deb; do dpkg -x "$package" "$home/$1"; done
  rm -r "$apt"
}

interpreter() { # with its version, which the package of this name links to
  readlink -f "$home/arm64/usr/bin/python3"
}

wheels() { # the newest wheels that pyproject.toml allows, or those that it pins
  python3 - "$root/pyproject.toml" "${packages[@]}" >"$home/requirements" <<'PYTHON'
import re, sys, tomllib

declared = tomllib.load(open(sys.argv[1], "rb"))["project"]["dependencies"]
for line in declared:
    if re.match(r"[\w.-]+", line)[0] in sys.argv[2:]:
        print(line)
PYTHON
  python3 -m pip --disable-pip-version-check install -qq --no-warn-conflicts --root-user-action=ignore --upgrade \
    --target "$home/site" --only-binary=:all: --python-version "$(interpreter | grep -o '[0-9.]*$')" \
    --implementation cp --platform manylinux2014_aarch64 \
    --platform manylinux_2_27_aarch64 --platform manylinux_2_28_aarch64 -r "$home/requirements"
}

if [ ! "$home/ready" -nt "$root/pyproject.toml" ]; then
  echo "making $home" >&2
  mkdir -p "$home"
  [ -x "$home/amd64/usr/bin/qemu-aarch64-static" ] || fetch amd64 qemu-user-static
  [ -x "$home/arm64/usr/bin/python3" ] || fetch arm64 python3 libstdc++6
  wheels
  touch "$home/ready"
fi
cd "$root"
core=$(taskset -cp $$ | sed 's/.*: //; s/[-,].*//') # one of those that this process may use
PYTHONPATH=$home/site:$root PYTHONDONTWRITEBYTECODE=1 NUMBA_CACHE_DIR=$home/cache NUMBA_NUM_THREADS=1 \
  exec taskset -c "$core" "$home/amd64/usr/bin/qemu-aarch64-static" -L "$home/arm64" "$(interpreter)" "$@"
