// Real watchers on a real service: each must see every change, and none may meet a mixed skill.
//
//   node tests/watchers/run.mjs [BINARY]
//
// CHANGES                      how many changes are made (120)
// ONLY                         the one consumer that watches, by its label
// SKILL_SYNC_CI_CACHE          where the watchers are installed (~/.cache/skill-sync-ci)
// SKILL_SYNC_REQUIRE_REAL=1    a watcher that is missing is a failure and not a skip

import { execFileSync, fork, spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';

const here = import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname);
const binary = path.resolve(process.argv[2] ?? path.join(here, '../../target/debug/skill-sync'));
const changes = Number(process.env.CHANGES ?? 120);
const required = process.env.SKILL_SYNC_REQUIRE_REAL === '1';
const cache = process.env.SKILL_SYNC_CI_CACHE ?? path.join(os.homedir(), '.cache/skill-sync-ci');
const TOKEN = 'a token of this test';
const DEADLINE = 15_000; // ms for a watcher to see one change
const SKILLS = ['alpha', 'beta', 'gamma'];

const isConsumer = process.argv[2] === '--consume';
const root = isConsumer ? '' : fs.mkdtempSync(path.join(os.tmpdir(), 'skill-sync-watchers-'));
const [repo, target] = [path.join(root, 'repo'), path.join(root, 'skills')];
const git = (...args) =>
  execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@example.org', ...args], { cwd: repo });

// Every file of a skill holds the number of the change that wrote it.
function write(name, n) {
  const folder = path.join(repo, name);
  fs.mkdirSync(path.join(folder, 'references'), { recursive: true });
  fs.writeFileSync(path.join(folder, 'SKILL.md'), `---\nname: ${name}\ndescription: At ${n}.\n---\n${n}\n`);
  fs.writeFileSync(path.join(folder, 'references/guide.md'), `${n}\n`);
}

const numberOf = (file) => Number(fs.readFileSync(file, 'utf8').trim().split('\n').at(-1));

function install() {
  const directory = path.join(cache, 'watchers');
  fs.mkdirSync(directory, { recursive: true });
  const wanted = fs.readFileSync(path.join(here, 'package.json'), 'utf8');
  const marker = path.join(directory, 'installed.json');
  if (!fs.existsSync(marker) || fs.readFileSync(marker, 'utf8') !== wanted) {
    fs.writeFileSync(path.join(directory, 'package.json'), wanted);
    const npm = ['install', '--no-audit', '--no-fund', '--ignore-scripts', '--silent'];
    execFileSync('npm', npm, { cwd: directory, stdio: 'inherit' });
    fs.writeFileSync(marker, wanted);
  }
}

async function load(require, name) {
  const loaded = await import(require.resolve(name));
  return loaded.default?.watch ? loaded.default : loaded;
}

// The consumers, by label: the major version of chokidar, what is watched, and how.
function kinds() {
  const finish = { awaitWriteFinish: { stabilityThreshold: 300, pollInterval: 50 } };
  const all = [3, 4, 5, 6].flatMap((major) => [
    { label: `chokidar ${major}`, major, what: '', options: {} },
    { label: `chokidar ${major}, awaitWriteFinish`, major, what: '', options: finish },
  ]);
  all.push({ label: 'chokidar 3, glob', major: 3, what: '/**/*.md', options: {} });
  return all.filter(({ label }) => (process.env.ONLY ?? label) === label);
}

// A consumer in a process of its own, as agents are: watchers of chokidar 3 that share a process share
// their handles, and lose a folder that is removed and added again.
async function consume({ major, what, options }, directory) {
  const require = createRequire(path.join(cache, 'watchers/package.json'));
  const chokidar = await load(require, `chokidar${major}`);
  const watcher = chokidar.watch(directory + what, { ignoreInitial: true, ...options });
  watcher.on('ready', () => process.send({ ready: true }));
  watcher.on('error', (error) => process.send({ mixed: `error: ${error.message}` }));
  watcher.on('all', (event, file) => {
    if (path.basename(file) !== 'SKILL.md') return;
    const name = path.basename(path.dirname(file));
    if (event === 'unlink') return process.send({ name, what: 'gone' });
    try {
      const guide = numberOf(path.join(directory, name, 'references/guide.md'));
      const skill = numberOf(file);
      if (skill !== guide) process.send({ mixed: `${name}: SKILL.md ${skill} with guide ${guide}` });
      process.send({ name, what: skill });
    } catch (error) {
      // It went between the event and the look: the event that says so is on its way.
      if (error.code !== 'ENOENT') throw error;
    }
  });
}

// The consumer as the test sees it: what it saw last of each skill, and every skill that it met mixed.
class Consumer {
  seen = new Map();
  mixed = [];
  constructor(kind) {
    this.label = kind.label;
    const told = [JSON.stringify(kind), target];
    this.process = fork(import.meta.filename ?? new URL(import.meta.url).pathname, ['--consume', ...told]);
    this.ready = new Promise((resolve, reject) => {
      this.process.once('exit', (code) => reject(new Error(`${kind.label} ended with ${code}`)));
      this.process.on('message', (message) => {
        if (message.ready) resolve();
        else if (message.mixed) this.mixed.push(message.mixed);
        else this.seen.set(message.name, message.what);
      });
    });
  }
  async sees(name, what) {
    const end = Date.now() + DEADLINE;
    while (this.seen.get(name) !== what) {
      if (Date.now() > end) return false;
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    return true;
  }
}

async function consumers() {
  install();
  const all = [];
  for (const consumer of kinds().map((kind) => new Consumer(kind))) {
    try {
      await consumer.ready;
      all.push(consumer);
    } catch (error) {
      const why = `${error.message} on Node ${process.version}`;
      if (required) throw new Error(`skipped: ${why}`);
      console.log(`skipped: ${why}`);
    }
  }
  return all;
}

async function serve() {
  const env = {
    PATH: process.env.PATH, SKILLS_REPO: repo, SKILLS_DIR: target, STATE_DIR: path.join(root, 'state'),
    HOST: '127.0.0.1', SKILL_SYNC_PORT: '0', API_TOKEN: TOKEN, POLL_INTERVAL: '1h', LOG_FORMAT: 'json',
  };
  const service = spawn(binary, ['run'], { env, stdio: ['ignore', 'ignore', 'pipe'] });
  let log = '';
  const address = await new Promise((resolve, reject) => {
    service.once('exit', (code) => reject(new Error(`the service ended with ${code}:\n${log}`)));
    service.stderr.on('data', (data) => {
      log += data;
      const found = /"address":"([^"]+)"/.exec(log);
      if (found) resolve(found[1]);
    });
  });
  let ended = null;
  service.once('exit', (code, signal) => (ended = signal ?? code));
  return { service, address, told: () => `the service: ${ended ?? 'runs'}\n${log.split('\n').slice(-12).join('\n')}` };
}

async function pass(address) {
  const headers = { authorization: `Bearer ${TOKEN}` };
  const answer = await fetch(`http://${address}/reconcile?wait=true`, { method: 'POST', headers });
  const report = await answer.json();
  if (!['applied', 'in_sync'].includes(report.outcome)) throw new Error(JSON.stringify(report));
}

// What change `n` does to which skill: added where it is missing, removed now and then, else updated.
function change(n, present) {
  const name = SKILLS[n % SKILLS.length];
  if (present.has(name) && n % 7 === 0) {
    fs.rmSync(path.join(repo, name), { recursive: true });
    present.delete(name);
    return { name, what: 'gone' };
  }
  write(name, n);
  present.add(name);
  return { name, what: n };
}

async function main() {
  fs.mkdirSync(repo);
  git('init', '-q', '-b', 'main');
  const present = new Set(SKILLS);
  SKILLS.forEach((name) => write(name, 0));
  write('stays', 0); // So that no removal is one of most skills.
  git('add', '-A');
  git('commit', '-qm', 'first');
  const { service, address, told } = await serve();
  const watching = [];
  try {
    await pass(address);
    const all = await consumers();
    watching.push(...all);
    const missed = new Map(all.map((consumer) => [consumer, []]));
    for (let n = 1; n <= changes; n++) {
      const { name, what } = change(n, present);
      git('add', '-A');
      git('commit', '-qm', `change ${n}`);
      await pass(address);
      const seen = await Promise.all(all.map((consumer) => consumer.sees(name, what)));
      seen.forEach((is, at) => is || missed.get(all[at]).push(`${n} (${name}: ${what})`));
    }
    let wrong = 0;
    for (const consumer of all) {
      const [lost, mixed] = [missed.get(consumer).length, consumer.mixed.length];
      wrong += lost + mixed;
      console.log(`${consumer.label}: ${changes - lost} of ${changes} seen, ${mixed} mixed`);
      if (lost > 0) console.log(`  not seen: ${missed.get(consumer).slice(0, 8).join(', ')}`);
      consumer.mixed.slice(0, 3).forEach((what) => console.log(`  ${what}`));
    }
    return wrong === 0 && all.length > 0 ? 0 : 1;
  } catch (error) {
    console.error(error, told());
    return 1;
  } finally {
    watching.forEach((consumer) => consumer.process.kill());
    service.kill('SIGTERM');
    fs.rmSync(root, { recursive: true, force: true });
  }
}

if (isConsumer) await consume(JSON.parse(process.argv[3]), process.argv[4]);
else process.exit(await main());
