# Usage: netsmtp.pl HOST PORT TLS USER PASSWORD FILE; Perl's own module, as old shops use it.
use strict;
use warnings;
use MIME::Base64;
use Net::SMTP;
my ($host, $port, $tls, $user, $password, $file) = @ARGV;
my $smtp = Net::SMTP->new($host, Port => $port, Hello => 'shop', SSL => $tls eq 'implicit', SSL_verify_mode => 0)
  or die "no connection: $@";
$smtp->starttls(SSL_verify_mode => 0) or die 'no TLS' if $tls eq 'starttls';
if ($user ne '') { $smtp->auth($user, $password) or die 'no login: ' . $smtp->message }
open my $in, '<:raw', $file or die $!;
my $pdf = do { local $/; <$in> };
$smtp->mail('sklep@example.pl') or die $smtp->message;
$smtp->recipient('anna@example.com', 'archiwum@example.pl') or die $smtp->message;
$smtp->data or die $smtp->message;
$smtp->datasend(
    "From: sklep\@example.pl\nTo: anna\@example.com\n"
      . "Subject: =?utf-8?B?WmHFvMOzxYLEhyBnxJnFm2zEhSBqYcW6xYQ=?=\nMIME-Version: 1.0\n"
      . "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain; charset=utf-8\n"
      . "Content-Transfer-Encoding: 8bit\n\nDzie\xc5\x84 dobry\n.kropka\n..dwie\n"
      . "--b\nContent-Type: application/pdf; name=zalacznik.pdf\nContent-Transfer-Encoding: base64\n\n"
      . encode_base64($pdf)
      . "--b--\n");
$smtp->dataend or die $smtp->message;
$smtp->quit;
