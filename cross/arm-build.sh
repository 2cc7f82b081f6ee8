#!/usr/bin/env bash
# Static binaries for the ARM of small boards and for PCs, and their tests, on x86-64 Debian without Docker:
#
#   cross/arm-build.sh BOARD build --release          target/TRIPLE/release/lenslet
#   cross/arm-build.sh BOARD test --lib v4l2          on the oldest processor of its kind, by qemu-user
#
# BOARD: aarch64 (Pi 3 and newer, 64-bit), armv7 (Pi 2 and newer, 32-bit), armv6 (Pi Zero and 1), x86_64. What follows
# is cargo's. Needs rustup and python3; installs qemu-user-static and rust-src where they are missing. The rest is kept
# in $LENSLET_CROSS (~/.cache/lenslet-cross).
set -euo pipefail
cd "$(dirname "$0")/.."

usage() {
    sed -n '2,9s/^# \{0,1\}//p' "$0" >&2
    exit 2
}

main() {
    local kept=${LENSLET_CROSS:-$HOME/.cache/lenslet-cross} triple
    case ${1:-} in
    aarch64) triple=aarch64-unknown-linux-musl ;;
    armv7) triple=armv7-unknown-linux-musleabihf ;;
    armv6) triple=arm-unknown-linux-musleabihf ;;
    x86_64) triple=x86_64-unknown-linux-musl ;;
    *) usage ;;
    esac
    local command=${2:-} profile=()
    case $command in
    build)
        command=zigbuild
        # Whoever builds it, and where: the same commit gives the same bytes.
        RUSTFLAGS="${RUSTFLAGS:-} --remap-path-prefix=$PWD=lenslet"
        RUSTFLAGS+=" --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}/registry/src=crates"
        export RUSTFLAGS
        small
        ;;
    test) emulator ;;
    *) usage ;;
    esac
    shift 2
    mkdir -p "$kept"
    linker "$kept"
    std "$triple" "$kept"
    PATH="$tools/bin:$PATH" PYTHONPATH="$tools" cargo-zigbuild "$command" --target "$triple" "${profile[@]}" "$@"
}

# Cards and caches of boards are small: what is run seldom is made for size. docs/footprint.md has what that costs.
small() {
    local crate fast=()
    # What touches every pixel or byte is not.
    for crate in memchr openh264 openh264-sys2 yuv zune-core zune-jpeg; do
        fast+=(--config "profile.release.package.$crate.opt-level=3")
    done
    export CARGO_PROFILE_RELEASE_OPT_LEVEL=${CARGO_PROFILE_RELEASE_OPT_LEVEL:-s}
    profile=("${fast[@]}")
}

# Runs what .cargo/config.toml names as the targets' runners.
emulator() {
    command -v qemu-arm-static >/dev/null && command -v qemu-aarch64-static >/dev/null && return
    apt-get -q -o DPkg::Lock::Timeout=300 update >/dev/null
    DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 install -y --no-install-recommends \
        qemu-user-static >/dev/null
}

# One compiler and linker for C++ and all three, with musl: Debian's are for glibc, and its armhf is ARMv7.
linker() { # KEPT: sets $tools
    local zig=0.17.1 zigbuild=0.24.0
    tools=$1/zig-$zig-$zigbuild
    [ -e "$tools/complete" ] && return
    rm -rf "$tools"
    python3 -m pip install -q --no-warn-script-location --target "$tools" "ziglang==$zig" "cargo-zigbuild==$zigbuild"
    touch "$tools/complete"
}

# The standard library: rustup's, or, where that has none, made of the sources that belong to this compiler.
std() { # TRIPLE KEPT: adds to $RUSTFLAGS
    local triple=$1 system release made
    system=$(rustc --print sysroot)
    [ -d "$system/lib/rustlib/$triple/lib" ] && return
    rustup -q target add "$triple" 2>/dev/null && return
    release=$(rustc -vV | sed -n 's/^release: //p; s/^commit-hash: \(.\{9\}\).*/\1/p' | paste -sd-)
    made=$2/std-$release-$triple
    [ -e "$made/complete" ] || make_std "$triple" "$made" "$system"
    # Cargo gives it to what is built for the target alone.
    export RUSTFLAGS="${RUSTFLAGS:-} --sysroot=$made"
}

make_std() { # TRIPLE MADE SYSTEM
    local triple=$1 made=$2 system=$3 lib=$2/lib/rustlib/$1/lib object
    [ -d "$system/lib/rustlib/src/rust/library" ] || rustup -q component add rust-src
    printf 'making the standard library for %s\n' "$triple" >&2
    rm -rf "$made"
    mkdir -p "$lib/self-contained"
    cp -r "$system/lib/rustlib/src/rust/library" "$made/library"
    # Nobody links it as a shared library, for which a linker would be needed now.
    sed -i 's/^crate-type = \["dylib", "rlib"\]/crate-type = ["rlib"]/' "$made/library/std/Cargo.toml"
    (
        cd "$made/library/sysroot"
        # Bitcode, so that `lto` reaches into it; a stable compiler makes its own library by this switch alone.
        # The metadata tells its crates from a program's of the same name and version.
        env -u CARGO_BUILD_TARGET -u CARGO_ENCODED_RUSTFLAGS -u CARGO_TARGET_DIR \
            RUSTC_BOOTSTRAP=1 RUSTFLAGS='-Zforce-unstable-if-unmarked -Cembed-bitcode=yes' \
            __CARGO_DEFAULT_LIB_METADATA=lenslet CARGO_PROFILE_RELEASE_DEBUG=0 CARGO_PROFILE_RELEASE_CODEGEN_UNITS=1 \
            cargo build -q --release --locked --target "$triple" --features 'panic-unwind backtrace' \
            --target-dir "$made/build"
    )
    cp "$made/build/$triple/release/deps/"*.rlib "$lib/"
    # The compiler looks for musl's objects; the linker brings its own and leaves these out.
    for object in crt1 rcrt1 Scrt1 crti crtn crtbegin crtend crtbeginS crtendS; do
        : >"$lib/self-contained/$object.o"
    done
    rm -rf "$made/build" "$made/library"
    touch "$made/complete"
}

main "$@"
