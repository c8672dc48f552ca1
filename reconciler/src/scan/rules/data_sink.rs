//! A collector, webhook or tunnel.

use crate::scan::rule::{Applies, Detect, Rule, always, file, skill};

pub(in crate::scan) static RULE: Rule = Rule {
    id: "data-sink",
    title: "A collector, webhook or tunnel",
    says: "names a host that collects requests or opens a tunnel",
    looks_for: "Request collectors, chat webhooks, bot APIs with a token written in, and tunnels to unnamed machines.",
    why: "They are where stolen data goes; products have addresses of their own.",
    help: "Let the user configure the address.",
    references: &[
        "MITRE ATT&CK T1567 Exfiltration Over Web Service",
        "MITRE ATT&CK T1572 Protocol Tunneling",
    ],
    hits: &[
        file("a.py", "URL = \"https://webhook.site/0000-1111\"\n"),
        file("config.yaml", "base_url: https://a1b2c3.ngrok-free.dev/callback\n"),
    ],
    misses: &[
        file("a.py", "URL = os.environ[\"WEBHOOK_URL\"]\n"),
        skill("Test webhooks with ngrok: `ngrok http 3000`.\n"),
    ],
    detect: Detect::Patterns {
        strings: r#"
        /[a-z0-9.-]{0,60}\b(webhook\.site|requestbin\.(com|net)|[a-z0-9-]{3,40}\.m\.pipedream\.net|hookbin\.com|requestcatcher\.com|beeceptor\.com|burpcollaborator\.net|oastify\.com|interact\.sh|oast\.(fun|pro|live|me|site|online)|dnslog\.cn|ceye\.io|bore\.pub|serveo\.net|localhost\.run|lhr\.life)\b[^ \t\n)"']{0,80}/ nocase
        /https?:\/\/[a-z0-9-]{4,60}\.(ngrok\.(io|app|dev)|ngrok-free\.(app|dev)|trycloudflare\.com|loca\.lt)\b[^ \t\n)"']{0,80}/ nocase
        /https:\/\/(ptb\.|canary\.)?discord(app)?\.com\/api\/webhooks\/[0-9]{6,25}\/[^ \t\n)"']{10,100}/
        /https:\/\/hooks\.slack\.com\/services\/T[A-Z0-9]{6,12}\/B[A-Z0-9]{6,12}\/[A-Za-z0-9]{10,40}/
        /api\.telegram\.org\/bot[0-9]{6,12}:[A-Za-z0-9_-]{30,40}/
"#,
        applies: Applies::Anywhere,
        keep: always,
    },
    ..Rule::RISKY
};
