#!/usr/bin/env bash
# Static binaries for the ARM of small boards and for PCs, and their tests, on x86-64 Debian without Docker:
#
#   cross/arm-build.sh BOARD build --release          target/TRIPLE/release/lenslet
#   cross/arm-build.sh BOARD test --lib v4l2          on the oldest processor of its kind, by qemu-user
#
# BOARD: aarch64 (Pi 3 and newer, 64-bit), armv7 (Pi 2 and newer, 32-bit), armv6 (Pi Zero and 1), x86_64. What follows
# is cargo's. Needs rustup and python3; installs qemu-user-static and rust-src where they are missing. The rest is kept
# in $LENSLET_CROSS (~/.cache/lenslet-cross). What it fetches is of PyPI, crates.io, Debian and rustup; without rustup's
# server the others are enough.
set -euo pipefail
cd "$(dirname "$0")/.."

usage() {
    sed -n '2,10s/^# \{0,1\}//p' "$0" >&2
    exit 2
}

main() {
    kept=${LENSLET_CROSS:-$HOME/.cache/lenslet-cross}
    case ${1:-} in
    aarch64) triple=aarch64-unknown-linux-musl ;;
    armv7) triple=armv7-unknown-linux-musleabihf ;;
    armv6) triple=arm-unknown-linux-musleabihf ;;
    x86_64) triple=x86_64-unknown-linux-musl ;;
    *) usage ;;
    esac
    local board=$1 command=${2:-} profile=() program=() last=()
    shift
    case $command in build | test) shift ;; *) usage ;; esac
    mkdir -p "$kept"
    compiler
    case "$command $* " in
    build*' --release '*) release ;;
    *) std ;;
    esac
    case $command in
    build) command=zigbuild ;;
    test) emulator ;;
    esac
    PATH="$tools/bin:$PATH" PYTHONPATH="$tools" cargo-zigbuild "$command" --target "$triple" "${profile[@]}" "${program[@]}" "$@" "${last[@]}"
}

# The same commit gives the same bytes, whoever builds it, and where. Cards and caches of boards are small: what is run
# seldom is made for size there.
release() { # sets $profile, $program, $last, $command
    local crate level=s
    # A PC has room, and hundreds of viewers.
    if [ "$board" = x86_64 ]; then
        level=3
    else
        for crate in "${seldom[@]}"; do
            profile+=(--config "profile.release.package.$crate.opt-level='z'")
        done
    fi
    RUSTFLAGS="${RUSTFLAGS:-} --remap-path-prefix=$PWD=lenslet"
    RUSTFLAGS+=" --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}/registry/src=crates"
    small_std
    cxx
    # Functions that are the same are there once; a relocation takes a bit instead of three words.
    RUSTFLAGS+=' -C linker=rust-lld -C link-arg=--icf=all -C link-arg=--pack-dyn-relocs=relr -C link-arg=-O2'
    export RUSTFLAGS
    # What touches every pixel or byte is made for speed, the software encoder's C++ nearly so; our own of it is in Cargo.toml.
    for crate in memchr openh264 zune-core zune-jpeg; do
        profile+=(--config "profile.release.package.$crate.opt-level=3")
    done
    profile+=(--config 'profile.release.package.openh264-sys2.opt-level=2')
    export CARGO_PROFILE_RELEASE_OPT_LEVEL=${CARGO_PROFILE_RELEASE_OPT_LEVEL:-$level}
    # All crates are made into one at last, with the passes of the level of the program's own few lines: those for size make
    # no vectors, of whatever it is. What is made for size stays so, function by function.
    command=rustc program=(--bin lenslet) last=(-- -C opt-level=3)
}

# Crates that no picture comes by: commands, configuration, screens, the log. On boards they are as small as can be.
seldom=(base64 clap clap_builder clap_lex compact_str crossterm http-auth httpdate ipnet kasuari mio qrcode ratatui ratatui-core
    ratatui-crossterm ratatui-textarea ratatui-widgets ron sdp-types serde_core serde_json shell-words shiguredo_mp4 signal-hook
    similar strsim tracing-subscriber tui-input unicode-truncate unicode-width)

# Runs what .cargo/config.toml names as the targets' runners.
emulator() {
    command -v qemu-arm-static >/dev/null && command -v qemu-aarch64-static >/dev/null && return
    apt-get -q -o DPkg::Lock::Timeout=300 update >/dev/null
    DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 install -y --no-install-recommends \
        qemu-user-static >/dev/null
}

# One compiler for C++ and all four, with musl: Debian's are for glibc, and its armhf is ARMv7.
compiler() { # sets $tools
    local zig=0.17.1 zigbuild=0.24.0
    tools=$kept/zig-$zig-$zigbuild
    [ -e "$tools/complete" ] && return
    # Two boards may be built side by side.
    (
        flock 9
        [ -e "$tools/complete" ] && exit
        rm -rf "$tools"
        python3 -m pip install -q --no-warn-script-location --target "$tools" "ziglang==$zig" "cargo-zigbuild==$zigbuild"
        touch "$tools/complete"
    ) 9>"$kept/lock"
}

zig() { PYTHONPATH="$tools" python3 -m ziglang "$@"; }

# As cargo-zigbuild names them.
zig_target() {
    case $triple in
    aarch64-*) echo '-target aarch64-linux-musl' ;;
    armv7-*) echo '-target arm-linux-musleabihf -mcpu=generic+v7a+vfp3-d32+thumb2-neon' ;;
    arm-*) echo '-target arm-linux-musleabihf -mcpu=generic+v6+strict_align+vfp2-d32' ;;
    x86_64-*) echo '-target x86_64-linux-musl' ;;
    esac
}

# C++ without exceptions, and of its library no more than that needs: sets $CXXFLAGS_*, adds to $RUSTFLAGS.
cxx() {
    local made=$kept/cxx-$triple target
    read -ra target < <(zig_target)
    local small=(-fno-exceptions -fno-rtti -fno-unwind-tables -fno-asynchronous-unwind-tables)
    if [ ! "$made/libc++.a" -nt cross/cxx.cpp ]; then
        mkdir -p "$made"
        zig c++ "${target[@]}" -Os -fPIC -g0 -fno-sanitize=all "${small[@]}" -c cross/cxx.cpp -o "$made/cxx.o"
        rm -f "$made/libc++.a"
        zig ar rcsD "$made/libc++.a" "$made/cxx.o"
    fi
    export "CXXFLAGS_${triple//-/_}=${small[*]}"
    RUSTFLAGS+=" -L native=$made"
}

# The standard library for tests: rustup's, where that has one.
std() {
    [ -d "$(rustc --print sysroot)/lib/rustlib/$triple/lib" ] || rustup -q target add "$triple" 2>/dev/null || small_std
}

# The standard library, made of the sources that belong to this compiler: for size, and without what finds the names of
# functions for a backtrace, which a stripped program has not. Adds to $RUSTFLAGS.
small_std() {
    local system release made features=panic-unwind
    system=$(rustc --print sysroot)
    release=$(rustc -vV | sed -n 's/^release: //p; s/^commit-hash: \(.\{9\}\).*/\1/p' | paste -sd-)
    # Sorting and numbers as text with less code, which takes longer.
    [ "$board" = x86_64 ] || features+=,optimize_for_size
    made=$kept/small-std-$release-$triple-${features//,/-}
    [ -e "$made/complete" ] || make_std "$made" "$system" "$features"
    # Cargo gives it to what is built for the target alone.
    export RUSTFLAGS="${RUSTFLAGS:-} --sysroot=$made"
}

make_std() { # MADE SYSTEM FEATURES
    local made=$1 system=$2 lib=$1/lib/rustlib/$triple/lib
    printf 'making the standard library for %s\n' "$triple" >&2
    rm -rf "$made"
    mkdir -p "$lib/self-contained"
    library "$made" "$system"
    # Nobody links it as a shared library, for which a linker would be needed now.
    sed -i 's/^crate-type = \["dylib", "rlib"\]/crate-type = ["rlib"]/' "$made/library/std/Cargo.toml"
    (
        cd "$made/library/sysroot"
        # Bitcode, so that `lto` reaches into it; a stable compiler makes its own library by this switch alone.
        # The metadata tells its crates from a program's of the same name and version.
        env -u CARGO_BUILD_TARGET -u CARGO_ENCODED_RUSTFLAGS -u CARGO_TARGET_DIR \
            RUSTC_BOOTSTRAP=1 RUSTFLAGS="-Zforce-unstable-if-unmarked -Cembed-bitcode=yes --remap-path-prefix=$made=std" \
            __CARGO_DEFAULT_LIB_METADATA=lenslet CARGO_PROFILE_RELEASE_DEBUG=0 CARGO_PROFILE_RELEASE_CODEGEN_UNITS=1 \
            CARGO_PROFILE_RELEASE_OPT_LEVEL=s \
            cargo build -q --release --locked --target "$triple" --features "$3" --target-dir "$made/build"
    )
    cp "$made/build/$triple/release/deps/"*.rlib "$lib/"
    musl "$lib/self-contained" "$system/lib/rustlib/$triple/lib/self-contained"
    rm -rf "$made/build" "$made/library"
    touch "$made/complete"
}

# The library's sources, of this compiler's version to the last digit: rustup's, or Debian's where rustup's server is not
# to be reached.
library() { # MADE SYSTEM
    local made=$1 source=$2/lib/rustlib/src/rust/library release suite
    if [ -d "$source" ] || rustup -q component add rust-src; then
        cp -r "$source" "$made/library"
        return
    fi
    release=$(rustc -vV | sed -n 's/^release: //p')
    for suite in trixie-backports trixie forky sid; do
        tests/lab/lab.sh unpack "$suite" amd64 "$made/debian" "rust-src=$release+*" 2>/dev/null || continue
        printf 'its sources are of Debian %s\n' "$suite" >&2
        mv "$made"/debian/usr/src/rustc-*/library "$made/library"
        rm -rf "$made/debian"
        return
    done
    printf 'neither rustup nor Debian has the sources of the standard library of Rust %s: rustup component add rust-src\n' \
        "$release" >&2
    return 1
}

# musl and the unwinder, as rustc looks for them: zig's, whatever the board.
musl() { # TO
    local to=$1 target file moved
    read -ra target < <(zig_target)
    echo 'int main(void) { return 0; }' >"$to/main.c"
    # What a program begins with depends on whether it is moved at its start.
    for moved in -pie -no-pie; do
        while read -r file; do
            cp "$file" "$to/"
        done < <(cd "$to" && ZIG_VERBOSE_LINK=1 zig c++ "${target[@]}" -O2 -fPIC "$moved" main.c -o main 2>&1 | tr ' ' '\n' |
            grep -E '/(r?crt1\.o|lib(unwind|c|zigc|compiler_rt)\.a)$')
    done
    # Found under one name: what zig has in three.
    mv "$to/libc.a" "$to/libmusl.a"
    printf 'GROUP ( libmusl.a libzigc.a libcompiler_rt.a )\n' >"$to/libc.a"
    # What rustc wants beside it, and this musl does without.
    : >"$to/main.c"
    zig cc "${target[@]}" -g0 -c "$to/main.c" -o "$to/main.o"
    for file in crti crtn crtbegin crtend crtbeginS crtendS; do cp "$to/main.o" "$to/$file.o"; done
    rm -f "$to"/main*
}

main "$@"
