// Real watchers on a real service: each must see every change, and none may meet a torn file or act on a
// mixed skill. `scripts/watchers` installs them and runs this.
//
//   node tests/watchers/run.mjs [BINARY]
//
// CHANGES                      how many changes are made (1000)
// LAYOUT                       the service's layout (mirror)
// ONLY                         the one consumer that watches, by its label
// SKILL_SYNC_CI_CACHE          where the watchers are installed (~/.cache/skill-sync-ci)
// SKILL_SYNC_REQUIRE_REAL=1    a watcher that is missing is a failure and not a skip

import { execFileSync, spawn } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { start } from './consumers.mjs';
import { head, text } from './skills.mjs';

const here = path.dirname(new URL(import.meta.url).pathname);
const binary = path.resolve(process.argv[2] ?? path.join(here, '../../target/debug/skill-sync'));
const changes = Number(process.env.CHANGES ?? 1000);
const layout = process.env.LAYOUT ?? 'mirror';
const required = process.env.SKILL_SYNC_REQUIRE_REAL === '1';
const cache = path.join(process.env.SKILL_SYNC_CI_CACHE ?? path.join(os.homedir(), '.cache/skill-sync-ci'), 'watchers');
const TOKEN = 'a token of this test';
/** How many changes a push brings: each to another skill. */
const BATCH = 12;
/** What somebody wrote by hand says that it is from this change. */
const BY_HAND = 9_000_000;

const root = fs.mkdtempSync(path.join(os.tmpdir(), 'skill-sync-watchers-'));
const [repo, target] = [path.join(root, 'repo'), path.join(root, 'skills')];
const git = (...args) =>
  execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@example.org', ...args], { cwd: repo });

/** The skills: their version, or null where they are not there. Two thirds are folders. */
const skills = new Map();
for (let n = 0; n < BATCH * 2; n++) skills.set(`${n % 3 === 2 ? 'flat' : 'folder'}-${n}`, null);

/** How often each was changed, from another beginning for each: a batch has every kind. */
const turns = new Map([...skills.keys()].map((name, at) => [name, at]));

const isFlat = (name) => name.startsWith('flat');
const entryOf = (name) => (isFlat(name) && layout === 'mirror' ? `${name}.md` : `${name}/SKILL.md`);

function put(file, content, mode = 0o644) {
  const whole = path.join(repo, file);
  fs.mkdirSync(path.dirname(whole), { recursive: true });
  fs.writeFileSync(whole, content);
  fs.chmodSync(whole, mode);
}

/** A whole skill at a version. */
function write(name, n) {
  skills.set(name, n);
  if (isFlat(name)) return put(`${name}.md`, text(n, n, head(name, n)));
  fs.rmSync(path.join(repo, name), { recursive: true, force: true });
  put(`${name}/SKILL.md`, text(n, n, head(name, n)));
  put(`${name}/references/guide.md`, text(n, n));
  put(`${name}/scripts/run.sh`, text(n, n));
}

// Each makes one change to a skill that is there, and gives the paths that a watcher must tell of, with
// what they then hold.
const KINDS = {
  update(name, n) {
    write(name, n);
    const also = isFlat(name) ? [] : [[`${name}/references/guide.md`, `${n}`]];
    return [[entryOf(name), `${n}`], ...also];
  },
  support(name, n) {
    put(`${name}/references/guide.md`, text(n, skills.get(name)));
    return [[`${name}/references/guide.md`, `${n}`]];
  },
  mode(name, n) {
    put(`${name}/scripts/run.sh`, text(n, skills.get(name)), 0o755);
    return [[`${name}/scripts/run.sh`, `${n}x`]];
  },
  directory(name, n) {
    put(`${name}/assets/of-${n}/note.md`, text(n, skills.get(name)));
    return [[`${name}/assets/of-${n}/note.md`, `${n}`]];
  },
  remove(name) {
    fs.rmSync(path.join(repo, isFlat(name) ? `${name}.md` : name), { recursive: true });
    skills.set(name, null);
    return [[entryOf(name), 'gone']];
  },
  // Somebody edits the entry on the volume, the way editors save.
  edit(name) {
    const n = skills.get(name);
    const aside = path.join(root, `by-hand-${name}`);
    fs.writeFileSync(aside, text(BY_HAND, n, head(name, BY_HAND)));
    return [[entryOf(name), `${n}`, () => fs.renameSync(aside, path.join(target, entryOf(name)))]];
  },
  // Somebody removes it.
  lose(name) {
    return [[entryOf(name), `${skills.get(name)}`, () => fs.rmSync(path.join(target, entryOf(name)))]];
  },
};
const OF_FLAT = ['update', 'edit', 'remove', 'lose'];

/** One change: what it is, and what must be seen of it. */
function change(n, name) {
  if (skills.get(name) === null) {
    write(name, n);
    return { n, kind: 'add', paths: [[entryOf(name), `${n}`]] };
  }
  const all = isFlat(name) ? OF_FLAT : Object.keys(KINDS);
  const kind = all[turns.get(name) % all.length];
  turns.set(name, turns.get(name) + 1);
  return { n, kind, paths: KINDS[kind](name, n) };
}

async function serve() {
  const env = {
    PATH: process.env.PATH, SKILLS_REPO: repo, SKILLS_DIR: target, STATE_DIR: path.join(root, 'state'),
    HOST: '127.0.0.1', SKILL_SYNC_PORT: '0', API_TOKEN: TOKEN, POLL_INTERVAL: '1h', LOG_FORMAT: 'json',
    PRUNE_LIMIT: '100%', LAYOUT: layout,
  };
  const service = spawn(binary, ['run'], { env, stdio: ['ignore', 'ignore', 'pipe'] });
  let log = '';
  const address = await new Promise((resolve, reject) => {
    service.once('error', reject);
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

function commit(message) {
  git('add', '-A');
  git('commit', '-qm', message, '--allow-empty');
}

/** Makes up to `BATCH` changes from number `first` on, and waits until every consumer has seen them. */
async function batch(first, all, address, count) {
  const names = [...skills.keys()];
  const numbers = Array.from({ length: Math.min(BATCH, changes - first + 1) }, (_, at) => first + at);
  const made = numbers.map((n) => change(n, names[n % names.length]));
  made.forEach(({ kind }) => count.set(kind, (count.get(kind) ?? 0) + 1));
  const expected = made.flatMap(({ n, kind, paths }) => paths.map(([file, what, drift]) => ({ n, kind, file, what, drift })));
  all.forEach((consumer) => consumer.expect(expected));
  commit(`changes from ${first}`);
  expected.forEach(({ drift }) => drift?.());
  await pass(address);
  await Promise.all(all.map((consumer) => consumer.see(expected)));
  return numbers.length;
}

function report(all, count) {
  console.log(`LAYOUT=${layout}, ${changes} changes: ${[...count].map(([kind, n]) => `${n} ${kind}`).join(', ')}`);
  let wrong = 0;
  for (const { label, asked, missed, mixed, windows } of all) {
    wrong += missed.length + mixed.length;
    console.log(`${label}: ${asked - missed.length} of ${asked} seen, ${mixed.length} torn, mixed or failed`);
    missed.slice(0, 8).forEach((what) => console.log(`  not seen: ${what}`));
    mixed.slice(0, 3).forEach((what) => console.log(`  ${what}`));
    if (windows.length === 0) continue;
    const [sorted, ms] = [[...windows].sort((a, b) => a - b), (value) => `${value.toFixed(1)} ms`];
    const [half, most] = [sorted[Math.floor(sorted.length / 2)], sorted.at(-1)];
    console.log(`  between two renames of one skill: met ${sorted.length} times, for ${ms(half)} at the median, ${ms(most)} at most`);
  }
  return wrong === 0 && all.length > 0 ? 0 : 1;
}

async function main() {
  fs.mkdirSync(repo);
  git('init', '-q', '-b', 'main');
  [...skills.keys()].forEach((name) => write(name, 0));
  commit('first');
  const { service, address, told } = await serve();
  const all = [];
  try {
    await pass(address);
    all.push(...(await start(target, cache, required)));
    const count = new Map();
    for (let n = 1; n <= changes; ) n += await batch(n, all, address, count);
    return report(all, count);
  } catch (error) {
    console.error(error, told());
    return 1;
  } finally {
    all.forEach((consumer) => consumer.stop());
    service.kill('SIGTERM');
    await new Promise((resolve) => (service.exitCode === null ? service.once('exit', resolve) : resolve()));
    fs.rmSync(root, { recursive: true, force: true });
  }
}

process.exit(await main());
