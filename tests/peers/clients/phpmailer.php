<?php
// Usage: phpmailer.php HOST PORT TLS USER PASSWORD FILE; what PrestaShop, WooCommerce and many scripts send with.
require '/usr/share/php/libphp-phpmailer/autoload.php';
[, $host, $port, $tls, $user, $password, $file] = $argv;
$mail = new PHPMailer\PHPMailer\PHPMailer(true);
$mail->isSMTP();
$mail->Host = $host;
$mail->Port = (int) $port;
$mail->SMTPAutoTLS = $tls === 'starttls';
$mail->SMTPSecure = ['none' => '', 'starttls' => 'tls', 'implicit' => 'ssl'][$tls];
$mail->SMTPOptions = ['ssl' => ['verify_peer' => false, 'verify_peer_name' => false]];
$mail->SMTPAuth = $user !== '';
$mail->Username = $user;
$mail->Password = $password;
$mail->CharSet = 'utf-8';
$mail->setFrom('sklep@example.pl', 'Sklep Żółty');
$mail->addAddress('anna@example.com');
$mail->addBCC('archiwum@example.pl');
$mail->Subject = 'Zażółć gęślą jaźń';
$mail->isHTML(true);
$mail->Body = "<p>Dzień dobry</p>\n<p>.kropka</p>";
$mail->AltBody = "Dzień dobry\n.kropka\n..dwie";
$mail->addAttachment($file, 'załącznik.pdf');
$mail->send();
