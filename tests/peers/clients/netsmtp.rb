# Usage: netsmtp.rb HOST PORT TLS USER PASSWORD FILE; Ruby's own library, as invoicing services use it.
require "net/smtp"
host, port, tls, user, password, file = ARGV
pdf = [File.binread(file)].pack("m")
smtp = Net::SMTP.new(host, port.to_i)
context = OpenSSL::SSL::SSLContext.new
context.verify_mode = OpenSSL::SSL::VERIFY_NONE
smtp.disable_starttls if tls == "none" && smtp.respond_to?(:disable_starttls)
smtp.enable_starttls(context) if tls == "starttls"
smtp.enable_tls(context) if tls == "implicit"
login = user.empty? ? [] : [user, password, :plain]
smtp.start("shop", *login) do |way|
  way.send_message(<<~MAIL, "sklep@example.pl", "anna@example.com", "archiwum@example.pl")
    From: sklep@example.pl
    To: anna@example.com
    Subject: =?utf-8?B?WmHFvMOzxYLEhyBnxJnFm2zEhSBqYcW6xYQ=?=
    MIME-Version: 1.0
    Content-Type: multipart/mixed; boundary=b

    --b
    Content-Type: text/plain; charset=utf-8
    Content-Transfer-Encoding: 8bit

    Dzień dobry
    .kropka
    ..dwie
    --b
    Content-Type: application/pdf; name=zalacznik.pdf
    Content-Transfer-Encoding: base64

    #{pdf.strip}
    --b--
  MAIL
end
