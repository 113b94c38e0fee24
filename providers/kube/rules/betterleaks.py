"""Condenses the rule file of Betterleaks (MIT, see betterleaks.LICENSE) into betterleaks.json.

    python3 betterleaks.py betterleaks.toml REVISION > betterleaks.json

Kept of a rule: its id, its pattern, its keywords, the group that holds the secret, the least entropy of a secret.
Left out: rules for what is no secret (`skipReport`: client ids, hosts, user names), and rules that stand or fall with
filters over a file's path or a dictionary of words.
"""

import json
import re
import sys
import tomllib

# Forms that the redactor reads by itself, with a finer eye on what must stay readable.
OWN = re.compile(r"^(generic-|curl-auth-|jwt|private-key|kubernetes-secret-yaml|mongodb-connection-string)")
PUBLIC = re.compile(r"-(client-id|access-id|user-api-id|access-key-id)(\.\d)?$")
ENTROPY = re.compile(r'entropy\(finding\["secret"\]\)\s*<=?\s*([0-9.]+)')
# Where an application of several parts says so, its secret parts are kept all the same.
SECRET_PART = re.compile(r"-(secret|passphrase|security-token)(\.\d)?$")

path, revision = sys.argv[1:]
with open(path, "rb") as file:
    rules = tomllib.load(file)["rules"]
kept = []
for rule in rules:
    name = rule["id"]
    if not rule.get("regex") or not rule.get("keywords") or OWN.match(name) or PUBLIC.search(name):
        continue
    if rule.get("skipReport") and not SECRET_PART.search(name):
        continue
    entropy = ENTROPY.search(rule.get("filter", ""))
    kept.append({
        "id": name,
        "pattern": rule["regex"],
        "keywords": rule["keywords"],
        **({"group": rule["valueGroup"]} if "valueGroup" in rule else {}),
        "entropy": float(entropy.group(1)) if entropy else 0,
    })
head = {"source": "https://github.com/betterleaks/betterleaks", "file": "config/betterleaks.toml",
        "revision": revision, "license": "MIT"}
lines = ",\n".join(json.dumps(rule, ensure_ascii=False) for rule in kept)
print(json.dumps(head, indent=1)[:-2] + ',\n "rules": [\n' + lines + "\n]}")
