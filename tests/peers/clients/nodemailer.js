// Usage: nodemailer.js HOST PORT TLS USER PASSWORD FILE; what Node shops and automations send with.
const nodemailer = require("/usr/share/nodejs/nodemailer");
const [host, port, tls, user, pass, file] = process.argv.slice(2);
nodemailer
  .createTransport({
    host,
    port: Number(port),
    secure: tls === "implicit",
    requireTLS: tls === "starttls",
    ignoreTLS: tls === "none",
    tls: { rejectUnauthorized: false },
    auth: user ? { user, pass } : undefined,
  })
  .sendMail({
    from: "Sklep Żółty <sklep@example.pl>",
    to: "anna@example.com",
    bcc: "archiwum@example.pl",
    subject: "Zażółć gęślą jaźń",
    text: "Dzień dobry\n.kropka\n..dwie",
    html: "<p>Dzień dobry</p>",
    attachments: [{ filename: "załącznik.pdf", path: file }],
  })
  .catch((error) => {
    console.error(String(error));
    process.exit(1);
  });
