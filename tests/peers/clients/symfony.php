<?php
// Usage: symfony.php HOST PORT TLS USER PASSWORD FILE; what PrestaShop 9, Sylius and Shopware send with.
require '/usr/share/php/Symfony/Component/Mailer/autoload.php';
[, $host, $port, $tls, $user, $password, $file] = $argv;
$login = $user === '' ? '' : rawurlencode($user) . ':' . rawurlencode($password) . '@';
$scheme = $tls === 'implicit' ? 'smtps' : 'smtp';
$transport = Symfony\Component\Mailer\Transport::fromDsn("$scheme://$login$host:$port?verify_peer=0");
$mail = (new Symfony\Component\Mime\Email())
    ->from(new Symfony\Component\Mime\Address('sklep@example.pl', 'Sklep Żółty'))
    ->to('anna@example.com')
    ->bcc('archiwum@example.pl')
    ->subject('Zażółć gęślą jaźń')
    ->text("Dzień dobry\n.kropka\n..dwie")
    ->html('<p>Dzień dobry</p>')
    ->attachFromPath($file, 'załącznik.pdf');
$transport->send($mail);
