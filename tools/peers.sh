#!/bin/sh
# Install the real clients, servers and the browser that some tests talk to, where possible.
set -u
[ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || {
    echo "Not root, or no apt-get: tests against programs that are not installed will be skipped." >&2
    exit 0
}
export DEBIAN_FRONTEND=noninteractive
PATH=$PATH:/usr/sbin:/sbin
missing=""
for pair in swaks:swaks msmtp:msmtp curl:curl php:php-cli perl:perl ruby:ruby node:nodejs \
    javac:default-jdk-headless chromium:chromium postfix:postfix haproxy:haproxy strace:strace; do
    command -v "${pair%%:*}" >/dev/null || missing="$missing ${pair#*:}"
done
# Libraries: the file that tells whether it is there, and the package that brings it.
for pair in \
    /usr/share/php/libphp-phpmailer/autoload.php:libphp-phpmailer \
    /usr/share/php/Symfony/Component/Mailer/autoload.php:php-symfony-mailer \
    /usr/share/nodejs/nodemailer:node-nodemailer \
    /usr/share/perl5/IO/Socket/SSL.pm:libio-socket-ssl-perl \
    /usr/share/perl5/Authen/SASL.pm:libauthen-sasl-perl \
    /usr/share/java/javax.mail.jar:libmail-java \
    /usr/share/java/javax.activation.jar:libactivation-java; do
    [ -e "${pair%%:*}" ] || missing="$missing ${pair#*:}"
done
# Debian lets only one mail server be installed: two more are unpacked, not installed.
peers=$(dirname "$0")/../.peers
unpack=""
[ -x "$peers/usr/sbin/exim4" ] || unpack="$unpack exim4-daemon-light"
[ -x "$peers/usr/sbin/smtpd" ] || unpack="$unpack opensmtpd"
[ -z "$unpack" ] || missing="$missing libgnutls-dane0 libidn12 libdb5.3 libevent-2.1-7"
[ -n "$missing" ] || exit 0
apt-get update -qq || exit 0
for package in $missing; do
    apt-get install -y -qq --no-install-recommends "$package" >/dev/null 2>&1 || echo "Not installed: $package" >&2
done
for package in $unpack; do
    folder=$(mktemp -d) && mkdir -p "$peers"
    (cd "$folder" && apt-get download -qq "$package" >/dev/null 2>&1) && dpkg -x "$folder"/*.deb "$peers" ||
        echo "Not unpacked: $package" >&2
    rm -rf "$folder"
done
if [ -x "$peers/usr/sbin/exim4" ] && ! getent passwd Debian-exim >/dev/null; then
    useradd --system --no-create-home --shell /usr/sbin/nologin Debian-exim # compiled into it
fi
