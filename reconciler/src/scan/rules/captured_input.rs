//! What the user types, shows or where he is.

use crate::scan::rule::{Applies, Detect, Rule, always, file};

pub(in crate::scan) static RULE: Rule = Rule {
    id: "captured-input",
    title: "What the user types, shows or where he is",
    says: "captures the clipboard, screen, keyboard, camera or place",
    looks_for: "Clipboard, screenshots, key presses, microphone, camera, geolocation by GPS or address.",
    why: "Alone it may be the purpose of the skill; before a request it is spying.",
    help: "Nothing, alone.",
    references: &[
        "MITRE ATT&CK T1115 Clipboard Data",
        "MITRE ATT&CK T1113 Screen Capture",
        "MITRE ATT&CK T1056 Input Capture",
    ],
    hits: &[file("a.sh", "pbpaste > /tmp/x\n")],
    misses: &[file("a.sh", "pbcopy < /tmp/x\n")],
    detect: Detect::Patterns {
        strings: r#"
        /\b(pbpaste|xclip[ \t]+-o|xclip[ \t]+-selection[ \t]+[a-z]+[ \t]+-o|wl-paste|Get-Clipboard|pyperclip\.paste|clipboard\.readText|screencapture|ImageGrab\.grab|gnome-screenshot|pyautogui\.screenshot|mss\(\)|imagesnap|pynput|keyboard\.on_press|GetAsyncKeyState|CLLocationManager|CoreLocation)\b/
        /(ipapi\.co|ipinfo\.io|ip-api\.com|ifconfig\.(me|co)|api\.ipify\.org|freegeoip)/
        /\b(clipboard|screenshot|keystroke|microphone|webcam|browser history|search history|gps|current location|exact location|exact coordinates|location data)\b/ nocase
"#,
        applies: Applies::Anywhere,
        keep: always,
    },
    ..Rule::SIGNAL
};
