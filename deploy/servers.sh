#!/bin/sh
# What the tests need beside Python packages: Chromium. PostgreSQL and Redis come with the packages.
# Where it cannot be installed the tests say which of them they leave out.
set -u
command -v chromium >/dev/null 2>&1 && exit 0
command -v chromium-browser >/dev/null 2>&1 && exit 0
command -v google-chrome >/dev/null 2>&1 && exit 0
if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
    echo "Installing Chromium for the browser tests."
    export DEBIAN_FRONTEND=noninteractive
    if ! apt-get install -qq -y --no-install-recommends chromium >/dev/null 2>&1; then
        apt-get update -qq >/dev/null 2>&1
        apt-get install -qq -y --no-install-recommends chromium >/dev/null
    fi
else
    echo "No Chromium here and no right to install it: the browser tests will be left out."
fi
exit 0
