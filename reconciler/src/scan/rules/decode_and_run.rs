//! A decoded text is run.

use crate::scan::rule::{Applies, Detect, Rule, always, file, skill};

pub(in crate::scan) static RULE: Rule = Rule {
    id: "decode-and-run",
    title: "A decoded text is run",
    says: "decodes a hidden text and runs it",
    looks_for: "base64, hex, rot13 or compressed text that is decoded straight into a shell, exec, eval or Invoke-Expression; PowerShell's -EncodedCommand.",
    why: "Honest instructions need no disguise; hiding the command is the point of it.",
    help: "Write the command in plain text.",
    references: &[
        "MITRE ATT&CK T1140 Deobfuscate/Decode Files or Information",
        "MITRE ATT&CK T1027 Obfuscated Files or Information",
        "MITRE ATT&CK T1059 Command and Scripting Interpreter",
    ],
    hits: &[
        skill("```bash\necho 'bm90aGluZyBoZXJlIGF0IGFsbA==' | base64 -D | bash\n```\n"),
        file("a.py", "exec(base64.b64decode(\"cHJpbnQoMSk=\"))\n"),
        file("a.ps1", "powershell -nop -w hidden -enc SQBFAFgAIABoAGkA\n"),
        file("a.js", "eval(Buffer.from(\"YWxlcnQoMSk=\", \"base64\").toString())\n"),
    ],
    misses: &[
        skill("```bash\necho \"$SECRET\" | base64 -d > key.json\n```\n"),
        skill("A rule that detects attacks: `base64 -d | sh`.\n"),
    ],
    detect: Detect::Patterns {
        strings: r#"
        /base64[ \t]+(-d|-D|--decode|-di|-id)[^\n|]{0,60}\|[ \t]*([^\n|]{1,60}\|[ \t]*){0,2}(sudo[ \t]+(-[a-z]+[ \t]+)*)?(env[ \t]+)?([a-z\/]{1,20}\/)?(ba|z|da|k|a)?sh\b/ nocase
        /base64[ \t]+(-d|-D|--decode)[^\n|]{0,60}\|[ \t]*(sudo[ \t]+)?(python[0-9.]{0,4}|node|perl|ruby|php|osascript|xargs)\b[^\n]{0,80}/ nocase
        /(\b(ba|z|da)?sh[ \t]+(-[a-z]+[ \t]+)?|eval[ \t]+|source[ \t]+)["']?(<\(|\$\(|`|<<<)[^\n]{0,200}base64[ \t]+(-d|-D|--decode)/ nocase
        /openssl[ \t]+(base64|enc)[ \t][^\n|]{0,100}-d[^\n|]{0,60}\|[ \t]*(sudo[ \t]+(-[a-z]+[ \t]+)*)?(env[ \t]+)?([a-z\/]{1,20}\/)?(ba|z|da|k|a)?sh\b/ nocase
        /xxd[ \t]+-r[^\n|]{0,40}\|[ \t]*(sudo[ \t]+(-[a-z]+[ \t]+)*)?(env[ \t]+)?([a-z\/]{1,20}\/)?(ba|z|da|k|a)?sh\b/ nocase
        /(gunzip|zcat|gzip[ \t]+-d)[^\n|]{0,40}\|[ \t]*(sudo[ \t]+(-[a-z]+[ \t]+)*)?(env[ \t]+)?([a-z\/]{1,20}\/)?(ba|z|da|k|a)?sh\b/ nocase
        /tr[ \t]+["']?[A-Za-z-]{4,10}["']?[ \t]+["']?[A-Za-z-]{4,10}["']?[ \t]*\|[ \t]*(sudo[ \t]+(-[a-z]+[ \t]+)*)?(env[ \t]+)?([a-z\/]{1,20}\/)?(ba|z|da|k|a)?sh\b/
        /\b(exec|eval|compile)[ \t]*\([^\n]{0,80}(b64decode|b32decode|a85decode|b85decode|fromhex|unhexlify|zlib\.decompress|marshal\.loads|codecs\.decode)[ \t]*\(/
        /\b(eval|Function|execSync|exec)[ \t]*\([^\n]{0,60}(atob[ \t]*\(|Buffer\.from[ \t]*\([^\n]{1,4000}["'](base64|hex)["'])/
        /(os\.system|subprocess\.[a-z_]{2,12}|os\.popen)[ \t]*\([^\n]{0,60}(b64decode|fromhex|unhexlify)[ \t]*\(/
        /\beval[ \t(]+[^\n]{0,40}(Base64\.(strict_|urlsafe_)?decode64|unpack1?\(["']m)/
        /eval[ \t]*\([ \t]*(base64_decode|gzinflate|gzuncompress|str_rot13)[ \t]*\(/
        /powershell(\.exe)?[^\n]{0,120}[ \t]-e(nc|nco|ncod|ncode|ncoded|ncodedcommand|c)?[ \t]+["']?[A-Za-z0-9+\/=]{16,}/ nocase
        /(iex|invoke-expression)[^\n]{0,120}frombase64string/ nocase
        /frombase64string[^\n]{0,200}\|[ \t]*(iex|invoke-expression)/ nocase
"#,
        applies: Applies::Anywhere,
        keep: always,
    },
    ..Rule::MALICIOUS
};
