#!/bin/sh
# What the tests need beside Python packages: a browser, and for those of whole installations the system's nginx, Redis,
# PostgreSQL, openssl and debootstrap. (The other tests run on the PostgreSQL and Redis that come with the packages.)
# Where something cannot be installed the tests say which of them they leave out.
set -u
PATH=$PATH:/usr/sbin:/sbin
missing=
need() { # PACKAGE PROGRAM…: any of the programs will do
    package=$1
    shift
    for program in "$@"; do
        command -v "$program" >/dev/null 2>&1 && return
    done
    missing="$missing $package"
}
need chromium chromium chromium-browser google-chrome
need nginx-light nginx
need redis-server redis-server
need openssl openssl
need debootstrap debootstrap
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || need postgresql initdb
[ -z "$missing" ] && exit 0
if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
    echo "Installing for the tests:$missing"
    # None of the servers is to start by itself: the tests start their own.
    export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
    # shellcheck disable=SC2086 # a list of words
    if ! apt-get install -qq -y --no-install-recommends $missing >/dev/null 2>&1; then
        apt-get update -qq >/dev/null 2>&1
        apt-get install -qq -y --no-install-recommends $missing >/dev/null
    fi
else
    echo "Missing here, and no right to install it:$missing. Tests that need it will be left out."
fi
exit 0
