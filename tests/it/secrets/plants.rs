//! The secrets and the places where they are planted.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::NAMESPACE;
use crate::planted::Workload;

/// Makes secrets that occur nowhere else: reproducible, and no two alike.
pub(super) struct Mint {
    state: u64,
    pub(super) made: Vec<(String, String)>,
}

impl Mint {
    pub(super) fn new() -> Self {
        Self { state: 0x5eed, made: Vec::new() }
    }

    fn pick(&mut self, alphabet: &[u8]) -> char {
        self.state = self
            .state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        char::from(alphabet[usize::try_from(self.state >> 33).unwrap() % alphabet.len()])
    }

    fn text(&mut self, length: usize, alphabet: &[u8]) -> String {
        (0..length).map(|_| self.pick(alphabet)).collect()
    }

    fn keep(&mut self, kind: &str, secret: String) -> String {
        self.made.push((kind.to_owned(), secret.clone()));
        secret
    }

    /// What a generator makes: letters of both cases and digits.
    pub(super) fn token(&mut self, kind: &str, length: usize) -> String {
        let body =
            self.text(length - 3, b"ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz23456789");
        self.keep(kind, format!("{body}x7Q"))
    }

    fn hex(&mut self, kind: &str, length: usize) -> String {
        let body = self.text(length, b"0123456789abcdef");
        self.keep(kind, body)
    }

    /// What a human makes: low entropy, so that only its place gives it away.
    fn word(&mut self, kind: &str) -> String {
        let body = self.text(7, b"abcdefghijkmnpqrstuvwxyz");
        let digit = self.pick(b"23456789");
        self.keep(kind, format!("{body}-plum{digit}"))
    }

    /// A text whose lines are all secret.
    fn pem(&mut self, kind: &str, label: &str) -> String {
        let lines: Vec<String> = (0..4).map(|_| self.token(kind, 64)).collect();
        format!("-----BEGIN {label}-----\n{}\n-----END {label}-----", lines.join("\n"))
    }

    /// A secret within a longer text, of which the encoded form counts too.
    fn encoded(&mut self, kind: &str, plain: &str) -> String {
        self.keep(kind, STANDARD.encode(plain))
    }
}

fn map<const N: usize>(pairs: [(&str, String); N]) -> std::collections::BTreeMap<String, String> {
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

/// Secrets in objects: what a field means gives them away.
fn plant_objects(mint: &mut Mint, workload: &mut Workload) {
    let secret = mint.word("Secret data");
    workload.secret_data = map([
        ("password", STANDARD.encode(secret)),
        ("tls.key", STANDARD.encode(mint.pem("TLS key of a Secret", "RSA PRIVATE KEY"))),
    ]);
    workload.secret_string_data = map([("note", mint.word("Secret stringData"))]);
    let named = [
        "DB_PASSWORD",
        "STRIPE_API_KEY",
        "SESSION_TOKEN",
        "MYSQL_PWD",
        "REDIS_AUTH",
        "APP_KEY",
        "SECRET_KEY_BASE",
        "SMTP_PASS",
        "BASIC_AUTH",
    ];
    workload.env =
        named.iter().map(|name| ((*name).to_owned(), mint.word(&format!("env {name}")))).collect();
    workload.env.push(("HASH_SEED".to_owned(), mint.token("env by entropy", 32)));
    workload.env.push(("COOKIE_SALT".to_owned(), mint.hex("hex salt in env", 32)));
    workload.command =
        vec!["mysqladmin".into(), "-uroot".into(), format!("-p{}", mint.word("mysql -p"))];
    workload.args = vec![
        "--password".into(),
        mint.word("argument after its flag"),
        format!("--api-token={}", mint.word("argument with its flag")),
        "--requirepass".into(),
        mint.word("requirepass argument"),
        format!("redis-cli -a {} ping", mint.word("redis-cli -a")),
    ];
    let applied = json!({"kind": "Deployment", "spec": {"template": {"spec": {"containers": [
        {"env": [{"name": "DB_PASSWORD", "value": mint.word("env in last-applied")}]}]}}}});
    let copied = json!({"spec": {"containers": [
        {"env": [{"name": "DB_PASSWORD", "value": mint.word("env in an annotation's JSON")}]}]}});
    workload.annotations = map([
        ("kubectl.kubernetes.io/last-applied-configuration", applied.to_string()),
        ("example.com/handled-configuration", copied.to_string()),
        ("example.com/api-token", mint.word("annotation by name")),
        (
            "example.com/hook",
            format!(
                "https://hooks.slack.com/services/T0ABCDEFG/B0ABCDEFG/{}",
                mint.token("Slack webhook", 24)
            ),
        ),
        (
            "objectset.example.com/applied",
            format!("H4sIAAAAAAAA{}", mint.token("compressed copy in an annotation", 60)),
        ),
    ]);
    workload.labels = map([("licence", mint.token("label by entropy", 32))]);
    plant_other_kinds(mint, workload);
}

fn plant_other_kinds(mint: &mut Mint, workload: &mut Workload) {
    let release = STANDARD.encode(format!("H4sIAAAAAAAA{}", mint.token("helm release", 80)));
    let release = mint.keep("helm release, encoded", release);
    let account = mint.word("docker config password");
    let auth = mint.encoded("docker config auth", &format!("robot:{account}"));
    let docker = json!({"auths": {"registry.example.com": {"username": "robot", "password": account, "auth": auth}}});
    let files = json!({
        ".netrc": format!("machine git.example.com\n  login robot\n  password {}\n", mint.word(".netrc")),
        ".pgpass": format!("db.till:5432:cash:app:{}\n", mint.word(".pgpass")),
        ".dockerconfig": docker.to_string(),
        ".npmrc": format!("//npm.example.com/:_authToken={}\n", mint.word(".npmrc token")),
        "htpasswd": format!("admin:$apr1$k2J9xQ1z${}\n", mint.token("htpasswd", 22)),
        "kubeconfig": format!(
            "users:\n- name: admin\n  user:\n    client-key-data: {}\n    token: {}\n",
            STANDARD.encode(mint.pem("kubeconfig client key", "EC PRIVATE KEY")),
            mint.word("kubeconfig token")
        ),
        "redis.conf": format!("port 6379\nrequirepass {}\n", mint.word("redis.conf requirepass")),
        "app.yaml": format!(
            "db:\n  host: db.till\n  password: |\n    {}\n  tokens: 3\n  passwords:\n  - {}\n  - {}\n",
            mint.word("YAML block"), mint.word("YAML list 1"), mint.word("YAML list 2")
        ),
        "app.properties": format!("spring.datasource.password={}&;,tail\n", mint.word("properties")),
        "users.sql": format!("CREATE USER app IDENTIFIED BY '{}';\n", mint.word("SQL")),
        "sa.json": json!({"type": "service_account", "private_key_id": mint.hex("GCP key id", 40),
            "private_key": mint.pem("GCP service account", "PRIVATE KEY")}).to_string(),
        "pod.yaml": format!("env:\n- name: API_TOKEN\n  value: {}\n", mint.word("env in YAML text")),
        "list.json": json!({"passwords": [mint.word("JSON list"), mint.word("JSON list, second")]}).to_string(),
    });
    workload.config =
        map([("DB_PASSWORD", mint.word("ConfigMap by key")), ("LOG_LEVEL", "debug".to_owned())]);
    workload.objects = vec![
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": workload.meta("cash-files"), "data": files}),
        json!({"apiVersion": "v1", "kind": "Secret", "type": "helm.sh/release.v1",
            "metadata": workload.meta("sh.helm.release.v1.cash.v3"), "data": {"release": release}}),
        json!({"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/dockerconfigjson",
            "metadata": workload.meta("regcred"), "data": {".dockerconfigjson": STANDARD.encode(docker.to_string())}}),
        json!({"apiVersion": "example.com/v1", "kind": "Drawer", "metadata": workload.meta("front"), "spec": {
            "adminPassword": mint.word("custom resource field"),
            "auth": {"password": {"value": mint.word("custom resource value")}},
            "tokens": {"accessTokens": [mint.word("custom resource list")]},
            "headers": [{"name": "X-Api-Key", "value": mint.word("custom resource header")}]}}),
        json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": workload.meta("migrate"), "spec": {"template": {"spec": {
            "containers": [{"name": "m", "command": ["sh", "-c", format!(
                "PGPASSWORD={} psql -h db && curl -u admin:{} http://x",
                mint.word("shell assignment"), mint.word("curl -u"))]}]}}}}),
    ];
}

/// What delivers the workload, and a certificate with its key beside it.
fn plant_delivery(mint: &mut Mint, workload: &mut Workload) {
    workload.labels.insert("app.kubernetes.io/instance".to_owned(), "cash".to_owned());
    let clone = format!("https://robot:{}@git.example.com/till.git", mint.word("Git URL"));
    let values = format!("db:\n  host: db.till\n  password: {}\n", mint.word("Helm values"));
    let parameters = json!([{"name": "db.password", "value": mint.word("Helm parameter")}]);
    let certificate = include_str!("../../../providers/kube/tests/data/shop.crt");
    let pair = format!("{certificate}{}\n", mint.pem("key behind a certificate", "EC PRIVATE KEY"));
    workload.objects.extend([
        json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": workload.meta("cash"),
            "spec": {"source": {"repoURL": clone, "helm": {"parameters": parameters, "values": values}},
                "destination": {"namespace": workload.namespace}},
            "status": {"sync": {"status": "OutOfSync"}, "operationState": {"phase": "Failed",
                "message": format!("failed to clone {clone}")}}}),
        json!({"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls", "metadata": workload.meta("cash-tls"),
            "data": {"tls.crt": STANDARD.encode(pair)}}),
        json!({"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": workload.meta("cash"),
            "spec": {"tls": [{"secretName": "cash-tls"}],
                "defaultBackend": {"service": {"name": "cash", "port": {"number": 80}}}}}),
    ]);
}

/// Secrets in texts: what they look like or what stands before them gives them away.
fn plant_texts(mint: &mut Mint, workload: &mut Workload) {
    let urls = [
        ("postgres", "postgres://app:", "@db.till:5432/cash?sslmode=require"),
        ("mysql DSN", "app:", "@tcp(mysql.till:3306)/cash"),
        ("mongodb", "mongodb+srv://app:", "@mongo.till/cash"),
        ("redis", "redis://:", "@cache.till:6379/0"),
        ("amqp", "amqp://app:", "@mq.till:5672/%2f"),
        (
            "kafka",
            "security.protocol=SASL_SSL sasl.jaas.config=X required username=\"a\" password=\"",
            "\";",
        ),
        ("nats", "nats://app:", "@nats.till:4222"),
        ("sql server", "Server=db;User Id=sa;Password=", ";Encrypt=true"),
        ("ODBC", "Driver={x};UID=sa;PWD=", ";"),
        ("oracle", "jdbc:oracle:thin:scott/", "@//db:1521/cash"),
        ("bare DSN", "connecting to app:", "@db.till:5432/cash"),
        ("Azure storage", "AccountName=x;AccountKey=", "==;EndpointSuffix=core.windows.net"),
        ("basic-auth URL", "GET https://admin:", "@shop.example.com/ 401"),
        ("SAS", "https://x.blob.core.windows.net/c?sv=2024&sig=", "&se=2026"),
        ("query parameter", "GET /callback?state=1&access_token=", "&x=1 302"),
    ];
    for (kind, before, after) in urls {
        workload
            .log
            .push(format!("2026-03-02T09:58:00Z INFO using {before}{}{after}", mint.word(kind)));
    }
    plant_tokens(mint, workload);
    plant_lines(mint, workload);
    plant_last_words(mint, workload);
}

/// Tokens that say what they are.
fn plant_tokens(mint: &mut Mint, workload: &mut Workload) {
    let bodies = [
        ("GitHub", "ghp_", 36),
        ("GitHub fine-grained", "github_pat_", 60),
        ("GitLab", "glpat-", 20),
        ("Slack", "xoxb-123456789012-", 24),
        ("Stripe", concat!("sk_", "live_"), 24),
        ("Stripe test", concat!("rk_", "test_"), 24),
        ("OpenAI", "sk-proj-", 48),
        ("Anthropic", "sk-ant-api03-", 60),
        ("Google API", "AIza", 35),
        ("Google OAuth", "ya29.", 60),
        ("npm", "npm_", 36),
        ("Vault", "hvs.", 40),
        ("Hugging Face", "hf_", 34),
        ("PyPI", "pypi-", 60),
        ("Docker", "dckr_pat_", 27),
        ("Databricks", "dapi", 32),
        ("age", "AGE-SECRET-KEY-1", 58),
        ("Telegram", "123456789:AA", 33),
        ("Azure client", "abc8Q~", 34),
    ];
    for (kind, prefix, length) in bodies {
        let body = match kind {
            "Databricks" => mint.hex(kind, length),
            "age" => {
                let body = mint.text(length, b"QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L");
                mint.keep(kind, body)
            }
            _ => mint.token(kind, length),
        };
        workload.log.push(format!("INFO the key {prefix}{body} was used"));
    }
}

/// Lines of logs, plain and structured.
fn plant_lines(mint: &mut Mint, workload: &mut Workload) {
    let upper = mint.text(16, b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567");
    let aws = mint.keep("AWS access key id", format!("AKIA{upper}"));
    workload.log.push(format!(
        "aws_access_key_id = {aws} aws_secret_access_key = {}",
        mint.token("AWS secret key", 40)
    ));
    workload.log.push(format!("Authorization: Bearer {}", mint.word("bearer")));
    workload.log.push(format!("> Cookie: session={}; theme=dark", mint.word("cookie")));
    workload.log.push(json!({"level": "error", "msg": "login failed", "user": {"name": "a", "password": mint.word("JSON log")}}).to_string());
    workload.log.push(
        json!({"msg": format!("{{\"api_key\":\"{}\"}}", mint.word("JSON in a JSON log"))})
            .to_string(),
    );
    workload.log.push(json!({"env": [{"name": "DB_PASSWORD", "value": mint.word("name and value in a JSON log")}]}).to_string());
    workload.log.push(mint.pem("PEM in a log", "OPENSSH PRIVATE KEY"));
    workload.log.push(format!("GENERATED ROOT PASSWORD: {}", mint.word("generated password")));
    workload.log.push(format!("random token {}", mint.token("nameless token", 40)));
}

/// What a crashed container leaves, and what is said about it.
fn plant_last_words(mint: &mut Mint, workload: &mut Workload) {
    let jwt = |mint: &mut Mint, kind: &str| {
        format!(
            "{}.{}.{}",
            URL_SAFE_NO_PAD.encode("{\"alg\":\"HS256\"}"),
            mint.token(kind, 60),
            mint.token(kind, 43)
        )
    };
    workload.previous_log.push(format!("rejected {}", jwt(mint, "JWT")));
    workload.previous_log.push(format!(
        "Authorization: Basic {}",
        mint.encoded("basic auth header", "admin:plum-basic-7")
    ));
    workload.termination =
        format!("panic: connect mysql://app:{}@db", mint.word("termination message"));
    workload.events = vec![
        format!(
            "Failed to pull: Get https://robot:{}@registry.example.com/v2/: 401",
            mint.word("event message")
        ),
        format!("Error: exec: mysql -h db -p{}", mint.word("event with mysql -p")),
    ];
}

/// An alert that quotes secrets, too.
fn incident(mint: &mut Mint, workload: &Workload) -> Value {
    let mut incident = workload.incident();
    incident["error_message"] =
        json!(format!("dial redis://:{}@cache failed", mint.word("alert error")));
    incident["description"] =
        json!(format!("password={} was refused", mint.word("alert description")));
    incident["cluster_name"] =
        json!(format!("https://admin:{}@eu-1", mint.word("alert cluster name")));
    incident["signal_annotations"] = json!({
        "runbook": format!("curl -H 'Authorization: Bearer {}'", mint.word("alert annotation")),
        "db_password": mint.word("alert annotation by name"),
    });
    incident["signal_labels"] = json!({"api_token": mint.word("alert label by name")});
    incident
}

/// Everything there is to plant, planted.
pub(super) fn planted(directory: &Path) -> (Mint, Value) {
    let (mut mint, mut workload) = (Mint::new(), Workload::new(NAMESPACE));
    plant_objects(&mut mint, &mut workload);
    plant_delivery(&mut mint, &mut workload);
    plant_texts(&mut mint, &mut workload);
    let incident = incident(&mut mint, &workload);
    let snapshot = directory.join("snapshot");
    std::fs::create_dir(&snapshot).unwrap();
    workload.write(&snapshot);
    (mint, incident)
}
