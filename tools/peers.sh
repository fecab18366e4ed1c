#!/bin/sh
# Install the real clients, servers and the browser that some tests talk to, where possible.
set -u
[ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || {
    echo "Not root, or no apt-get: tests against programs that are not installed will be skipped." >&2
    exit 0
}
export DEBIAN_FRONTEND=noninteractive
missing=""
for pair in swaks:swaks msmtp:msmtp curl:curl php:php-cli perl:perl ruby:ruby node:nodejs npm:npm chromium:chromium; do
    command -v "${pair%%:*}" >/dev/null || missing="$missing ${pair#*:}"
done
[ -e /usr/share/php/libphp-phpmailer/autoload.php ] || missing="$missing libphp-phpmailer"
[ -n "$missing" ] || exit 0
apt-get update -qq || exit 0
for package in $missing; do
    apt-get install -y -qq --no-install-recommends "$package" >/dev/null 2>&1 || echo "Not installed: $package" >&2
done
