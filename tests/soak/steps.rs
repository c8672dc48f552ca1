//! What happens, and what must be so after each of it.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Stdio;
use std::time::{Duration, Instant};

use reconciler::ids::Digest;

use crate::model::{Files, Mode, Model, Skill};
use crate::place::Place;
use crate::random::Random;
use crate::service::{DEADLINE, Service};
use crate::storm::storm;

/// How far back a rollback goes, in applied commits.
const BACK: usize = 30;

/// After so many steps the audit is verified in between.
const VERIFY_EVERY: usize = 25;

/// So many steps lie between the two measurements at the end.
const LEVEL_STEPS: usize = 20;

/// What a process may hold more at the second than at the first, in kibibytes: what an allocator keeps
/// for itself.
const MEMORY_SLACK: u64 = 16 << 10;

/// Likewise in descriptors: a connection that is about to be closed.
const DESCRIPTOR_SLACK: usize = 4;

pub(crate) struct Soak {
    // It ends before its place does.
    service: Service,
    place: Place,
    model: Model,
    random: Random,
    /// How many deliveries a storm has.
    deliveries: usize,
    /// The newest commit, whose tree the model's branch is.
    head: String,
    /// Numbers texts, so that no two are the same.
    serial: usize,
    done: BTreeMap<&'static str, usize>,
    measured: String,
}

impl Soak {
    /// A branch with some skills, served.
    pub(crate) fn new(seed: u64, deliveries: usize) -> Self {
        let (place, mut model) = (Place::new(), Model::new());
        for number in 0..6 {
            let name = format!("skill-{number}");
            model.branch.insert(name.clone(), skill(&name, number, true));
        }
        let head = place.commit(&model.branch);
        let service = Service::start(&mut place.command(&["run"]));
        let (random, done) = (Random::new(seed), BTreeMap::new());
        let mut soak = Self {
            place,
            service,
            model,
            random,
            deliveries,
            head,
            serial: 100,
            done,
            measured: String::new(),
        };
        soak.settle();
        soak
    }

    /// Does one thing, and checks everything.
    pub(crate) fn step(&mut self) {
        let what: (&'static str, fn(&mut Self)) = match self.random.below(100) {
            0..=29 => ("commit", Self::commit),
            30..=54 => ("drift", Self::drift),
            55..=59 => ("foreign file", Self::foreign),
            60..=79 => ("kill", Self::kill),
            80..=82 => ("restart", Self::restart),
            83..=85 => ("storm", Self::storm),
            86..=88 => ("suspend", Self::suspend),
            89..=95 => ("resume", Self::resume),
            _ => ("rollback", Self::rollback),
        };
        self.act(what);
    }

    fn act(&mut self, (name, step): (&'static str, fn(&mut Self))) {
        *self.done.entry(name).or_default() += 1;
        step(self);
        self.settle();
        if self.done.values().sum::<usize>().is_multiple_of(VERIFY_EVERY) {
            self.verify();
        }
    }

    /// One more pass; what is on the volume then is what the model says.
    fn settle(&mut self) {
        let end = Instant::now() + DEADLINE;
        loop {
            let (code, report, said) = self.place.ask(&["reconcile", "--wait", "-o", "json"]);
            let outcome = report["outcome"].as_str().unwrap_or_default();
            let expected: &[&str] = match self.model.mode {
                Mode::Suspended => &["suspended"],
                Mode::Following | Mode::Pinned => &["in_sync", "applied", "degraded"],
            };
            if expected.contains(&outcome) {
                break;
            }
            *self.done.entry("pass that failed").or_default() += 1;
            assert!(Instant::now() < end, "no pass succeeds: {code:?} {report} {said}");
        }
        if self.model.mode == Mode::Following {
            let tree = self.model.branch.clone();
            self.model.apply(&tree);
            if self.model.applied.last().is_none_or(|(commit, _)| *commit != self.head) {
                self.model.applied.push((self.head.clone(), tree));
            }
        }
        let (found, expected) = (self.place.volume(), self.model.volume());
        assert!(
            found == expected,
            "the volume is not what the model says: {}",
            difference(&found, &expected)
        );
    }

    fn commit(&mut self) {
        for _ in 0..=self.random.below(3) {
            self.serial += 1;
            let names: Vec<String> = self.model.branch.keys().cloned().collect();
            let some = self.random.pick(&names).cloned().expect("a skill");
            match self.random.below(10) {
                0..=2 => {
                    let name = format!("skill-{}", self.random.below(40));
                    self.model.branch.insert(name.clone(), skill(&name, self.serial, true));
                }
                3..=6 => drop(self.model.branch.insert(some.clone(), skill(&some, self.serial, true))),
                7 => drop(self.model.branch.insert(some.clone(), skill(&some, self.serial, false))),
                _ if names.len() > 3 => drop(self.model.branch.remove(&some)),
                _ => {}
            }
        }
        self.head = self.place.commit(&self.model.branch);
    }

    /// Somebody edits what is ours. While passes change nothing they would not put it right either.
    fn drift(&mut self) {
        if self.model.mode == Mode::Suspended {
            return;
        }
        let (owned, mut touched) = (self.model.owned(), BTreeSet::new());
        for _ in 0..=self.random.below(3) {
            let Some(path) = self.random.pick(&owned).cloned() else { return };
            if !touched.insert(path.clone()) {
                continue;
            }
            self.serial += 1;
            let bytes = format!("edited by hand {}\n", self.serial).into_bytes();
            match self.random.below(4) {
                0 | 1 => {
                    self.place.save(&path, &bytes);
                    self.model.kept.push(bytes);
                }
                2 => self.place.unlink(&path),
                _ => self.place.save_directory(&path, &bytes),
            }
        }
    }

    /// Somebody puts a file of their own beside ours.
    fn foreign(&mut self) {
        self.serial += 1;
        let directories: Vec<String> =
            self.model.owned().iter().filter_map(|path| Some(path.rsplit_once('/')?.0.to_owned())).collect();
        let name = format!("notes-{}.txt", self.serial);
        let path = match self.random.pick(&directories) {
            Some(directory) if self.random.chance(70) => format!("{directory}/{name}"),
            _ => name,
        };
        let bytes = format!("mine {}\n", self.serial).into_bytes();
        self.place.save(&path, &bytes);
        self.model.unowned.insert(path, bytes);
    }

    /// The service is killed at some instant of a pass, and maybe again while it settles that.
    fn kill(&mut self) {
        match self.random.below(3) {
            0 => self.commit(),
            1 => self.drift(),
            _ => {}
        }
        let mut asking = self.place.command(&["reconcile"]);
        let mut asking = asking.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
        self.wait_below(60);
        self.service.kill();
        asking.wait().expect("its end");
        while self.random.chance(30) {
            self.start();
            self.wait_below(200);
            self.service.kill();
        }
        self.start();
    }

    /// Lets a random time pass: the instant of a fault, not a wait for anything.
    fn wait_below(&mut self, milliseconds: u64) {
        std::thread::sleep(Duration::from_millis(self.random.next() % milliseconds));
    }

    fn start(&mut self) {
        self.service = Service::start(&mut self.place.command(&["run"]));
    }

    fn restart(&mut self) {
        self.service.stop();
        self.start();
    }

    fn storm(&mut self) {
        if self.random.chance(50) {
            self.commit();
        }
        self.serial += 1;
        storm(self.service.address, &self.place.origin(), &self.serial.to_string(), self.deliveries);
    }

    fn suspend(&mut self) {
        if self.model.mode == Mode::Following {
            self.order(&["suspend", "--reason", "a soak"], &[0]);
            self.model.mode = Mode::Suspended;
        }
    }

    fn resume(&mut self) {
        if self.model.mode != Mode::Following {
            self.order(&["resume"], &[0, 3]);
            self.model.mode = Mode::Following;
        }
    }

    fn rollback(&mut self) {
        let older = self.model.applied.split_last().map_or(&[][..], |(_, older)| older);
        let older = &older[older.len().saturating_sub(BACK)..];
        let Some((commit, tree)) = self.random.pick(older).cloned() else { return };
        if self.model.mode == Mode::Suspended {
            return;
        }
        self.order(&["rollback", &commit], &[0, 3]);
        self.model.mode = Mode::Pinned;
        self.model.apply(&tree);
    }

    fn order(&self, arguments: &[&str], codes: &[i32]) {
        let (code, _, said) = self.place.ask(arguments);
        assert!(code.is_some_and(|code| codes.contains(&code)), "{arguments:?} ended with {code:?}: {said}");
    }

    fn verify(&self) {
        let (code, verified, said) = self.place.ask(&["audit", "verify", "-o", "json"]);
        assert!(code == Some(0) && verified["verdict"] == "whole", "{code:?} {verified} {said}");
    }

    /// What must be so in the end.
    pub(crate) fn end(&mut self) {
        self.act(("resume", Self::resume));
        self.is_level();
        self.verify();
        let (_, listed, said) = self.place.ask(&["drift", "list", "-o", "json"]);
        let listed = listed.as_array().unwrap_or_else(|| panic!("no list of what is kept: {said}"));
        let kept: BTreeSet<&str> = listed.iter().filter_map(|one| one["sha256"].as_str()).collect();
        for bytes in &self.model.kept {
            let text = String::from_utf8_lossy(bytes);
            assert!(kept.contains(Digest::of(bytes).to_string().as_str()), "lost: {text}");
        }
    }

    /// The same work again takes neither more memory nor more descriptors.
    fn is_level(&mut self) {
        let before = self.measure();
        for _ in 0..LEVEL_STEPS {
            let what: (&'static str, fn(&mut Self)) = match self.random.below(3) {
                0 => ("commit", Self::commit),
                1 => ("drift", Self::drift),
                _ => ("foreign file", Self::foreign),
            };
            self.act(what);
        }
        let after = self.measure();
        self.measured = format!("{before:?} then {after:?} (kibibytes, descriptors)");
        let most = before.0 + before.0 / 4 + MEMORY_SLACK;
        assert!(after.0 <= most, "memory grows: {}", self.measured);
        assert!(after.1 <= before.1 + DESCRIPTOR_SLACK, "descriptors grow: {}", self.measured);
    }

    /// Memory and descriptors after a storm, once its connections are closed.
    fn measure(&mut self) -> (u64, usize) {
        self.act(("storm", Self::storm));
        let (end, mut last) = (Instant::now() + DEADLINE, usize::MAX);
        loop {
            let now = self.service.descriptors();
            if now == last || Instant::now() > end {
                return (self.service.memory(), now);
            }
            last = now;
            std::thread::sleep(Duration::from_millis(500));
        }
    }

    /// What was done, for people.
    pub(crate) fn tally(&self) -> String {
        let done: Vec<String> = self.done.iter().map(|(name, count)| format!("{name} {count}")).collect();
        let (_, status, _) = self.place.ask(&["status", "-o", "json"]);
        format!(
            "{}; {} applied commits, {} passes, {} audit records, {} edits kept, {} deliveries a storm; {}",
            done.join(", "),
            self.model.applied.len(),
            status["last_pass"],
            status["audit"]["records"],
            self.model.kept.len(),
            self.deliveries,
            self.measured,
        )
    }
}

/// A folder, or a flat file where its number is a multiple of five.
fn skill(name: &str, serial: usize, is_valid: bool) -> Skill {
    let description = if is_valid { format!("description: Says {serial}.\n") } else { String::new() };
    let entry = format!("---\nname: {name}\n{description}---\nText {serial}.\n").into_bytes();
    let mut files = Files::new();
    let number: usize = name.rsplit('-').next().and_then(|number| number.parse().ok()).unwrap_or(0);
    if number.is_multiple_of(5) {
        files.insert(format!("{name}.md"), entry);
        return Skill { files, is_valid };
    }
    files.insert(format!("{name}/SKILL.md"), entry);
    for part in 0..serial % 4 {
        let text = format!("Part {part} of {serial}.\n").repeat(1 + serial % 200);
        files.insert(format!("{name}/lib/part-{part}.txt"), text.into_bytes());
    }
    Skill { files, is_valid }
}

fn difference(found: &Files, expected: &Files) -> String {
    let paths: BTreeSet<&String> = found.keys().chain(expected.keys()).collect();
    let short =
        |bytes: Option<&Vec<u8>>| bytes.map(|bytes| bytes[..bytes.len().min(80)].escape_ascii().to_string());
    let lines = paths.into_iter().filter(|path| found.get(*path) != expected.get(*path)).map(|path| {
        format!("\n  {path}: found {:?}, expected {:?}", short(found.get(path)), short(expected.get(path)))
    });
    lines.take(12).collect()
}
