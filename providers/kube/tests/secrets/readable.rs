//! What is no secret stays as it is: masks in its place would take the diagnosis away.

use super::shown;

const TEXTS: &[&str] = &[
    "FATAL: password authentication failed for user \"app\"",
    "Access denied for user 'root'@'10.0.0.7' (using password: YES)",
    "secret \"db-credentials\" not found",
    "couldn't find key password in Secret shop/db-credentials",
    "key \"password\" not found in secret \"db\"",
    "error: unexpected token '<' at position 0",
    "invalid token: unexpected end of input",
    "password must contain at least 12 characters",
    "password: must not be empty",
    "Token refreshed",
    "password changed for user app",
    "wrong password for user app from 10.0.0.7",
    "invalid password for user 'app'",
    "unknown field \"spec.passwordFile\"",
    "passwordSecretRef: shop-db",
    "passwordSecretRef:\n  name: shop-db\n  key: password\n",
    "secretKeyRef:\n  name: db\n  key: password\nname: LOG_LEVEL\nvalue: debug",
    "env:\n- name: DB_PASSWORD\n  valueFrom:\n    secretKeyRef:\n      name: db\n      key: password\n- name: LOG_LEVEL\n  value: debug\n",
    "existingSecret: shop-db",
    "imagePullSecret: regcred",
    "proxy_pass http://backend:8080;",
    "fastcgi_pass unix:/run/php/php8.sock;",
    "ssl_certificate_key /etc/tls/tls.key;",
    "password_file /etc/mosquitto/passwd",
    "<passwordEncoder>bcrypt</passwordEncoder><userName>app</userName>",
    "<property name=\"connection.url\" value=\"jdbc:mysql://db/shop\"/>",
    "define('DB_NAME', 'shop'); define('WP_DEBUG', true);",
    "docker run -p 8080:80 -w /srv nginx:1.27",
    "mysql -u root -p -h db shop",
    "curl -u app https://shop.example.com/healthz",
    "tar -w -p /var/lib/data | tee -a /var/log/out",
    "snmpwalk -v 2c 10.0.0.1 sysUpTime",
    "echo 'user: done' | tee /tmp/x",
    "GET /search?q=a%20b%2Fc&page=2 HTTP/1.1",
    "GET /callback?code=404&state=done HTTP/1.1",
    "https%3A%2F%2Fshop.example.com%2Fcart%3Fpage%3D2",
    "uid 6f1c2a52-9e0b-4e7c-8a43-0d6a1f2f9c11",
    "cache key: 6f1c2a52-9e0b-4e7c-8a43-0d6a1f2f9c11",
    "primary_key=6f1c2a52-9e0b-4e7c-8a43-0d6a1f2f9c11",
    "claim pvc-6f1c2a52-9e0b-4e7c-8a43-0d6a1f2f9c11 bound",
    "image: registry.example.com/shop/api@sha256:4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945",
    "getsentry/sentry@sha256:4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945",
    "commit 3f8a9c1d2e4b5a6978c0d1e2f3a4b5c6d7e8f901 by ci",
    "checksum/config: 3f8a9c1d2e4b5a6978c0d1e2f3a4b5c6d7e8f901",
    "password = var.db_password",
    "password: ${{ secrets.DB_PASSWORD }}",
    "password: {{ .Values.auth.password | quote }}",
    "variable \"db_password\" {\n  type      = string\n  sensitive = true\n}",
    "invalid password sha256 mismatch",
    "PASSWORD=$DB_PASSWORD",
    "password: os.environ[DB_PASSWORD]",
    "api_key: <your-api-key>",
    "password: ********",
    "communities: [64512:100]",
    "community: 65535:65281",
    "cookie SERVERID insert indirect nocache",
    "key: app.kubernetes.io/name\noperator: In\nvalues: [cart]",
    "tolerations:\n- key: dedicated\n  operator: Equal\n  value: gpu\n",
    "\"read_timeout\" \"30s\"",
    "level=info msg=\"authentication succeeded\" method=token duration=3ms",
    "leader election: lease shop/controller-lock held by controller-7d9f8c6b54-x2k9q_6f1c2a52-9e0b-4e7c-8a43-0d6a1f2f9c11",
    "senha incorreta para o usuario app",
    "Passwort falsch für Benutzer app",
    "key-value store at /registry/secrets/shop/db",
    "test_0123 passed, test_api_v2_handles_20_requests ok",
];

#[tokio::test]
async fn what_is_no_secret_stays_readable() {
    let mut changed = Vec::new();
    for text in TEXTS {
        let (file, log) = shown(text).await;
        if file != *text || log != text.trim_end_matches('\n') {
            changed.push(format!("{text}\n  file: {file}\n  log: {log}"));
        }
    }
    assert!(changed.is_empty(), "{} changed:\n{}", changed.len(), changed.join("\n"));
}
