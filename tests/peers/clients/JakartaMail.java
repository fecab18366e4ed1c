// Usage: java -cp ... JakartaMail.java HOST PORT TLS USER PASSWORD FILE; what Java shops and ERP connectors send with.
import java.io.File;
import java.util.Properties;
import javax.mail.Message;
import javax.mail.Session;
import javax.mail.Transport;
import javax.mail.internet.InternetAddress;
import javax.mail.internet.MimeBodyPart;
import javax.mail.internet.MimeMessage;
import javax.mail.internet.MimeMultipart;
import javax.mail.internet.MimeUtility;

public class JakartaMail {
    public static void main(String[] a) throws Exception {
        String kind = a[2].equals("implicit") ? "smtps" : "smtp";
        Properties p = new Properties();
        p.put("mail." + kind + ".starttls.enable", String.valueOf(a[2].equals("starttls")));
        p.put("mail." + kind + ".ssl.trust", "*");
        p.put("mail." + kind + ".ssl.checkserveridentity", "false");
        p.put("mail." + kind + ".auth", String.valueOf(!a[3].isEmpty()));
        Session session = Session.getInstance(p);
        MimeMessage mail = new MimeMessage(session);
        mail.setFrom(new InternetAddress("sklep@example.pl", "Sklep Żółty", "utf-8"));
        mail.setRecipient(Message.RecipientType.TO, new InternetAddress("anna@example.com"));
        mail.setSubject("Zażółć gęślą jaźń", "utf-8");
        MimeBodyPart text = new MimeBodyPart();
        text.setText("Dzień dobry\n.kropka\n..dwie", "utf-8");
        MimeBodyPart file = new MimeBodyPart();
        file.attachFile(new File(a[5]));
        file.setFileName(MimeUtility.encodeText("załącznik.pdf", "utf-8", "B"));
        mail.setContent(new MimeMultipart(text, file));
        mail.saveChanges();
        try (Transport way = session.getTransport(kind)) {
            way.connect(a[0], Integer.parseInt(a[1]), a[3].isEmpty() ? null : a[3], a[4].isEmpty() ? null : a[4]);
            way.sendMessage(
                mail,
                new InternetAddress[] {
                    new InternetAddress("anna@example.com"), new InternetAddress("archiwum@example.pl")
                });
        }
    }
}
