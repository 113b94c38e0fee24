//! Command lines: which arguments of a program are secrets depends on the program.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, MatchKind};

use super::spans::Masking;
use super::{Redactor, names};

/// Longest command line that is read, in arguments and in bytes.
const MAX_ARGUMENTS: usize = 64;
const MAX_BYTES: usize = 4096;

/// Where an option's value stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stands {
    /// In the next argument, or behind `=`.
    Apart,
    /// In the same argument.
    Glued,
    /// In either.
    Either,
}
use Stands::{Apart, Either, Glued};

/// What of a value is secret.
#[derive(Clone, Copy)]
enum Part {
    All,
    /// What follows the first of this sign, if there is one.
    After(&'static str),
}
use Part::{After, All};

/// Where a program takes secrets.
struct Program {
    /// Names of the program; one that ends in `*` stands for all that begin so.
    names: &'static [&'static str],
    /// Only where one of these arguments is there.
    needs: &'static [&'static str],
    options: &'static [(&'static str, Stands, Part)],
    /// A word, and how many arguments behind it the secret is.
    words: &'static [(&'static str, usize)],
}

const fn options(
    names: &'static [&'static str],
    options: &'static [(&'static str, Stands, Part)],
) -> Program {
    Program { names, needs: &[], options, words: &[] }
}

const fn words(names: &'static [&'static str], words: &'static [(&'static str, usize)]) -> Program {
    Program { names, needs: &[], options: &[], words }
}

/// Options whose names say it (`--password`, `--token`) are known without a table.
const PROGRAMS: &[Program] = &[
    Program {
        names: &["mysql*", "mariadb*"],
        needs: &[],
        options: &[("-p", Glued, All)],
        words: &[("password", 1)],
    },
    options(&["ldap*"], &[("-w", Either, All), ("-s", Apart, All), ("-a", Apart, All)]),
    options(&["slappasswd"], &[("-s", Either, All)]),
    Program {
        names: &["redis-cli", "valkey-cli", "keydb-cli"],
        needs: &[],
        options: &[("-a", Either, All)],
        words: &[("auth", 1), ("AUTH", 1), ("requirepass", 1), ("masterauth", 1)],
    },
    options(&["sshpass"], &[("-p", Either, All)]),
    options(
        &["mongo*", "cqlsh", "cypher-shell", "beeline", "elasticsearch-users"],
        &[("-p", Either, All)],
    ),
    options(
        &["curl", "ab"],
        &[
            ("-u", Either, After(":")),
            ("-U", Either, After(":")),
            ("--user", Apart, After(":")),
            ("--proxy-user", Apart, After(":")),
            ("-A", Apart, After(":")),
        ],
    ),
    Program {
        names: &[
            "docker", "podman", "helm", "oras", "skopeo", "crane", "nerdctl", "buildah", "oc",
            "az", "regctl",
        ],
        needs: &["login"],
        options: &[("-p", Either, All)],
        words: &[],
    },
    options(&["smbclient", "rpcclient", "smbmap", "winexe", "wmic"], &[("-U", Either, After("%"))]),
    options(&["lftp"], &[("-u", Either, After(","))]),
    options(
        &["keytool", "jarsigner"],
        &[
            ("-storepass", Apart, All),
            ("-keypass", Apart, All),
            ("-srcstorepass", Apart, All),
            ("-deststorepass", Apart, All),
            ("-srckeypass", Apart, All),
            ("-destkeypass", Apart, All),
            ("-new", Apart, All),
        ],
    ),
    options(
        &[
            "zip",
            "unzip",
            "ipmitool",
            "sqlcmd",
            "bcp",
            "osql",
            "isql",
            "mosquitto_pub",
            "mosquitto_sub",
            "mosquitto_rr",
        ],
        &[("-P", Either, All)],
    ),
    options(&["7z", "7za", "7zr", "rar", "unrar"], &[("-p", Glued, All), ("-hp", Glued, All)]),
    options(&["snmp*"], &[("-c", Either, All), ("-A", Either, All), ("-X", Either, All)]),
    options(&["vsql", "kadmin*"], &[("-w", Either, All), ("-pw", Apart, All)]),
    options(&["useradd", "usermod", "hydra", "psexec*"], &[("-p", Apart, All)]),
    options(
        &["openssl"],
        &[
            ("-passin", Apart, After("pass:")),
            ("-passout", Apart, After("pass:")),
            ("-pass", Apart, After("pass:")),
            ("-k", Apart, All),
        ],
    ),
    options(&["xfreerdp*", "wlfreerdp"], &[("/p:", Glued, All)]),
    options(&["swaks"], &[("-ap", Apart, All)]),
    words(
        &["rabbitmqctl", "rabbitmqctl.bat"],
        &[("add_user", 2), ("change_password", 2), ("authenticate_user", 2)],
    ),
    words(&["vault", "bao"], &[("login", 1)]),
    words(&["mc", "mcli"], &[("set", 4)]),
    words(&["aws"], &[("aws_secret_access_key", 1), ("aws_session_token", 1)]),
    words(&["nmcli"], &[("password", 1), ("wifi-sec.psk", 1), ("802-11-wireless-security.psk", 1)]),
    words(&["neo4j-admin"], &[("set-initial-password", 1)]),
    words(&["rclone"], &[("obscure", 1)]),
    words(&["wpa_passphrase"], &[("", 2)]),
    words(&["db2"], &[("using", 1)]),
];

/// Programs that take user and password as their last two arguments once an option says so: `htpasswd -nb me secret`.
const LAST: &[(&str, char)] = &[("htpasswd", 'b'), ("mosquitto_passwd", 'b')];

/// What a text holds in which a program is called; of a name of two letters a blank is part.
pub(super) fn hints() -> impl Iterator<Item = String> {
    programs().map(|name| if name.len() > 2 { name.to_owned() } else { format!("{name} ") })
}

/// Beginnings of the programs' names.
fn programs() -> impl Iterator<Item = &'static str> {
    let named =
        PROGRAMS.iter().flat_map(|program| program.names).map(|name| name.trim_end_matches('*'));
    named.chain(LAST.iter().map(|(name, _)| *name))
}

static NAMES: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(programs()).ok()
});

/// A secret in a list of arguments: which argument, and what part of it.
type Found = (usize, Range<usize>);

/// The secrets among the arguments of a program, given by its name or path.
pub(super) fn secrets(program: &str, arguments: &[&str]) -> Vec<Found> {
    let name = program.rsplit(['/', '\\']).next().unwrap_or_default();
    let is = |known: &&&str| match known.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == **known,
    };
    let mut found = Vec::new();
    for program in PROGRAMS.iter().filter(|program| program.names.iter().any(|known| is(&known))) {
        if program.needs.is_empty()
            || arguments.iter().any(|argument| program.needs.contains(argument))
        {
            found.extend(
                arguments.iter().enumerate().filter_map(|(at, _)| program.option(arguments, at)),
            );
            found.extend(program.word(arguments));
        }
    }
    for (known, letter) in LAST {
        let says = |argument: &str| argument.starts_with('-') && argument[1..].contains(*letter);
        let operands = arguments.iter().filter(|argument| !argument.starts_with('-')).count();
        if name == *known && operands >= 2 && arguments.iter().any(|argument| says(argument)) {
            found.extend(
                arguments.iter().enumerate().rev().map(|(at, last)| (at, 0..last.len())).take(1),
            );
        }
    }
    found.retain(|(at, part)| !names::is_harmless_value(&arguments[*at][part.clone()]));
    found
}

impl Program {
    fn option(&self, arguments: &[&str], at: usize) -> Option<Found> {
        let argument = arguments[at];
        self.options.iter().find_map(|(option, stands, part)| {
            let rest = argument.strip_prefix(option)?;
            if rest.is_empty() && *stands != Glued {
                let next = arguments.get(at + 1).filter(|next| !next.starts_with('-'))?;
                return Some((at + 1, part.of(next, 0)?));
            }
            let is_long = option.starts_with("--");
            let skip =
                option.len() + usize::from(rest.starts_with('=') && (is_long || *stands != Glued));
            let joined = if *stands == Apart { rest.starts_with('=') } else { !rest.is_empty() };
            if joined { Some((at, part.of(argument, skip)?)) } else { None }
        })
    }

    fn word(&self, arguments: &[&str]) -> Option<Found> {
        self.words.iter().find_map(|(word, behind)| {
            let at = if word.is_empty() {
                0
            } else {
                arguments.iter().position(|argument| argument == word)? + 1
            };
            let operands: Vec<usize> =
                (at..arguments.len()).filter(|at| !arguments[*at].starts_with('-')).collect();
            let secret = *operands.get(behind - 1)?;
            Some((secret, 0..arguments[secret].len()))
        })
    }
}

impl Part {
    fn of(self, value: &str, from: usize) -> Option<Range<usize>> {
        let start = match self {
            All => from,
            After(sign) => from + value.get(from..)?.find(sign)? + sign.len(),
        };
        (start < value.len()).then_some(start..value.len())
    }
}

/// Masks the secrets in command lines within a text.
pub(super) fn redact<'t>(redactor: &Redactor, text: &'t str) -> Cow<'t, str> {
    let Some(names) = NAMES.as_ref() else { return Cow::Owned(redactor.mask(text)) };
    let mut masking = Masking::new(redactor, text);
    for hit in names.find_iter(text) {
        let starts = text[..hit.start()]
            .chars()
            .next_back()
            .is_none_or(|letter| letter.is_whitespace() || "/\\\"'`([=;|&-".contains(letter));
        if !starts || hit.start() < masking.position() {
            continue;
        }
        let is_inner =
            |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '.' | '-');
        let end = text[hit.end()..]
            .find(|letter| !is_inner(letter))
            .map_or(text.len(), |length| hit.end() + length);
        let arguments = arguments(text, end);
        let words: Vec<&str> = arguments.iter().map(|range| &text[range.clone()]).collect();
        let mut found = secrets(&text[hit.start()..end], &words);
        found.sort_by_key(|(at, part)| (*at, part.start));
        for (at, part) in found {
            let start = arguments[at].start;
            masking.mask(unquoted(text, start + part.start..start + part.end));
        }
    }
    masking.finish()
}

fn unquoted(text: &str, part: Range<usize>) -> Range<usize> {
    let inner = &text[part.clone()];
    for quote in ["\\\"", "\"", "'"] {
        if let Some(opened) = inner.strip_prefix(quote) {
            let closed = opened.find(quote).map_or(opened, |end| &opened[..end]);
            return part.start + quote.len()..part.start + quote.len() + closed.len();
        }
    }
    part
}

/// The arguments from `from` on to the end of the command: words of a shell, or items of a list.
fn arguments(text: &str, from: usize) -> Vec<Range<usize>> {
    let limit = text.floor_char_boundary((from + MAX_BYTES).min(text.len()));
    let bytes = &text.as_bytes()[..limit];
    let mut found = Vec::new();
    let mut at = from;
    // The quote behind the program's own name.
    while matches!(bytes.get(at), Some(b'"' | b'\'' | b'\\')) && found.is_empty() && at < from + 2 {
        at += 1;
    }
    while found.len() < MAX_ARGUMENTS {
        at = match blank(text, bytes, at) {
            Some(next) => next,
            None => break,
        };
        let Some(first) = bytes.get(at) else { break };
        let (start, end, next) = match first {
            b'|' | b';' | b'&' | b')' | b']' | b'}' | b'\n' | b'`' => break,
            b'"' | b'\'' => {
                let length =
                    bytes[at + 1..].iter().position(|byte| byte == first || *byte == b'\n');
                let end = length.map_or(limit, |length| at + 1 + length);
                (at + 1, end, end + 1)
            }
            _ => {
                let end = word_end(bytes, at);
                (at, end, end.max(at + 1))
            }
        };
        if text.get(start..end.min(limit)).is_none() {
            break;
        }
        found.push(start..end.min(limit));
        at = next;
    }
    found
}

/// Behind blanks, continued lines and the signs between the items of a list. `None` at the end of the command.
fn blank(text: &str, bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match bytes.get(at)? {
            b' ' | b'\t' | b',' => at += 1,
            b'\\' if matches!(bytes.get(at + 1), Some(b'\n')) => at += 2,
            b'\\' if matches!(bytes.get(at + 1), Some(b'"' | b',')) => at += 1,
            b'\n' => {
                let below = text.get(at + 1..bytes.len())?;
                let item = below.trim_start_matches(' ');
                at = bytes.len() - item.strip_prefix("- ")?.len();
            }
            _ => return Some(at),
        }
    }
}

/// The end of a word of a shell; a quote right behind an option or `=` holds the whole value.
fn word_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' | b'|' | b';' | b')' | b'`' => return at,
            b'&' if at > start && bytes.get(at + 1) == Some(&b'&') => return at,
            b'\\' if bytes.get(at + 1) == Some(&b'"') => return at,
            b'"' | b'\'' => {
                let after_option = at == start + 2 || bytes[at - 1] == b'=';
                let closing = bytes[at + 1..]
                    .iter()
                    .take_while(|next| **next != b'\n')
                    .position(|next| next == byte);
                match closing {
                    Some(length) if after_option => return at + length + 2,
                    _ => return at,
                }
            }
            _ => at += 1,
        }
    }
    at
}
